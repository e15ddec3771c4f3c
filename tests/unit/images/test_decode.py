from __future__ import annotations

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

import pictures
from pictures import BLUE, GREEN, RED, YELLOW, encoded, oriented, photo, png, quarters
from tonari.errors import InvalidImageError, InvalidRequestError, RequestError, TooLargeError, UnsupportedImageError
from tonari.images.decode import _decode, memory_needed, prepare
from tonari.images.framing import Framing, Region
from tonari.images.guards import FORMATS, MAX_BYTES, MAX_COEFFICIENTS, MAX_PIXELS, MAX_SCANS, MAX_SIDE, admit
from tonari.images.headers import MAX_PARTS

FRAMING = Framing(height=224, width=224, shortest_edge=256)
EXACT = Framing(height=64, width=64, shortest_edge=64)
SQUASHED = Framing(height=64, width=64, squashed=(72, 72), rounding="even")
PINK = (250, 120, 180)
VALID = pictures.valid()


def flat(colour, framing=EXACT):
    return np.full((framing.height, framing.width, 3), colour, np.uint8)


def corners(view):
    inset = view[16:-16, 16:-16]
    return [inset[y, x].astype(int) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1))]


def difference(one, other):
    return np.abs(one.astype(int) - np.asarray(other).astype(int))


def attempt(data):
    try:
        return prepare(data, EXACT)
    except RequestError as refused:
        return refused


def resized_then_cropped(image, framing):
    """The textbook order: resize all of it, then cut out the centre, to whole pixels."""
    shorter = min(image.size)
    size = tuple(round(side * framing.shortest_edge / shorter) for side in image.size)
    whole = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - framing.width) // 2, (size[1] - framing.height) // 2
    return np.asarray(whole.crop((left, top, left + framing.width, top + framing.height)))


# --- framing


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (1024, 512), (384, 768), (320, 240), (30, 20), (20, 41)])
def test_framing_is_resize_by_shortest_edge_then_centre_crop(size):
    image = photo(*size)
    view = prepare(encoded(image, "PNG"), FRAMING)
    assert view.shape == (224, 224, 3)
    assert view.dtype == np.uint8
    assert view.flags.c_contiguous
    assert difference(view, resized_then_cropped(image, FRAMING)).max() <= 6
    assert difference(view, resized_then_cropped(image, FRAMING)).mean() < 1


def test_a_picture_of_the_right_size_is_only_cropped():
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8))
    assert np.array_equal(prepare(encoded(image, "PNG"), FRAMING), np.asarray(image)[16:240, 16:240])


@pytest.mark.parametrize("orientation", [1, 6])
def test_height_and_width_are_those_of_the_upright_picture(orientation):
    view = prepare(oriented(orientation, image=photo(300, 200)), Framing(height=32, width=64, shortest_edge=64))
    assert view.shape == (32, 64, 3)


@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos"])
def test_resample_names_the_filter(resample):
    image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (128, 128, 3), dtype=np.uint8))
    expected = image.resize((64, 64), Image.Resampling[resample.upper()])
    assert np.array_equal(prepare(encoded(image, "PNG"), replace(EXACT, resample=resample)), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"height": 300},
        {"width": 0},
        {"shortest_edge": 200},
        {"resample": "cubic"},
        {"background": (0, 0)},
        {"background": (0, 0, 256)},
    ],
)
def test_impossible_framing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(FRAMING, **wrong)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_of_an_extreme_aspect_the_centre_is_seen(turned, mode):
    pixels = np.zeros((20_000, 1, 3), np.uint8)
    pixels[9_990:10_010] = PINK
    image = Image.fromarray(pixels.transpose(1, 0, 2) if turned else pixels).convert(mode)
    assert np.array_equal(prepare(encoded(image, "PNG"), FRAMING), flat(PINK, FRAMING))


