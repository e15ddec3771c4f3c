"""What a file is called is told by its first bytes; names have content types."""

from __future__ import annotations

import pytest

import pictures
from tonari.contract.parameters import PICTURE_SUFFIXES, PICTURE_TYPES
from tonari.images.headers import looks_like_picture


@pytest.mark.parametrize("name", pictures.valid())
def test_every_accepted_picture_looks_like_one(name: str) -> None:
    data = pictures.valid()[name]

    assert looks_like_picture(data)
    assert looks_like_picture(data[:16])


@pytest.mark.parametrize("data", [b"\0\0\0\x1cftypheic", b"\0\0\0\x20ftypavif", b"II*\0", b"MM\0*"])
def test_what_phones_and_scanners_send_looks_like_a_picture(data: bytes) -> None:
    assert looks_like_picture(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"id": 1}',
        b"\xef\xbb\xbf{",
        b"[1]",
        b"hello",
        b"BMW",
        b"<svg/>",
        b"%PDF-1.7",
        b"a=b",
        b"\xff\xd8",
        b"RIFF",
    ],
)
def test_what_may_be_something_else_does_not(data: bytes) -> None:
    assert not looks_like_picture(data)


def test_the_suffixes_of_all_formats() -> None:
    assert set(PICTURE_SUFFIXES.values()) == set(PICTURE_TYPES)
    assert {".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"} <= PICTURE_SUFFIXES.keys()
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in PICTURE_SUFFIXES)
