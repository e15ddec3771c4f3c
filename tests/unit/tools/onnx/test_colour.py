from __future__ import annotations

import numpy as np
import onnx
import pytest

from tonari.encoders.onnx import Session
from tonari.errors import UnencodableImageError
from tonari_tools.onnx.colour import BINS, LIGHTNESS, SOFTNESS, SPACING, companded_lab, lattice, write_histogram
from tonari_tools.onnx.graph_writer import GraphWriter, serialise

RED, BLUE, DARK_BLUE, WHITE, GREY = (200, 30, 40), (30, 50, 200), (20, 30, 120), (255, 255, 255), (128, 128, 128)


CHANNELS, SIDE = 3, 7
EVEN = np.ones((CHANNELS, SIDE, SIDE))


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """The histogram of pictures, whose responses are channels of the picture that come after the colours."""
    graph = GraphWriter()
    pixels = graph.node("Transpose", graph.node("Cast", "image", to=onnx.TensorProto.FLOAT), perm=[0, 3, 1, 2])
    colours, responses = (
        graph.node("Slice", pixels, *(graph.constant(f"{name}.{part}", np.array([value])) for part, value in parts))
        for name, parts in (
            ("colours", (("from", 0), ("to", 3), ("axis", 1))),
            ("responses", (("from", 3), ("to", 3 + CHANNELS), ("axis", 1))),
        )
    )
    side = 224 // SIDE
    maps = graph.node("MaxPool", responses, kernel_shape=[side, side], strides=[side, side])
    graph.node("Identity", write_histogram(graph, colours, 224, maps, SIDE), output="colour")
    model = graph.model(("image", ["batch", 224, 224, 3 + CHANNELS]), {"colour": ["batch", BINS]}, {})
    path = tmp_path_factory.mktemp("colour") / "model.onnx"
    path.write_bytes(serialise(model))
    session = Session(path, ("image",), "colour", 1, UnencodableImageError)

    def ask(picture, maps=EVEN):
        wide = np.asarray(maps).transpose(1, 2, 0).repeat(side, axis=0).repeat(side, axis=1)
        given = np.concatenate([picture, wide.astype(np.uint8)], axis=2)[None]
        return session.run({"image": given})[0]

    return ask


@pytest.fixture
def histogram(weighed):
    return lambda *pictures: np.stack([weighed(picture) for picture in pictures])


def square(colour, backdrop=WHITE):
    picture = np.full((224, 224, 3), backdrop, np.uint8)
    picture[56:168, 56:168] = colour
    return picture


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_colours_stand_where_published_lab_values_put_them(rgb, lab):
    chroma = np.hypot(*lab[1:])
    shorter = np.log1p(0.045 * chroma) / 0.045 / max(chroma, 1e-9)
    expected = [LIGHTNESS * lab[0], lab[1] * shorter, lab[2] * shorter]
    np.testing.assert_allclose(companded_lab(np.array(rgb, float)), expected, atol=0.1)


def test_no_two_centres_are_nearer_than_the_lattice_allows():
    centres = lattice()
    apart = np.linalg.norm(centres[:, None] - centres, axis=2) + 1e9 * np.eye(len(centres))
    assert centres.shape == (BINS, 3)
    np.testing.assert_allclose(apart.min(axis=1), SPACING * np.sqrt(2))


def test_a_flat_picture_votes_for_the_centres_nearest_its_colour(histogram):
    for colour in (RED, BLUE, GREY):
        (row,) = histogram(square(colour, backdrop=colour))
        distance = np.linalg.norm(lattice() - companded_lab(np.array(colour, float)), axis=1)
        votes = np.exp(-np.square(distance) / (2 * SOFTNESS**2))
        np.testing.assert_allclose(row, np.sqrt(votes / votes.sum()), atol=2e-3)


def test_rows_have_length_one_even_where_all_is_white_or_black(histogram):
    rows = histogram(square(WHITE), square((0, 0, 0), (0, 0, 0)), square(RED))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_likeness_follows_the_colour_and_not_the_backdrop(histogram):
    red, blue, dark_blue, on_black, small = histogram(
        square(RED), square(BLUE), square(DARK_BLUE), square(RED, (0, 0, 0)), np.roll(square(RED), 20, axis=1)
    )
    assert red @ blue < 0.4
    assert blue @ dark_blue > red @ dark_blue
    assert red @ small > 0.9
    assert red @ on_black > red @ blue


def test_a_white_product_is_white(histogram):
    white, grey, red = histogram(square(WHITE), square(GREY), square(RED))
    pale = histogram(square((245, 245, 245)))[0]
    assert white @ pale > max(white @ grey, white @ red)


def test_a_colour_counts_by_how_strongly_the_network_responds_where_it_is(weighed):
    halves = np.full((224, 224, 3), RED, np.uint8)
    halves[:, 112:] = BLUE
    left, right = (np.zeros((CHANNELS, SIDE, SIDE)) for _ in range(2))
    left[:, :, :2], right[:, :, 5:] = 200, 200
    red, blue = (weighed(square(colour, backdrop=colour)) for colour in (RED, BLUE))

    assert weighed(halves, left) @ red > 0.99
    assert weighed(halves, right) @ blue > 0.99
    assert weighed(halves) @ red == pytest.approx(weighed(halves) @ blue, abs=0.02)


def test_all_channels_count_alike_and_their_scale_does_not_count(weighed):
    halves = np.full((224, 224, 3), RED, np.uint8)
    halves[:, 112:] = BLUE
    maps = np.random.default_rng(0).integers(1, 100, (CHANNELS, SIDE, SIDE))
    maps[1] *= np.arange(SIDE) < 2

    np.testing.assert_allclose(weighed(halves, maps[::-1]), weighed(halves, maps), atol=1e-6)
    np.testing.assert_allclose(weighed(halves, 2 * maps), weighed(halves, maps), atol=1e-6)
    assert np.abs(weighed(halves, maps) - weighed(halves)).max() > 0.01


def test_a_network_that_responds_nowhere_leaves_the_histogram_as_if_it_did_everywhere(weighed):
    picture = square(RED, GREY)
    np.testing.assert_allclose(weighed(picture, 0 * EVEN), weighed(picture), atol=1e-6)