@pytest.mark.parametrize("size", [(2048, 2048), (2077, 1535), (4001, 1030), (1030, 4001)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_decoding_a_large_jpeg_at_a_fraction_changes_and_shifts_nothing(size, options):
    data = encoded(photo(*size, detail=64), "JPEG", quality=95, **options)
    with Image.open(BytesIO(data)) as whole:
        expected = prepare(encoded(whole.convert("RGB"), "PNG", compress_level=0), FRAMING)
    assert difference(prepare(data, FRAMING), expected).max() <= 3
    assert difference(prepare(data, FRAMING), expected).mean() < 0.4


@pytest.mark.parametrize("size", [(1000, 300), (300, 1000), (257, 263), (40, 90)])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos"])
def test_an_alpha_channel_that_hides_nothing_changes_nothing(size, resample):
    image, framing = photo(*size, detail=100), replace(FRAMING, resample=resample)
    plain = prepare(encoded(image, "PNG"), framing)
    cut = prepare(encoded(image.convert("RGBA"), "PNG"), framing)
    assert difference(cut, plain).max() <= 2  # Pillow chooses by aspect which side to resize first, and rounds between


# --- awkward pictures


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, (RED, GREEN, BLUE, YELLOW)),
        (2, (GREEN, RED, YELLOW, BLUE)),
        (3, (YELLOW, BLUE, GREEN, RED)),
        (4, (BLUE, YELLOW, RED, GREEN)),
        (5, (RED, BLUE, GREEN, YELLOW)),
        (6, (BLUE, RED, YELLOW, GREEN)),
        (7, (YELLOW, GREEN, BLUE, RED)),
        (8, (GREEN, YELLOW, RED, BLUE)),
        (0, (RED, GREEN, BLUE, YELLOW)),
        (99, (RED, GREEN, BLUE, YELLOW)),
    ],
)
def test_exif_orientation(kind, orientation, expected):
    view = prepare(oriented(orientation, kind), FRAMING)
    for seen, meant in zip(corners(view), expected, strict=True):
        assert difference(seen, meant).max() <= 12


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0",
        b"nonsense",
    ],
)
def test_damaged_exif_is_no_orientation(body):
    plain = prepare(encoded(quarters(), "JPEG"), FRAMING)
    assert np.array_equal(prepare(pictures.mislabelled_exif(body), FRAMING), plain)


def test_sixteen_bit_grey_is_scaled_not_saturated():
    ramp = np.linspace(0, 65_535, 64 * 64).astype(np.uint16).reshape(64, 64)
    view = prepare(encoded(Image.fromarray(ramp), "PNG"), EXACT)
    assert np.array_equal(view, np.repeat((ramp >> 8).astype(np.uint8)[..., None], 3, axis=2))


def test_sixteen_bit_colour_is_scaled():
    row = b"\0" + np.array([0x12FF, 0x8000, 0xFEDC], ">u2").tobytes() * 64
    assert np.array_equal(prepare(png(64, 64, 16, 2, row * 64), EXACT), flat((0x12, 0x80, 0xFE)))


def test_one_bit():
    row = b"\0" + b"\xff\xff\xff\xff\0\0\0\0"
    view = prepare(png(64, 64, 1, 0, row * 64), EXACT)
    assert (view[:, :32] == 255).all()
    assert (view[:, 32:] == 0).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_colour_under_full_transparency_is_never_seen(mode, kind):
    image = photo(64, 64)
    image.putalpha(0)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = encoded(image.convert(mode), kind, **options)
    assert np.array_equal(prepare(data, EXACT), flat((255, 255, 255)))
    assert np.array_equal(prepare(data, replace(EXACT, background=PINK)), flat(PINK))


def test_half_transparency_lies_over_the_background():
    image = Image.new("RGBA", (64, 64), (0, 100, 200, 128))
    view = prepare(encoded(image, "PNG"), replace(EXACT, background=(255, 0, 0)))
    assert difference(view, flat((127, 50, 100))).max() <= 1


def test_a_hidden_colour_does_not_bleed_into_its_neighbours():
    image = Image.new("RGBA", (512, 512), (*RED, 0))
    image.paste((*BLUE, 255), (256, 0, 512, 512))
    view = prepare(encoded(image, "PNG"), FRAMING).astype(int)
    assert (view[..., 2] >= BLUE[2] - 25).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_with_transparency(kind):
    image = Image.new("P", (64, 64), 1)
    image.putpalette((*RED, *GREEN, *BLUE))
    image.paste(2, (0, 0, 64, 32))
    view = prepare(encoded(image, kind, transparency=2), replace(EXACT, background=PINK))
    assert np.array_equal(view[:32], flat(PINK)[:32])
    assert np.array_equal(view[32:], flat(GREEN)[32:])


