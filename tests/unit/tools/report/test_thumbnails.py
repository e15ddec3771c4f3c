from __future__ import annotations

import base64
from io import BytesIO

import pytest
from PIL import Image

from pictures import encoded, oriented, quarters
from tonari.errors import RequestError
from tonari_tools.report.thumbnails import SIDE, shrink


def opened(data: bytes) -> tuple[Image.Image, tuple[int, int]]:
    thumbnail = shrink(data)
    kind, _, content = thumbnail.uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(content))), (thumbnail.width, thumbnail.height)


@pytest.mark.parametrize(
    ("size", "small"),
    [((320, 240), (96, 72)), ((240, 320), (72, 96)), ((40, 20), (40, 20)), ((5000, 3), (96, 1)), ((96, 96), (96, 96))],
)
def test_the_aspect_is_kept_and_nothing_is_enlarged(size: tuple[int, int], small: tuple[int, int]) -> None:
    image, said = opened(encoded(quarters(*size), "PNG"))
    assert image.size == said == small
    assert max(said) <= SIDE


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_stands_upright(orientation: int) -> None:
    image, _ = opened(oriented(orientation))
    assert image.size == ((72, 96) if orientation > 4 else (96, 72))


def test_equal_pictures_give_equal_text() -> None:
    data = encoded(quarters(), "JPEG")
    assert shrink(data) == shrink(data)
    assert len(shrink(data).uri) < 8000


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", b"GIF89a", encoded(quarters(), "JPEG")[:900]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(RequestError):
        shrink(data)
