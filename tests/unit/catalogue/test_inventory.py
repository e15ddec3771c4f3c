from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.catalogue import inventory
from tonari.catalogue.documents import document_key, image_key
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
                yield ObjectInfo(key, etag, size)


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


def test_what_belongs_to_no_item_and_empty_images_are_passed_over() -> None:
    keys = ["items/", "items/a/b.json", "items/readme.txt", "images/", "images/loose.png", "other/thing"]
    objects = dict.fromkeys(keys, ("e", 5)) | {image_key("a", "1.jpg"): ("e", 0), document_key("b"): ("d", 0)}

    assert read(objects) == {"b": ("d", {})}
