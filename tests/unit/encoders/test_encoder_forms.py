"""Encoders that take other than raw pixels: what ``encoder.json`` of format 2 says, held against the textbook."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto
from PIL import Image

from models import Model
from pictures import encoded, oriented, photo
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.errors import InvalidEncoderError
from tonari.images.decode import prepare
from tonari.images.framing import Framing
from tonari.images.tensor import RAW, TensorForm, to_tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OTHER: dict[str, Any] = {
    "format": 2,
    "name": "other",
    "input": {
        "name": "pixel_values",
        "dtype": "float32",
        "layout": "NCHW",
        "channels": "RGB",
        "height": 24,
        "width": 24,
        "mean": list(MEAN),
        "std": list(STD),
    },
    "preprocessing": {
        "version": 2,
        "resize": {"shortest_edge": 32},
        "resample": "bicubic",
        "background": [255, 255, 255],
    },
    "output": {"name": "image_embeds"},
    "dimensions": 5,
    "metric": "cosine",
    "found": {"input": "by hand"},
}


def changed(path: str, value: Any) -> bytes:
    raw = json.loads(json.dumps(OTHER))
    *rooms, last = path.split(".")
    place = raw
    for room in rooms:
        place = place[room]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(raw).encode()


def resized_then_cut(
    image: Image.Image, size: tuple[int, int], edge: int | None, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.uint8]:
    """What Hugging Face's processors do: resize all of it, rounding down; cut at whole pixels, rounding down."""
    width, height = image.size
    if edge is None:
        return np.asarray(image.resize(size, resample))
    whole = (edge, int(edge * height / width)) if width <= height else (int(edge * width / height), edge)
    left, top = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
    return np.asarray(image.resize(whole, resample).crop((left, top, left + size[0], top + size[1])))


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rescale, then normalise, each step in float32, channels first."""
    scaled = pixels.astype(np.float32) * np.float32(1 / 255)
    return ((scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)).transpose(2, 0, 1)


def cut(edge: int | None, size: tuple[int, int] = (24, 24), **fields: Any) -> Framing:
    squashed = None if edge else (size[1], size[0])
    return Framing(size[1], size[0], edge, squashed=squashed, rounding="pixels", **fields)


# --- encoder.json


def test_format_2_says_all() -> None:
    config = EncoderConfig.parse(json.dumps(OTHER).encode())
    assert config.framing == cut(32)
    assert config.form == TensorForm("float32", "NCHW", "RGB", MEAN, STD)
    assert (config.input_name, config.output_name, config.dimensions) == ("pixel_values", "image_embeds", 5)


def test_a_squash_and_raw_bytes_can_be_said() -> None:
    raw = json.loads(changed("preprocessing.resize", {"height": 30, "width": 26}))
    raw["input"] |= {"dtype": "uint8", "layout": "NHWC"}
    config = EncoderConfig.parse(json.dumps(raw).encode())
    assert config.form == RAW
    assert config.framing.squashed == (30, 26)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("format", 4, "format 4 and preprocessing 2; this version reads format 1 with preprocessing 1 and format 2"),
        ("format", 1, "format 1 and preprocessing 2; this version reads"),
        ("format", [2], "not of the documented form"),
        ("input.dtype", "float16", "dtype 'float16' is none of uint8, float32"),
        ("input.layout", "CHWN", "layout 'CHWN'"),
        ("input.channels", "GBR", "channels 'GBR'"),
        ("input.channels", None, "channels"),
        ("input.mean", [0, 0], "length 3.*input.mean"),
        ("input.mean", None, "mean"),
        ("input.std", [1, 1, 0], "must be above 0"),
        ("input.std", [1, 1, float("nan")], "not three numbers"),
        ("preprocessing.cut", "up", "cut 'up' is none of exact, down, even"),
        ("preprocessing.resize", {}, "height"),
        ("preprocessing.resize", {"shortest_edge": 23}, "between 1 and shortest_edge 23"),
        ("preprocessing.resize", {"height": 24, "width": 23}, "between 1 and squashed size 24 x 23"),
        ("preprocessing.resize", 24, "not of the documented form"),
        ("preprocessing.resample", "cubic", "resample 'cubic'"),
        ("metric", "dot", "must say metric cosine"),
    ],
)
def test_another_form_is_refused(path: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidEncoderError, match=says):
        EncoderConfig.parse(changed(path, value))


# --- framing, held against the textbook order on the whole picture


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(20, 400),
    height=st.integers(20, 400),
    edge=st.integers(24, 90),
    size=st.tuples(st.integers(8, 24), st.integers(8, 24)),
)
def test_resize_and_cut_are_those_of_the_textbook(width: int, height: int, edge: int, size: tuple[int, int]) -> None:
    image = photo(width, height)
    view = prepare(encoded(image, "PNG"), cut(edge, size))
    difference = np.abs(view.astype(int) - resized_then_cut(image, size, edge))
    assert difference.mean() < 0.6
    assert difference.max() <= 12  # Pillow chooses by aspect which side to resize first, and clips between


@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos", "box", "hamming", "nearest"])
@pytest.mark.parametrize("size", [(200, 160), (31, 300), (7, 9)])
def test_a_squash_is_one_resize(size: tuple[int, int], resample: Any) -> None:
    image = photo(*size)
    view = prepare(encoded(image, "PNG"), cut(None, (24, 20), resample=resample))
    assert np.array_equal(view, resized_then_cut(image, (24, 20), None, Image.Resampling[resample.upper()]))


@pytest.mark.parametrize("options", [{"kind": "PNG"}, {"kind": "JPEG", "quality": 95}])
@pytest.mark.parametrize("edge", [32, None])
def test_single_pixels_are_taken_of_the_whole_picture(edge: int | None, options: dict[str, Any]) -> None:
    """As EfficientNet's processor takes them: of a large JPEG too, which other filters see at a fraction."""
    data = encoded(photo(1601, 907, detail=400), **options)
    view = prepare(data, cut(edge, resample="nearest"))
    with Image.open(BytesIO(data)) as image:
        assert np.array_equal(view, resized_then_cut(image, (24, 24), edge, Image.Resampling.NEAREST))


