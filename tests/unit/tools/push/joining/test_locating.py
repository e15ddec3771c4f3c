"""Names of pictures as tables have them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from folders import put
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.pictures import scan_folder
from tonari_tools.push.joining.locating import Locator


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return put(
        tmp_path / "shop",
        "p1.jpg",
        "sub/s1.JPG",
        "sub/deep/s 2.png",
        "caf\u00e9.webp",
        "a&b.jpg",
        "x,y.jpg",
        "notes.txt",
    )


def locate(folder: Path, name: str, beside: Path | None = None) -> str:
    found = Locator(scan_folder(folder), beside or folder).find(name)
    return unicodedata.normalize("NFC", found.relative_to(folder).as_posix())


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("p1.jpg", "p1.jpg"),
        ("./p1.jpg", "p1.jpg"),
        (".\\p1.jpg", "p1.jpg"),
        ("/p1.jpg", "p1.jpg"),
        ("P1.JPG", "p1.jpg"),
        ("p1", "p1.jpg"),
        ("shop/p1.jpg", "p1.jpg"),
        ("Shop\\p1.jpg", "p1.jpg"),
        ("sub/s1.JPG", "sub/s1.JPG"),
        ("sub\\s1.jpg", "sub/s1.JPG"),
        ("SUB/S1", "sub/s1.JPG"),
        ("/images/sub/s1.jpg", "sub/s1.JPG"),
        ("C:\\Users\\me\\photos\\sub\\s1.jpg", "sub/s1.JPG"),
        ("/home/me/shop/sub/deep/s 2.png", "sub/deep/s 2.png"),
        ("file:///home/me/shop/p1.jpg", "p1.jpg"),
        ("s1.jpg", "sub/s1.JPG"),
        ("sub/deep/s%202.png", "sub/deep/s 2.png"),
        ("a&amp;b.jpg", "a&b.jpg"),
        ("x,y.jpg", "x,y.jpg"),
        ("cafe\u0301.webp", "caf\u00e9.webp"),
        ("caf%C3%A9.webp", "caf\u00e9.webp"),
        ("https://cdn.example.com/media/p1.jpg?v=3", "p1.jpg"),
        (" p1.jpg ", "p1.jpg"),
    ],
)
def test_a_picture_is_found_by_what_tables_call_it(shop: Path, name: str, file: str) -> None:
    assert locate(shop, name) == file


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
def test_the_form_of_accents_plays_no_part(tmp_path: Path, on_disk: str, in_table: str) -> None:
    name = "\u00e9t\u00e9/\u304c.jpg"
    put(tmp_path, unicodedata.normalize(on_disk, name))  # type: ignore[arg-type]
    assert locate(tmp_path, unicodedata.normalize(in_table, name)) == name  # type: ignore[arg-type]


def test_two_files_that_differ_in_the_form_of_accents_alone_are_both_found(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "\u00e9.jpg") for form in ("NFC", "NFD")]  # type: ignore[arg-type]
    put(tmp_path, *names)
    locator = Locator(scan_folder(tmp_path), tmp_path)
    if len(scan_folder(tmp_path).images) == 2:  # file systems of macOS keep one
        assert [locator.find(name).name for name in names] == names


def test_with_the_catalogue_layout_names_may_start_below_images(tmp_path: Path) -> None:
    put(tmp_path, "images/a/1.jpg", "images/b/1.jpg")
    assert locate(tmp_path, "a/1.jpg") == "images/a/1.jpg"
    assert locate(tmp_path, "images/b/1.jpg") == "images/b/1.jpg"


@pytest.mark.parametrize("beside", ["tables", "pics"])
def test_a_path_may_be_meant_from_the_table_or_from_the_folder(tmp_path: Path, beside: str) -> None:
    put(tmp_path, "pics/a.jpg", "other/b.jpg", "tables/t.csv")
    found = Locator(scan_folder(tmp_path / "pics"), tmp_path / beside).find("../other/b.jpg")
    assert found.resolve() == (tmp_path / "other/b.jpg").resolve()


def test_a_path_may_go_up_and_down_again(shop: Path) -> None:
    folder = scan_folder(shop)
    locator = Locator(folder, shop / "sub")
    for name in ("../p1.jpg", "../shop/p1.jpg", "sub/../p1.jpg"):
        assert folder.id_of(locator.find(name)) == "p1"


def test_the_whole_name_goes_before_a_likeness(tmp_path: Path) -> None:
    put(tmp_path, "p1.jpg", "P1.jpg", "sub/p1.jpg", "p1/p1.jpg")
    assert locate(tmp_path, "p1.jpg") == "p1.jpg"
    assert locate(tmp_path, "P1.jpg") == "P1.jpg"
    assert locate(tmp_path, "sub/p1.jpg") == "sub/p1.jpg"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("gone.jpg", "the picture gone.jpg is not in"),
        ("red/p1.jpg", "the picture red/p1.jpg is not in .* There is p1.jpg"),
        ("p1.png", "the picture p1.png is not in .* There is p1.jpg"),
        ("notes.txt", "notes.txt is not a picture: the name of one ends in .jpg"),
        ("x" * 300 + ".jpg", "is not in"),
        ("https://cdn.example.com/gone.jpg", "is an address: tonari downloads nothing. Download the pictures into"),
        ("two.jpg", "may be a/two.jpg or b/two.jpg: write which"),
        ("one", "may be one.jpg or one.png: write which"),
    ],
)
def test_what_is_not_found_is_named_with_what_there_is(shop: Path, name: str, error: str) -> None:
    put(shop, "a/two.jpg", "b/two.jpg", "one.jpg", "one.png")
    with pytest.raises(InvalidCatalogueError, match=error):
        locate(shop, name)


def test_pictures_of_an_item_are_found_by_place_in_other_letters_and_by_name(tmp_path: Path) -> None:
    put(tmp_path, "A-1/1.jpg", "A-1/2.jpg", "dress/p7.jpg", "dress/p8.jpg")
    locator = Locator(scan_folder(tmp_path), tmp_path)
    assert [path.name for path in locator.of_item("A-1")] == ["1.jpg", "2.jpg"]
    assert [path.name for path in locator.of_item("a-1")] == ["1.jpg", "2.jpg"]
    assert [path.name for path in locator.of_item("p7")] == ["p7.jpg"]
    assert [path.name for path in locator.of_item("p8.jpg")] == ["p8.jpg"]
    assert locator.of_item("p9") == []


def test_an_id_for_one_picture_is_its_path(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "sub/b.v2.jpg")
    folder = scan_folder(tmp_path)
    assert [Locator(folder, tmp_path).id_of_picture(image) for image in folder.images] == ["a", "sub-b.v2"]
