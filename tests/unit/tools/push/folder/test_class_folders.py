"""Subfolders that are classes of items are told from items with several views; each meaning gives its items."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders import class_folders, put, table
from tonari_tools.push.folder.class_folders import Shape, classes_of, read_as, shape_of
from tonari_tools.push.folder.options import FOLDERS, Folders, Reading
from tonari_tools.push.folder.pictures import Folder, find_root
from tonari_tools.push.local_catalogue import read_catalogue
from tonari_tools.push.proposals import UndecidedError

DRESS_SHOE_HAT = ("dress", "shoe", "hat")
VIEWS = ("front", "back", "side")


def folder_of(*names: str) -> Folder:
    path = Path("/shop")
    images = tuple(sorted(path / name for name in names))
    return Folder(path, find_root(path, images), images, (), None)


def shape(*names: str) -> Shape:
    found = shape_of(folder_of(*names))
    assert found is not None
    return found


CLASSES = {
    "three classes, numbered": [f"{c}/{n}.jpg" for c in DRESS_SHOE_HAT for n in range(20)],
    "two small classes, numbered": [f"{c}/{n}.jpg" for c in ("dress", "shoe") for n in range(8)],
    "three tiny classes, names of their own": [f"{c}/{c[0]}{n}f3a.jpg" for c in DRESS_SHOE_HAT for n in range(5)],
    "a thousand classes": [f"n{c:08}/n{c:08}_{n * c}.jpg" for c in range(1000) for n in range(30)],
    "below images": [f"images/{c}/IMG_{n}{c}.jpg" for c in DRESS_SHOE_HAT for n in range(20)],
    "parts for training": [f"{p}/{c}/{n}.jpg" for p in ("train", "val") for c in DRESS_SHOE_HAT for n in range(20)],
    "classes of items": [f"{c}/{c}-{n}/{v}.jpg" for c in DRESS_SHOE_HAT for n in range(20) for v in VIEWS],
    "classes of classes": [f"{c}/{s}/{c}{n}{s}x.jpg" for c in DRESS_SHOE_HAT for s in ("old", "new") for n in range(9)],
    "files named by view": [f"{c}/{n}_{v}.jpg" for c in DRESS_SHOE_HAT for n in range(20) for v in VIEWS],
    "all in one folder": [f"summer/{n}ab.jpg" for n in range(20)],
    "one large class, some small ones": [f"dress/d{n}.jpg" for n in range(500)] + ["hat/h1.jpg", "shoe/s1.jpg"],
    "stored by first letters": [f"{c}/{d}/{c}{d}{n}-red_main.jpg" for c in "mw" for d in "hjs" for n in range(30)],
}
ITEMS = {
    "named views": [f"A-{n}/{v}.jpg" for n in range(500) for v in VIEWS],
    "few items with many named views": [f"{c}/{v}{n}.jpg" for c in ("chair", "sofa") for n in (1, 2, 3) for v in VIEWS],
    "names of the item and the view": [f"MH{n}/MH{n}-red_{v}.jpg" for n in range(50) for v in VIEWS],
    "numbered views": [f"A-{n}/{v}.jpg" for n in range(500) for v in range(6)],
    "few items, numbered views": [f"{c}/{v}.jpg" for c in DRESS_SHOE_HAT for v in range(5)],
    "as a camera names them": [f"A-{n}/IMG_{8 * n + v:05}.jpg" for n in range(500) for v in range(8)],
    "on a turntable": [f"A-{n}/{v:02}.jpg" for n in range(200) for v in range(36)],
    "one picture each": [f"A-{n}/x.jpg" for n in range(500)],
    "two items": ["a/1.jpg", "a/2.jpg", "b/1.jpg"],
    "in an archive's folder": [f"shop/A-{n}/{v}.jpg" for n in range(50) for v in VIEWS],
    "colours in items": [f"P{n}/{c}/{v}.jpg" for n in range(50) for c in ("red", "blue") for v in VIEWS[:2]],
    "people, few pictures of most": [f"P{n}/P{n}_{v:04}.jpg" for n in range(2000) for v in range(1 + n % 7)],
}


@pytest.mark.parametrize("names", CLASSES.values(), ids=CLASSES)
def test_what_may_be_classes_is_seen(names: list[str]) -> None:
    assert shape(*names).may_be_classes


@pytest.mark.parametrize("names", ITEMS.values(), ids=ITEMS)
def test_items_with_views_are_left_alone(names: list[str]) -> None:
    assert not shape(*names).may_be_classes


def test_pictures_in_no_subfolder_have_no_shape() -> None:
    assert shape_of(folder_of("a.jpg", "b.jpg")) is None
    assert shape_of(folder_of()) is None


def outcome(meaning: Folders, *names: str) -> dict[str, tuple[list[str], str | None]]:
    """Give the pictures and the class of each item."""
    folder = read_as(folder_of(*names), meaning)
    classes = classes_of(folder)
    return {
        item: (
            [str(view.relative_to(folder.path)) for view in views],
            classes.get(views[0]) if meaning == "classes" else None,
        )
        for item, views in folder.by_id().items()
    }


@pytest.mark.parametrize(
    ("meaning", "names", "items"),
    [
        (
            "classes",
            ("dress/a.jpg", "dress/b.jpg", "shoe/c.jpg"),
            {"a": (["dress/a.jpg"], "dress"), "b": (["dress/b.jpg"], "dress"), "c": (["shoe/c.jpg"], "shoe")},
        ),
        (
            "classes",
            ("dress/1.jpg", "shoe/1.jpg", "shoe/2.jpg"),
            {"dress-1": (["dress/1.jpg"], "dress"), "shoe-1": (["shoe/1.jpg"], "shoe"), "2": (["shoe/2.jpg"], "shoe")},
        ),
        (
            "classes",
            ("dress/summer/1.jpg", "hat/summer/1.jpg", "hat/winter/1.jpg", "loose.jpg"),
            {
                "dress-summer-1": (["dress/summer/1.jpg"], "dress"),
                "hat-summer-1": (["hat/summer/1.jpg"], "hat"),
                "winter-1": (["hat/winter/1.jpg"], "hat"),
                "loose": (["loose.jpg"], None),
            },
        ),
        (
            "classes",
            ("dress/summer/a.jpg", "dress/winter/b.jpg", "shoe/c.jpg"),
            {
                "a": (["dress/summer/a.jpg"], "dress"),
                "b": (["dress/winter/b.jpg"], "dress"),
                "c": (["shoe/c.jpg"], "shoe"),
            },
        ),
        (
            "classes",
            ("dress/d-1.5/front.jpg", "dress/d-1.5/back.jpg", "shoe/s-1/front.jpg"),
            {
                "d-1.5": (["dress/d-1.5/back.jpg", "dress/d-1.5/front.jpg"], "dress"),
                "s-1": (["shoe/s-1/front.jpg"], "shoe"),
            },
        ),
        (
            "classes",
            ("train/dress/1.jpg", "test/dress/1.jpg", "train/hat/2.jpg"),
            {
                "test-dress-1": (["test/dress/1.jpg"], "dress"),
                "train-dress-1": (["train/dress/1.jpg"], "dress"),
                "2": (["train/hat/2.jpg"], "hat"),
            },
        ),
        (
            "ignore",
            ("m/h/mh01_main.jpg", "m/h/mh01_back.jpg", "w/x.jpg"),
            {
                "mh01_main": (["m/h/mh01_main.jpg"], None),
                "mh01_back": (["m/h/mh01_back.jpg"], None),
                "x": (["w/x.jpg"], None),
            },
        ),
        (
            "ignore",
            ("a/x.jpg", "a/x.png", "a-x/y.jpg", "b/a-x.jpg"),
            {
                "a-x.jpg": (["a/x.jpg"], None),
                "a-x.png": (["a/x.png"], None),
                "y": (["a-x/y.jpg"], None),
                "a-x": (["b/a-x.jpg"], None),
            },
        ),
        ("items", ("dress/1.jpg", "dress/2.jpg"), {"dress": (["dress/1.jpg", "dress/2.jpg"], None)}),
    ],
)
def test_each_meaning_gives_its_items(
    meaning: Folders, names: tuple[str, ...], items: dict[str, tuple[list[str], str | None]]
) -> None:
    assert outcome(meaning, *names) == items


parts = st.text(st.sampled_from("ab-.1é"), min_size=1, max_size=3).filter(lambda part: part.strip("."))
places = st.sets(st.builds("/".join, st.lists(parts, min_size=1, max_size=3)), min_size=1, max_size=12)


@given(places, st.sampled_from(["classes", "ignore"]))
def test_no_picture_is_lost_and_ids_can_stand_in_a_key(names: set[str], meaning: Folders) -> None:
    folder = read_as(folder_of(*(f"{name}.jpg" for name in names)), meaning)
    by_id = folder.by_id()
    assert sorted(view for views in by_id.values() for view in views) == sorted(folder.images)
    assert all("/" not in item and unicodedata.is_normalized("NFC", item) for item in by_id)
    if meaning == "ignore":
        assert all(len(views) == 1 for views in by_id.values())


def test_classes_and_ids_are_nfc(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Röcke/Übergröße.jpg")
    put(tmp_path, name)
    (item,) = read_catalogue(tmp_path, Reading(folders="classes")).items
    assert (item.id, item.fields) == ("Übergröße", {"category": "Röcke"})


def test_a_folder_of_classes_is_not_sent_unless_its_owner_says_what_it_is(tmp_path: Path) -> None:
    class_folders(tmp_path)
    with pytest.raises(UndecidedError) as stopped:
        read_catalogue(tmp_path)
    assert f"{tmp_path} has 3 subfolders (dress, hat, shoe) with 10 pictures each." in stopped.value.detail
    put(tmp_path, "sock/IMG_1s.jpg", "sock/IMG_2s.jpg")
    with pytest.raises(UndecidedError, match=r"dress, hat, shoe and 1 more\) with 2 to 10 pictures each"):
        read_catalogue(tmp_path)
    shutil.rmtree(tmp_path / "sock")
    assert [(one.flags, len(one.outcome.items)) for one in stopped.value.proposals] == [
        ("--folders classes", 30),
        ("--folders ignore", 30),
        ("--folders items", 3),
    ]
    for one in stopped.value.proposals:
        assert read_catalogue(tmp_path, one.how).made == one.outcome
        assert one.flags in stopped.value.detail


def test_of_classes_each_item_has_its_category_and_a_document(tmp_path: Path) -> None:
    class_folders(tmp_path)
    catalogue = read_catalogue(tmp_path, Reading(folders="classes"))
    assert {item.fields["category"] for item in catalogue.items if item.fields} == {"dress", "shoe", "hat"}
    assert json.loads(catalogue.items[0].document() or b"") == {
        "id": "IMG_0d",
        "images": ["IMG_0d.jpg"],
        "category": "dress",
    }


def test_folders_that_mean_nothing_give_no_field(tmp_path: Path) -> None:
    class_folders(tmp_path)
    catalogue = read_catalogue(tmp_path, Reading(folders="ignore"))
    assert len(catalogue.items) == 30
    assert all(item.document() is None for item in catalogue.items)


@pytest.mark.parametrize("meaning", FOLDERS)
def test_with_a_table_rows_count_and_the_class_is_added(tmp_path: Path, meaning: Folders) -> None:
    class_folders(tmp_path, 2)
    rows = [f"{c}/IMG_{n}{c[0]}.jpg,{n}" for c in DRESS_SHOE_HAT for n in range(2)]
    table(tmp_path, "path,price\n" + "\n".join(rows))
    catalogue = read_catalogue(tmp_path, Reading(folders=meaning))
    fields = {item.id: item.fields for item in catalogue.items}
    if meaning == "classes":
        assert fields["IMG_1s"] == {"price": 1, "category": "shoe"}
    elif meaning == "ignore":
        assert fields["IMG_1s"] == {"price": 1}
    else:
        assert fields["shoe"] == {"price": 0}
    assert len(fields) == (3 if meaning == "items" else 6)


def test_a_category_of_the_table_is_not_replaced(tmp_path: Path) -> None:
    put(tmp_path, "d/1.jpg", "s/2.jpg")
    table(tmp_path, "path,category\nd/1.jpg,Dresses\ns/2.jpg,\n")
    catalogue = read_catalogue(tmp_path, Reading(folders="classes"))
    assert {item.id: item.fields for item in catalogue.items} == {"1": {"category": "Dresses"}, "2": {}}


def test_a_table_that_says_ids_and_pictures_is_not_in_doubt(tmp_path: Path) -> None:
    class_folders(tmp_path)
    rows = [f"{c}{n},{c}/IMG_{n}{c[0]}.jpg,{n}" for c in DRESS_SHOE_HAT for n in range(10)]
    table(tmp_path, "id,path,price\n" + "\n".join(rows))
    assert len(read_catalogue(tmp_path).items) == 30


def test_a_table_whose_ids_are_the_subfolders_is_not_in_doubt(tmp_path: Path) -> None:
    class_folders(tmp_path)
    table(tmp_path, "id,price\ndress,1\nshoe,2\nhat,3\n")
    assert [len(item.views) for item in read_catalogue(tmp_path).items] == [10, 10, 10]


def test_a_table_whose_ids_are_the_pictures_is_in_doubt(tmp_path: Path) -> None:
    class_folders(tmp_path)
    table(tmp_path, "id,price\n" + "\n".join(f"IMG_{n}{c[0]},{n}" for c in DRESS_SHOE_HAT for n in range(10)))
    with pytest.raises(UndecidedError) as stopped:
        read_catalogue(tmp_path)
    first = stopped.value.proposals[0]
    assert (first.flags, len(first.outcome.items)) == ("--folders classes", 30)
    assert first.outcome.items[0].fields == {"price": 0, "category": "dress"}


@pytest.mark.parametrize(
    ("names", "root"),
    [
        (("a/1.jpg", "b/1.jpg"), ""),
        (("images/a/1.jpg", "images/b.jpg"), "images"),
        (("Photos/a/1.jpg",), "Photos"),
        (("shop/a/1.jpg", "shop/b/1.jpg"), "shop"),
        (("shop/images/a/1.jpg", "shop/images/b/1.jpg"), "shop/images"),
        (("shop/a/1.jpg", "shop/b/1.jpg", "shop/2.jpg"), ""),
        (("shop/a/1.jpg", "shop/a/2.jpg"), ""),
        (("shop/1.jpg", "shop/2.jpg"), ""),
    ],
)
def test_a_folder_around_all_others_is_looked_into(names: tuple[str, ...], root: str) -> None:
    assert folder_of(*names).root == Path("/shop") / root
