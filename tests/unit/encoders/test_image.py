from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pictures
from graphs import MEAN_COLOUR, fussy, mean_colour
from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.encoders.port import Encoder
from tonari.errors import InvalidEncoderError, UnencodableImageError, UnsupportedImageError
from tonari.images.framing import Framing

CONFIG = EncoderConfig(
    "mean colour", "image", "embedding", Framing(4, 4, 4, resample="bilinear", background=(255, 255, 255)), 3
)


def changed(path: str, value: Any) -> bytes:
    """``encoder.json`` with one value replaced, or taken out where it is None."""
    raw = json.loads(json.dumps(MEAN_COLOUR))
    place = raw
    *rooms, last = path.split(".")
    for room in rooms:
        place = place[room]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(raw).encode()


def make(tmp_path: Path, factors: Sequence[float] = (1, 1, 1), **config: Any) -> ImageEncoder:
    return ImageEncoder(replace(CONFIG, **config), mean_colour(tmp_path / "model.onnx", factors))


def flat(*colour: int) -> NDArray[np.uint8]:
    return np.full((4, 4, 3), colour, np.uint8)


def test_encoder_json_is_read() -> None:
    assert EncoderConfig.parse(json.dumps(MEAN_COLOUR).encode()) == CONFIG


@pytest.mark.parametrize(
    "path",
    [
        "format",
        "name",
        "input",
        "input.name",
        "input.dtype",
        "input.layout",
        "input.height",
        "input.width",
        "preprocessing",
        "preprocessing.version",
        "preprocessing.shortest_edge",
        "preprocessing.resample",
        "preprocessing.background",
        "output",
        "output.name",
        "dimensions",
        "metric",
    ],
)
def test_a_missing_field_is_named(path: str) -> None:
    with pytest.raises(InvalidEncoderError, match=path.rpartition(".")[2]):
        EncoderConfig.parse(changed(path, None))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("format", 2, "format 2 and preprocessing 1; this version reads format 1"),
        ("preprocessing.version", 2, "format 1 and preprocessing 2; this version reads"),
        ("input.dtype", "float32", "must say input uint8"),
        ("input.layout", "NCHW", "layout NHWC"),
        ("metric", "euclidean", "metric cosine"),
        ("input.height", "tall", "not of the documented form"),
        ("input.height", 0, "not of the documented form"),
        ("preprocessing.resample", "cubic", "not of the documented form"),
        ("preprocessing.background", 5, "not of the documented form"),
        ("preprocessing.background", [0, 0, 256], "not of the documented form"),
        ("preprocessing.shortest_edge", 3, "not of the documented form"),
        ("dimensions", [3], "not of the documented form"),
        ("dimensions", 0, "dimensions 0; at least 1"),
        ("input", "image", "not of the documented form"),
    ],
)
def test_another_form_is_refused(path: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidEncoderError, match=says):
        EncoderConfig.parse(changed(path, value))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff"])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoderError, match="not of the documented form"):
        EncoderConfig.parse(data)


def test_an_id_names_both_files() -> None:
    model, config = hashlib.sha256(b"model").digest(), hashlib.sha256(b"config").digest()

    assert encoder_id(b"model", b"config") == hashlib.sha256(model + config).hexdigest()
    ids = {encoder_id(*files) for files in ((b"a", b"b"), (b"b", b"a"), (b"ab", b""), (b"", b"ab"), (b"a", b"c"))}
    assert len(ids) == 5


def test_embeddings_have_length_one(tmp_path: Path) -> None:
    embeddings = make(tmp_path).embed([flat(0, 0, 9), flat(3, 4, 0), flat(1, 1, 1)])

    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, np.array([[0, 0, 1], [0.6, 0.8, 0], [3**-0.5] * 3]), rtol=1e-6)


def test_no_views_make_no_embeddings(tmp_path: Path) -> None:
    assert make(tmp_path).embed([]).shape == (0, 3)


def test_an_embedding_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    encoder = make(tmp_path)
    views = [flat(*colour) for colour in ((1, 2, 3), (200, 0, 7), (9, 9, 9))]

    alone = np.concatenate([encoder.embed([view]) for view in views])

    assert encoder.embed(views).tobytes() == alone.tobytes()