def test_palette_with_alpha_values():
    image = Image.new("P", (64, 64), 1)
    image.putpalette((*RED, 0, 0, 0))
    view = prepare(encoded(image, "PNG", transparency=b"\xff\x80"), EXACT)
    assert difference(view, flat((127, 127, 127))).max() <= 1


@pytest.mark.parametrize(
    ("depth", "colour_type", "row", "key"),
    [
        (1, 0, b"\xff" * 8, b"\0\1"),
        (2, 0, b"\xaa" * 16, b"\0\2"),
        (4, 0, b"\xaa" * 32, b"\0\x0a"),
        (8, 0, b"\xaa" * 64, b"\0\xaa"),
        (16, 0, b"\xaa\xbb" * 64, b"\xaa\xbb"),
        (8, 2, b"\xaa\xbb\xcc" * 64, b"\0\xaa\0\xbb\0\xcc"),
        (16, 2, b"\xaa\0\xbb\0\xcc\0" * 64, b"\xaa\0\xbb\0\xcc\0"),
    ],
)
def test_a_colour_that_means_transparent_is_met_at_every_depth(depth, colour_type, row, key):
    data = png(64, 64, depth, colour_type, (b"\0" + row) * 64, pictures.chunk(b"tRNS", key))
    assert np.array_equal(prepare(data, replace(EXACT, background=PINK)), flat(PINK))


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, YELLOW, (255, 255, 255), (0, 0, 0)])
@pytest.mark.parametrize("make", [pictures.cmyk_jpeg, pictures.ycck_jpeg])
def test_print_colours(make, colour):
    assert difference(prepare(make(colour), EXACT), flat(colour)).max() <= 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind):
    assert difference(prepare(pictures.animated(kind), EXACT), flat(RED)).max() <= 5


def test_a_multi_picture_jpeg_gives_its_first():
    plain = prepare(encoded(quarters(), "JPEG"), FRAMING)
    assert difference(prepare(pictures.multi_picture_jpeg(), FRAMING), plain).max() <= 1


@pytest.mark.parametrize("name", VALID)
def test_every_accepted_kind_is_framed_without_a_warning(name):
    assert prepare(VALID[name], FRAMING).shape == (224, 224, 3)


def test_formats_are_what_is_accepted():
    accepted = {Image.MIME[admit(data).format] for data in VALID.values()}
    assert set(FORMATS) == accepted == {Image.MIME[name] for name in MAX_PIXELS}


# --- refusals


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "empty"),
        (bytes(1000), "no picture"),
        (b"hello", "no picture"),
        (b"\xff\xd8", "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "PostScript"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\n <svg/>", "SVG"),
        (encoded(quarters(), "TIFF"), "TIFF"),
        (encoded(quarters(), "BMP"), "BMP"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "HEIC"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "no picture"),
        (pictures.lossless_jpeg(), "Lossless"),
        (pictures.twelve_bit_jpeg(), "12-bit"),
    ],
)
def test_what_is_not_a_supported_picture(data, named):
    with pytest.raises(UnsupportedImageError, match=named) as refused:
        prepare(data, FRAMING)
    assert "save it as" in refused.value.detail


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_picture_is_refused(name, part):
    data = VALID[name]
    first = admit(data).data  # what an animation or a second picture adds may be missing
    with pytest.raises(InvalidImageError, match=r"early|ends before|damaged"):
        prepare(first[: int(len(first) * part)], FRAMING)


