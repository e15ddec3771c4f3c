"""What files are by their first bytes, and what is said of those that are not what their names say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from folders import put, put_bytes, table
from pictures import encoded, quarters
from tonari.errors import InvalidCatalogueError
from tonari.images.guards import Format, admit
from tonari_tools.push.folder.first_bytes import EMPTY, READ_FORMATS, UNKNOWN, format_of, read_formats
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import IMAGE_SUFFIXES
from tonari_tools.push.local_catalogue import read_catalogue

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0"
UNREAD = "Not sent: 1 picture in a format that is not read (HEIC):"
REMEDY = "Read are JPEG, PNG, WebP and GIF: convert it, with ImageMagick for instance: magick mogrify -format jpg"
SVG = b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize("name", get_args(Format))
def test_pictures_that_are_read_are_known_as_the_decoder_knows_them(name: str) -> None:
    data = encoded(quarters(), name)
    assert format_of(data) == name == admit(data).format
    assert name in READ_FORMATS


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", EMPTY),
        (b"hello", UNKNOWN),
        (b"\0" * 64, UNKNOWN),
        (HEIC, "HEIC"),
        (b"\0\0\0\x1cftypmif1", "HEIC"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x18ftypcrx ", "RAW"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"II*\0\x10\0\0\0CR\2\0", "RAW"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"FUJIFILMCCD-RAW 0201", "RAW"),
        (b"BM\x36\x03\0\0\0\0\0\0", "BMP"),
        (b"BMW is a car", UNKNOWN),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF or PostScript"),
        (SVG, "SVG"),
        (b"\xef\xbb\xbf<svg>", "SVG"),
        (b"<!DOCTYPE html>\n<html>", "HTML"),
        (b"\n  <html><body>403 Forbidden", "HTML"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"PK\x03\x04", "ZIP"),
    ],
)
def test_other_formats_are_told_apart(head: bytes, name: str) -> None:
    assert format_of(head) == name


def test_raw_pictures_that_are_tiff_inside_are_known_by_their_suffix(tmp_path: Path) -> None:
    paths = [put_bytes(tmp_path, name, b"II*\0\x08\0\0\0") for name in ("a.NEF", "b.tif")]
    assert [*read_formats(paths).values()] == ["RAW", "TIFF"]


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, ".JPG", ".JFIF", ".Png"])
def test_every_usual_suffix_of_a_picture_is_one(tmp_path: Path, suffix: str) -> None:
    put(tmp_path, f"a{suffix}")
    assert [*read_catalogue(tmp_path).items[0].views] == [f"a{suffix}"]


@pytest.mark.parametrize(
    ("name", "data", "note"),
    [
        ("x.jpg", b"", "Not sent: 1 empty file: x.jpg. If a cloud service keeps it, download it first"),
        (
            "x.jpg",
            b"<!doctype html><title>Sign in</title>",
            "Not sent: 1 file that is not a picture by content (HTML): x.jpg. Download or export it again",
        ),
        (
            "x.png",
            b"no picture",
            "Not sent: 1 file that is not a picture by content (unknown): x.png. Download or export it again",
        ),
        (
            "x.jpg",
            HEIC,
            f"{UNREAD} x.jpg. {REMEDY} *.jpg",
        ),
    ],
)
def test_a_file_that_is_called_a_picture_and_is_none_is_named_and_not_sent(
    tmp_path: Path, name: str, data: bytes, note: str
) -> None:
    put(tmp_path, "good.jpg")
    put_bytes(tmp_path, name, data)
    catalogue = read_catalogue(tmp_path)
    assert [item.id for item in catalogue.items] == ["good"]
    assert catalogue.notes == (note, "Left out: 1 item that has no other picture: x")


@pytest.mark.parametrize(
    ("name", "data", "note"),
    [
        (
            "photo",
            b"\xff\xd8\xff\xe0",
            "Not sent: 1 picture without a picture's suffix: photo. Rename it to end in .jpg",
        ),
        (
            "photo.jpg_large",
            b"\x89PNG\r\n\x1a\n",
            "Not sent: 1 picture without a picture's suffix: photo.jpg_large. Rename it to end in .png",
        ),
        (
            "IMG_1.HEIC",
            HEIC,
            f"{UNREAD} IMG_1.HEIC. {REMEDY} *.HEIC",
        ),
        ("notes.txt", b"hello", "Ignored 1 file that is not a picture: notes.txt"),
        ("empty.txt", b"", "Ignored 1 file that is not a picture: empty.txt"),
    ],
)
def test_a_picture_by_another_name_is_named_with_the_remedy(tmp_path: Path, name: str, data: bytes, note: str) -> None:
    put(tmp_path, "good.jpg")
    put_bytes(tmp_path, name, data)
    catalogue = read_catalogue(tmp_path)
    assert [item.id for item in catalogue.items] == ["good"]
    assert catalogue.notes == (note,)


def test_an_item_with_another_picture_stays_and_its_document_does_not_name_the_bad_one(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg")
    put_bytes(tmp_path, "a/2.jpg", b"")
    table(tmp_path, "id,price\na,5\n")
    (item,) = read_catalogue(tmp_path).items
    assert [*item.views] == ["1.jpg"]
    assert b'"images": ["1.jpg"]' in (item.document() or b"")


def test_rows_whose_pictures_are_empty_are_left_out_and_named(tmp_path: Path) -> None:
    put(tmp_path, "goods/a.jpg")
    empty = put_bytes(tmp_path, "elsewhere/b.jpg", b"")
    where = table(tmp_path, f"id,image,price\na,goods/a.jpg,5\nb,{empty},6\n")
    catalogue = read_catalogue(tmp_path / "goods", Reading(metadata=where))
    assert [item.id for item in catalogue.items] == ["a"]
    assert catalogue.notes[0].startswith("Not sent: 1 empty file: ")
    assert catalogue.notes[1] == "Left out: 1 item that has no other picture: b"


def test_a_folder_with_nothing_else_is_refused_and_says_why(tmp_path: Path) -> None:
    put_bytes(tmp_path, "a.jpg", b"")
    put_bytes(tmp_path, "b.heic", HEIC)
    with pytest.raises(
        InvalidCatalogueError, match=r"holds no picture that can be sent\. .*HEIC.*1 empty file: a\.jpg"
    ):
        read_catalogue(tmp_path)


def test_many_files_are_read_in_order(tmp_path: Path) -> None:
    paths = [put_bytes(tmp_path, f"{number}.jpg", b"\xff\xd8\xff" if number % 2 else b"") for number in range(1100)]
    assert read_formats(paths) == {path: "JPEG" if number % 2 else EMPTY for number, path in enumerate(paths)}