def test_single_pixels_of_a_large_transparent_picture_are_not_mixed() -> None:
    image = photo(2400, 2000, detail=600)
    image.putalpha(Image.new("L", image.size, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    view = prepare(encoded(image, "PNG"), cut(None, resample="nearest"))
    expected = resized_then_cut(image.convert("RGB"), (24, 24), None, Image.Resampling.NEAREST)
    assert np.array_equal(view, expected)


def test_a_squash_may_be_cut() -> None:
    image = photo(200, 100)
    view = prepare(encoded(image, "PNG"), Framing(20, 24, squashed=(30, 40), rounding="pixels"))
    expected = np.asarray(image.resize((40, 30), Image.Resampling.BICUBIC))[5:25, 8:32]
    assert np.abs(view.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("edge", [33, None])
def test_a_turned_picture_is_cut_as_if_it_stood_upright(orientation: int, edge: int | None) -> None:
    """At 33 an odd pixel is left over on each side: it must fall on the same one whichever way the file lies."""
    image = photo(201, 151)
    upright = _upright(image, orientation)
    view = prepare(oriented(orientation, "PNG", image), cut(edge, (24, 20)))
    assert np.abs(view.astype(int) - resized_then_cut(upright, (24, 20), edge)).max() <= 2


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """EXIF 2.3, table of orientations, in numpy."""
    pixels = np.asarray(image)
    turns = [
        pixels,
        pixels[:, ::-1],
        pixels[::-1, ::-1],
        pixels[::-1],
        pixels.transpose(1, 0, 2),
        pixels.transpose(1, 0, 2)[:, ::-1],
        pixels.transpose(1, 0, 2)[::-1, ::-1],
        pixels.transpose(1, 0, 2)[::-1],
    ]
    return Image.fromarray(np.ascontiguousarray(turns[orientation - 1]))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(("margin", "near"), [(1, 0), (3, 2), (5, 2), (7, 4), (8, 4)])
def test_half_a_pixel_goes_to_the_even_side(margin: int, near: int, orientation: int) -> None:
    """As Python's ``round`` has it, with which torchvision places its cut."""
    side = 24 + margin
    image = Image.fromarray(np.random.default_rng(margin).integers(0, 256, (side, side, 3), np.uint8))
    raw = json.loads(changed("preprocessing.resize", {"shortest_edge": side}))
    raw["preprocessing"]["cut"] = "even"
    framing = EncoderConfig.parse(json.dumps(raw).encode()).framing
    view = prepare(oriented(orientation, "PNG", image), framing)
    upright = np.asarray(_upright(image, orientation))
    assert np.array_equal(view, upright[near : near + 24, near : near + 24])


@pytest.mark.parametrize("framing", [cut(32), cut(None)])
def test_a_large_jpeg_decoded_at_a_fraction_changes_little(framing: Framing) -> None:
    image = photo(1600, 900, detail=32)
    fraction = prepare(encoded(image, "JPEG", quality=95), framing)
    whole = prepare(encoded(image, "PNG"), framing)
    assert np.abs(fraction.astype(int) - whole).max() <= 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"shortest_edge": None},
        {"shortest_edge": 32, "squashed": (32, 32)},
        {"shortest_edge": None, "squashed": (23, 32)},
        {"shortest_edge": 32, "rounding": "up"},
    ],
)
def test_an_impossible_framing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"shortest_edge|squashed|rounding"):
        Framing(24, 24, **wrong)