@pytest.mark.parametrize(
    ("kind", "missing"),
    [("JPEG", 4), ("JPEG", 8), ("JPEG", 12), ("PNG", 13), ("PNG", 20), *(("WEBP", count) for count in (1, 2, 8, 12))],
)
def test_a_picture_without_its_last_bytes_is_refused(kind, missing):
    with pytest.raises(InvalidImageError, match=r"ends before|ends early|damaged"):
        prepare(encoded(photo(65, 63), kind)[:-missing], FRAMING)


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "fine": {"quality": 95, "subsampling": 0},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_blocks": 5},
}
LEFT_BEHIND = {"nothing": b"", "half": b"\xff", "zeros": bytes(4096), "half and zeros": b"\xff" + bytes(4096)}


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("behind", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_a_jpeg_without_its_end_marker_is_decoded_if_no_pixel_is_missing(options, mode, behind):
    for size in ((97, 65), (700, 900)):
        whole = encoded(photo(*size, detail=40).convert(mode), "JPEG", **options)
        assert whole.endswith(b"\xff\xd9")
        open_ended = whole[:-2] + behind

        assert (admit(whole).open_ended, admit(open_ended).open_ended) == (False, True)
        assert np.array_equal(prepare(open_ended, EXACT), prepare(whole, EXACT))


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("behind", [b"", bytes(4096)], ids=["nothing", "zeros"])
def test_a_jpeg_that_stops_in_the_middle_is_refused_whatever_stands_behind_it(options, part, behind):
    whole = encoded(photo(300, 200, detail=40), "JPEG", **options)

    with pytest.raises(InvalidImageError, match=r"ends before|ends early|damaged"):
        prepare(whole[: int(len(whole) * part)] + behind, FRAMING)


@pytest.mark.parametrize("missing", range(1, 13))
def test_a_png_without_its_end_is_decoded(missing):
    whole = encoded(photo(65, 63), "PNG")

    assert np.array_equal(prepare(whole[:-missing], EXACT), prepare(whole, EXACT))


def test_a_jpeg_without_its_end_marker_may_have_half_of_the_pixels():
    data = pictures.promising_jpeg(6_000, 5_000)
    assert admit(data).open_ended is False
    with pytest.raises(TooLargeError, match="JPEG without its end marker is 25 megapixels"):
        admit(data.removesuffix(b"\xff\xd9"))
    progressive = pictures.promising_jpeg(4_500, 4_500, progressive=True)
    assert admit(progressive).scans > 1
    with pytest.raises(TooLargeError, match=r"without its end marker has 3.* the limit is 26,000,000"):
        admit(progressive.removesuffix(b"\xff\xd9"))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (pictures.pixel_bomb_png(), "7,100 x 7,100.*PNG is 16 megapixels.*scale it down"),
        (pictures.promising_png(4_001, 4_000), "16 megapixels"),
        (pictures.png(3_610, 3_610, 16, 2, bytes(100)), "PNG of 16 bits is 13 megapixels"),
        (pictures.promising_png(2**31 - 1, 1), f"{MAX_SIDE:,}"),
        (pictures.promising_png(65_535, 65_535), f"{MAX_SIDE:,}"),
        (pictures.promising_jpeg(7_100, 7_100), "50 megapixels"),
        (pictures.promising_jpeg(65_500, 500), f"{MAX_SIDE:,}"),
        (pictures.promising_gif(30_000, 30_000, of_frame=False), "25 megapixels"),
        (pictures.promising_gif(30_000, 30_000, of_frame=True), "25 megapixels"),
        (pictures.promising_webp(16_383, 16_383), "13 megapixels"),
        (pictures.promising_jpeg(6_000, 6_000, progressive=True), "scans has 54,[0-9,]+ coefficients.*52,000,000"),
    ],
)
def test_too_many_pixels_are_refused_before_any_is_decoded(data, named):
    with pytest.raises(TooLargeError, match=named):
        admit(data)
    with pytest.raises(TooLargeError, match=named):
        prepare(data, FRAMING)


def test_too_many_bytes():
    with pytest.raises(TooLargeError, match=f"{MAX_BYTES:,}"):
        prepare(bytes(MAX_BYTES + 1), FRAMING)


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_no_pixels(size):
    for data in (pictures.promising_png(*size), pictures.promising_jpeg(*size)):
        with pytest.raises(InvalidImageError, match=" x "):
            prepare(data, FRAMING)


