from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.catalogue import inventory
from tonari.catalogue.documents import TWICE, document_key, image_key, read_key
from tonari.catalogue.inventory import list_catalogue
from tonari.storage.bucket import ObjectInfo

IDS = st.sampled_from(["a", "a-b", "a.b", "a b", "b", "A", "隣", "é"])
NAMES = st.sampled_from(["1.jpg", "2.jpg", "folder/1.jpg", "隣.png"])


class Listed:
    """What a listing of a bucket gives, in the order that S3 gives it in."""

    def __init__(self, objects: dict[str, tuple[str, int]]) -> None:
        self._objects = sorted(objects.items(), key=lambda one: one[0].encode())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for key, (etag, size) in self._objects:
            if key.startswith(prefix):
                yield ObjectInfo(key, etag, size, 0.0)


def read(objects: dict[str, tuple[str, int]]) -> dict[str, tuple[str, dict[str, str]]]:
    bucket: Any = Listed(objects)
    listed = list_catalogue(bucket)
    ids = [item.decode() for item in listed.ids.tolist()]
    assert ids == sorted(ids, key=str.encode)
    for number in range(len(listed)):
        rows = listed.rows(number)
        assert {name: listed.etags[row].decode() for name, row in rows.items()} == listed.images(number)
    etags = [etag.decode() for etag in listed.document_etags.tolist()]
    return {item: (etags[number], listed.images(number)) for number, item in enumerate(ids)}


@given(
    documents=st.dictionaries(IDS, st.sampled_from(["d1", "a longer d2"])),
    images=st.dictionaries(st.tuples(IDS, NAMES), st.sampled_from(["e1", "e2"])),
    batch=st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_all_items_are_listed(documents: dict[str, str], images: dict[tuple[str, str], str], batch: int) -> None:
    objects = {document_key(item): (etag, 5) for item, etag in documents.items()}
    objects |= {image_key(item, name): (etag, 5) for (item, name), etag in images.items()}
    expected: dict[str, tuple[str, dict[str, str]]] = {item: (etag, {}) for item, etag in documents.items()}
    for (item, name), etag in images.items():
        expected.setdefault(item, ("", {}))[1][name] = etag

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventory, "BATCH", batch)
        assert read(objects) == expected


def test_an_empty_catalogue_has_no_items() -> None:
    assert read({}) == {}


def ignored(keys: Iterable[str], size: int = 5) -> dict[str, tuple[int, tuple[str, ...]]]:
    bucket: Any = Listed(dict.fromkeys(keys, ("e", size)))
    return {why: (one.count, one.examples) for why, one in list_catalogue(bucket).ignored.items()}


def test_what_belongs_to_no_item_is_counted() -> None:
    keys = ["items/", "items/a/b.json", "items/readme.txt", "images/", "images/loose.png", "other/thing", "schema.json"]

    assert read(dict.fromkeys([*keys, document_key("b")], ("e", 5))) == {"b": ("e", {})}
    assert ignored([*keys, document_key("b")]) == {
        "It only marks a folder: the key ends in '/'.": (2, ("items/", "images/")),
        "Under items/ only items/<id>.json is read.": (1, ("items/readme.txt",)),
        "The id has a '/'; documents lie directly under items/.": (1, ("items/a/b.json",)),
        "Under images/ only images/<id>/<name> is read.": (1, ("images/loose.png",)),
        "It lies under neither items/ nor images/.": (1, ("other/thing",)),
    }


def test_empty_files_are_named() -> None:
    keys = [image_key("a", "1.jpg"), image_key("b", "1.jpg"), document_key("b"), document_key("c")]
    empty = dict.fromkeys(keys, ("e", 0)) | {image_key("b", "2.jpg"): ("e", 5)}

    assert read(empty) == {"b": ("", {"2.jpg": "e"})}
    assert ignored(keys, size=0) == {}
    bucket: Any = Listed(empty)
    assert set(list_catalogue(bucket).empty) == set(keys)


def test_two_names_of_which_one_ends_in_nul_are_not_mistaken_for_each_other() -> None:
    keys = [image_key("a", "1.jpg"), image_key("a", "1.jpg\0")]

    assert read({keys[0]: ("right", 5), keys[1]: ("wrong", 5)}) == {"a": ("", {"1.jpg": "right"})}
    why = read_key(keys[1]).why
    assert "control character" in why
    assert ignored(keys) == {why: (1, (keys[1],))}


def test_the_first_few_keys_of_each_reason_are_given_the_most_frequent_reason_first() -> None:
    loose, strange = [f"images/{number}.png" for number in range(10, 30)], ["items/a.txt", "items/b.txt"]

    assert list(ignored([*strange, *loose]).values()) == [(20, tuple(loose[:5])), (2, tuple(strange))]


def test_of_what_lies_elsewhere_no_more_than_a_page_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "FIRST_KEYS", 7)
    strays = [f"archive/{number:03}" for number in range(500)]

    assert list(ignored([*strays, image_key("a", "1.jpg")]).values()) == [(7, tuple(strays[:5]))]


NFC, NFD = "café", "cafe\u0301"


def test_keys_in_another_normal_form_are_of_the_same_item() -> None:
    keys = [document_key(NFD), image_key(NFC, "2.jpg"), image_key(NFD, "1.jpg"), image_key(NFC, f"{NFD}.jpg")]
    objects = {key: (f"e{number}", 5) for number, key in enumerate(keys)}

    assert read(objects) == {"café": ("e0", {"1.jpg": "e2", "2.jpg": "e1", "café.jpg": "e3"})}
    assert ignored(keys) == {}


def test_of_two_keys_that_differ_in_their_normal_form_the_other_one_is_named() -> None:
    keys = [image_key(NFC, "1.jpg"), image_key(NFD, "1.jpg"), document_key(NFD), document_key(NFC)]
    others = [image_key("a", "1.jpg"), image_key("隣", "1.jpg"), document_key("zoë")]
    objects = {key: (f"e{number}", 5) for number, key in enumerate([*keys, *others])}

    assert read(objects) == {
        "café": ("e3", {"1.jpg": "e0"}),
        "a": ("", {"1.jpg": "e4"}),
        "隣": ("", {"1.jpg": "e5"}),
        "zoë": ("e6", {}),
    }
    assert ignored([*keys, *others]) == {TWICE: (2, (keys[2], keys[1]))}


SPELLED = st.sampled_from([NFC, NFD, "a", "隣", "\u0415\u0308\u0436", "\u0401\u0436", "가", "\u1100\u1161"])


@given(st.dictionaries(st.tuples(SPELLED, SPELLED | st.just("")), st.integers(100, 999)))
@settings(max_examples=150, deadline=None)
def test_no_spelling_is_lost(written: dict[tuple[str, str], int]) -> None:
    """Each object is in the inventory or among what is ignored, and of each name the one in NFC counts."""
    objects = {
        (image_key(item, name) if name else document_key(item)): (str(etag), 5)
        for (item, name), etag in written.items()
    }
    found = read(objects)
    taken = sum(len(images) + bool(etag) for etag, images in found.values())

    assert taken + sum(count for count, _ in ignored(objects).values()) == len(objects)
    for key, (etag, _) in objects.items():
        if (one := read_key(key)).spelling == 0 and one.item:
            assert etag == (found[one.item][1][one.name] if one.name else found[one.item][0])