# --- values


def test_floats_are_rescaled_and_normalised() -> None:
    pixels = np.asarray(photo(24, 24))
    values = to_tensor(pixels, TensorForm("float32", "NCHW", "RGB", MEAN, STD))
    assert (values.dtype, values.shape, values.flags.c_contiguous) == (np.float32, (3, 24, 24), True)
    np.testing.assert_allclose(values, normalised(pixels), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_layout_and_order_of_channels(dtype: Any) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    plain = to_tensor(pixels, TensorForm(dtype))
    assert np.array_equal(to_tensor(pixels, TensorForm(dtype, "NCHW")), plain.transpose(2, 0, 1))
    assert np.array_equal(to_tensor(pixels, TensorForm(dtype, "NHWC", "BGR")), plain[..., ::-1])
    np.testing.assert_allclose(plain, pixels / (255 if dtype == "float32" else 1), rtol=1e-6)


def test_a_picture_goes_all_the_way(tmp_path: Path) -> None:
    """From the file to the unit vector, against numpy and Pillow."""
    model = Model(shape=(1, 3, 24, 24), answered=(1, 5))
    weights, bias = (np.frombuffer(constant.raw_data, np.float32) for constant in model.proto().graph.initializer[1:])
    encoder = ImageEncoder(EncoderConfig.parse(json.dumps(OTHER).encode()), model.write(tmp_path / "model.onnx"))
    image = photo(60, 48)
    vector = normalised(resized_then_cut(image, (24, 24), 32)).mean(axis=(1, 2)) @ weights.reshape(3, 5) + bias
    np.testing.assert_allclose(encoder.encode(encoded(image, "PNG")), vector / np.linalg.norm(vector), atol=2e-3)


def test_another_type_than_the_graph_takes_is_one_clear_line(tmp_path: Path) -> None:
    path = Model(dtype=TensorProto.UINT8, shape=(1, 3, 24, 24), answered=(1, 5)).write(tmp_path / "model.onnx")
    encoder = ImageEncoder(EncoderConfig.parse(json.dumps(OTHER).encode()), path)
    with pytest.raises(
        InvalidEncoderError, match=r"failed on input \(1, 3, 24, 24\) float32: [^\n]*expected"
    ) as refused:
        encoder.embed([encoder.read(encoded(photo(), "PNG"))])
    assert "\n" not in refused.value.detail