def test_scans_are_counted():
    assert prepare(pictures.many_scans_jpeg(MAX_SCANS), FRAMING).shape == (224, 224, 3)
    with pytest.raises(InvalidImageError, match=f"33 scans, the limit is {MAX_SCANS}.*baseline"):
        admit(pictures.many_scans_jpeg(MAX_SCANS + 1))


def test_scans_behind_a_false_end_are_not_decoded():
    assert admit(pictures.hidden_scans_jpeg()).scans == 1


def test_scans_of_a_thumbnail_are_not_counted():
    thumbnail = pictures.many_scans_jpeg(MAX_SCANS + 10)
    assert admit(pictures.mislabelled_exif(b"II*\0" + thumbnail)).scans == 1


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt", b"acTL", b"eXIf"])
@pytest.mark.parametrize("times", [1, 70])
def test_metadata_never_reaches_the_decoder(kind, times):
    data = pictures.packed_chunk_png(kind, 200_000_000 // times, times)
    assert len(admit(data).data) < 100
    assert np.array_equal(prepare(data, EXACT), flat(RED))


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT"])
def test_a_flood_of_parts_is_refused(kind):
    with pytest.raises(InvalidImageError, match=f"{MAX_PARTS:,} parts"):
        prepare(pictures.many_chunks_png(MAX_PARTS, kind), FRAMING)


@pytest.mark.parametrize("data", [pictures.two_headed_png(), pictures.two_headed_jpeg()])
def test_two_headers_are_refused(data):
    with pytest.raises(InvalidImageError, match="it has two"):
        prepare(data, FRAMING)


def test_a_canvas_that_is_not_its_frame_is_refused():
    with pytest.raises(InvalidImageError):
        prepare(pictures.promising_webp(3_000, 4_000), FRAMING)


def test_a_decoder_that_reads_another_size_than_the_guard_is_stopped():
    header = replace(admit(encoded(quarters(), "PNG")), width=319)
    with pytest.raises(InvalidImageError, match="two sizes"):
        _decode(header, EXACT, (0, 0, header.width, header.height))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(VALID)),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    near_header=st.booleans(),
    cut=st.tuples(st.floats(0, 1), st.integers(0, 40)),
    repeat=st.tuples(st.floats(0, 1), st.integers(0, 40)),
)
def test_whatever_the_bytes_only_a_view_or_a_refusal_comes_out(name, edits, near_header, cut, repeat):
    data = bytearray(VALID[name])
    reach = min(len(data), 200) if near_header else len(data)
    for place, value in edits:
        data[int(place * (reach - 1))] = value
    at, count = int(cut[0] * len(data)), cut[1]
    del data[at : at + count]
    at, count = int(repeat[0] * len(data)), repeat[1]
    data[at:at] = data[at : at + count]
    outcome = attempt(bytes(data))
    if isinstance(outcome, RequestError):
        assert isinstance(outcome, (UnsupportedImageError, InvalidImageError, TooLargeError))
        assert len(outcome.detail) < 400
    else:
        assert outcome.shape == (64, 64, 3)
        assert outcome.dtype == np.uint8


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", pictures.PNG_MAGIC, b"RIFF", b"GIF89a"]))
def test_arbitrary_bytes_are_refused(data, magic):
    with pytest.raises(RequestError):
        prepare(magic + data, EXACT)