def test_it_fills_the_port(tmp_path: Path) -> None:
    encoder: Encoder = make(tmp_path)

    data = pictures.encoded(Image.new("RGB", (40, 30), (30, 40, 0)), "PNG")
    embedding = encoder.encode(data)

    assert make(tmp_path).read(data).shape == (4, 4, 3)
    assert (encoder.name, encoder.modalities, encoder.dimensions) == ("mean colour", {"image"}, 3)
    np.testing.assert_allclose(embedding, [0.6, 0.8, 0], rtol=1e-6)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError):
        make(tmp_path).encode(b"no picture")


@pytest.mark.parametrize("factors", [(np.nan, 1, 1), (np.inf, 1, 1), (0, 0, 0)])
def test_a_vector_that_points_nowhere_is_refused(tmp_path: Path, factors: tuple[float, ...]) -> None:
    with pytest.raises(UnencodableImageError, match=r"gives a vector with NaN, infinity or no length.*replace"):
        make(tmp_path, factors).embed([flat(1, 1, 1)])


def test_the_encoder_is_not_to_blame_for_one_picture_without_a_vector(tmp_path: Path) -> None:
    encoder = make(tmp_path)

    with pytest.raises(UnencodableImageError):
        encoder.encode(pictures.encoded(Image.new("RGB", (9, 9), (0, 0, 0)), "PNG"))
    assert encoder.encode(pictures.encoded(Image.new("RGB", (9, 9), (5, 0, 0)), "PNG"))[0] == 1


def test_a_graph_that_fails_on_one_picture_serves_the_others(tmp_path: Path) -> None:
    encoder = ImageEncoder(CONFIG, fussy(tmp_path / "model.onnx"))

    with pytest.raises(UnencodableImageError, match=r"failed on input \(1, 4, 4, 3\) uint8: [^\n]*out of data bounds"):
        encoder.embed([flat(7, 0, 0)])
    np.testing.assert_allclose(encoder.embed([flat(1, 0, 0)]), [[1, 0, 0]])


@pytest.mark.parametrize("where", ["tonari.encoders.image.prepare", "tonari.encoders.image.Session.run"])
def test_a_picture_that_exhausts_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    encoder = make(tmp_path)
    monkeypatch.setattr(where, exhaust)

    with pytest.raises(UnencodableImageError, match="more memory than there is: scale it down"):
        encoder.encode(pictures.encoded(Image.new("RGB", (9, 9), (5, 0, 0)), "PNG"))


@pytest.mark.parametrize("factor", [1e-24, 1e36])
def test_faint_and_loud_vectors_get_length_one(tmp_path: Path, factor: float) -> None:
    np.testing.assert_allclose(
        make(tmp_path, (factor,) * 3).embed([flat(30, 40, 0)]), [[0.6, 0.8, 0]], rtol=1e-5, atol=1e-6
    )


def test_another_length_than_promised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match=r"gave \(1, 3\), encoder.json promises \(1, 5\)"):
        make(tmp_path, dimensions=5).embed([flat(1, 1, 1)])


def test_another_input_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match=r"failed on input \(1, 5, 5, 3\) uint8"):
        make(tmp_path).embed([np.zeros((5, 5, 3), np.uint8)])


@pytest.mark.parametrize("config", [{"input_name": "pixels"}, {"output_name": "features"}])
def test_names_that_the_graph_lacks_are_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    (wrong,) = config.values()

    with pytest.raises(InvalidEncoderError, match=rf"{wrong}.*the graph has inputs \['image'\] and outputs"):
        make(tmp_path, **config)


@pytest.mark.parametrize("keep", [0, 1, 0.5, 0.9])
def test_a_truncated_graph_is_refused(tmp_path: Path, keep: float) -> None:
    path = mean_colour(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep) if keep < 1 else 1])

    with pytest.raises(InvalidEncoderError, match="does not load"):
        ImageEncoder(CONFIG, path)


def test_a_missing_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match="does not load"):
        ImageEncoder(CONFIG, tmp_path / "nowhere.onnx")