def test_threads_do_not_disturb_each_other():
    many = list(VALID.values()) * 4
    alone = [prepare(data, FRAMING) for data in many]
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda data: prepare(data, FRAMING), many))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert limit == Image.MAX_IMAGE_PIXELS
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("kind", "mode", "size", "options"),
    [
        ("PNG", "RGBA", (4_000, 4_000), {"compress_level": 1}),
        ("WEBP", "RGBA", (3_605, 3_605), {"lossless": True, "quality": 0, "method": 0}),
        ("GIF", "P", (5_000, 5_000), {"transparency": 1}),
        ("JPEG", "CMYK", (6_340, 2_047), {"progressive": True}),  # too narrow for less than half its size
    ],
)
def test_the_dearest_accepted_picture_stays_within_its_memory(kind, mode, size, options, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(encoded(Image.new(mode, size), kind, **options))
    assert 0.98 < size[0] * size[1] / (MAX_COEFFICIENTS / 4 if kind == "JPEG" else MAX_PIXELS[kind]) <= 1
    measured = subprocess.run([sys.executable, "-c", PEAK, path], check=True, capture_output=True, text=True)
    assert 25 < int(measured.stdout) < 200


PEAK = """
import pathlib, sys
from tonari.images.decode import prepare
from tonari.images.framing import Framing

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024

data = pathlib.Path(sys.argv[1]).read_bytes()
before = peak()
prepare(data, Framing(224, 224, 256))
print(peak() - before)
"""


# --- regions


def cut_out(image, region):
    width, height = image.size
    left, top = round(region.x * width), round(region.y * height)
    right, bottom = round((region.x + region.width) * width), round((region.y + region.height) * height)
    return image.crop((left, top, right, bottom))


REGIONS = [Region(0.1, 0.2, 0.5, 0.4), Region(0, 0.5, 1, 0.5), Region(0.333, 0.333, 0.333, 0.333)]


@pytest.mark.parametrize("framing", [FRAMING, EXACT, replace(FRAMING, resample="nearest"), SQUASHED])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_seen_as_if_it_were_the_whole_picture(kind, region, framing):
    data = encoded(photo(500, 301), kind, **({"lossless": True} if kind == "WEBP" else {}))
    decoded = Image.open(BytesIO(data)).convert("RGB")
    alone = encoded(cut_out(decoded, region), "PNG")
    assert np.array_equal(prepare(data, framing, region=region), prepare(alone, framing))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("region", REGIONS)
def test_a_region_lies_in_the_upright_picture(orientation, region):
    image = photo(500, 301)
    data = oriented(orientation, "PNG", image=image)
    upright = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    alone = encoded(cut_out(upright, region).convert("RGB"), "PNG")
    assert difference(prepare(data, FRAMING, region=region), prepare(alone, FRAMING)).max() <= 4


def test_the_whole_as_a_region_is_the_whole():
    data = encoded(photo(900, 700), "JPEG")
    assert np.array_equal(prepare(data, FRAMING, region=Region(0, 0, 1, 1)), prepare(data, FRAMING))


@pytest.mark.parametrize("share", [1 / 4, 1 / 8])
def test_a_region_of_a_large_jpeg_has_all_the_pixels_that_there_are(share):
    """Decoded at the fraction that suits its whole, the region would be a blur."""
    stripes = np.zeros((4096, 4096, 3), np.uint8)
    stripes[:, (np.arange(4096) // 8) % 2 == 1] = 255
    image = Image.fromarray(stripes)
    region = Region(0.25, 0.25, share, share)
    view = prepare(encoded(image, "JPEG", quality=95), FRAMING, region=region)
    alone = prepare(encoded(cut_out(image, region), "PNG"), FRAMING)
    assert difference(view, alone).mean() < 6
    whole = prepare(encoded(image, "JPEG", quality=95), FRAMING)
    assert whole.std() < alone.std() / 2


def test_a_region_of_a_jpeg_at_its_limit_costs_little_more_than_half_its_size():
    header = admit(encoded(Image.new("L", (8_000, 6_000)), "JPEG"))
    small = Region(0.5, 0.5, 0.02, 0.02)
    assert memory_needed(header, FRAMING, small) - len(header.data) == 8 * 4_000 * 3_000
    smaller = admit(encoded(Image.new("L", (2_000, 1_000)), "JPEG"))
    assert memory_needed(smaller, FRAMING, Region(0.5, 0.5, 0.1, 0.1)) - len(smaller.data) == 8 * 2_000 * 1_000


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_region_of_a_few_pixels_is_refused(orientation):
    data = oriented(orientation, "PNG", image=photo(300, 200))
    width, height = (200, 300) if orientation == 6 else (300, 200)
    prepare(data, EXACT, region=Region(0, 0, 16 / width, 16 / height))
    with pytest.raises(
        InvalidRequestError, match=rf"15 x {height} pixels of this picture of {width} x {height}, .* 16 "
    ):
        prepare(data, EXACT, region=Region(0, 0, 15 / width, 1))
