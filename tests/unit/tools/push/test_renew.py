"""A folder pushed again leaves nothing of an earlier reading, and nothing of others is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tonari.catalogue.documents import SCHEMA
from tonari.errors import StoreError
from tonari.storage.folder import FolderBucket
from tonari_tools.push import renew as renewing
from tonari_tools.push.folder.pictures import LocalItem
from tonari_tools.push.local_catalogue import LocalCatalogue
from tonari_tools.push.renew import Memory, Renewed, renew


class Pushing:
    """A bucket, and what is pushed into it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "bucket").mkdir()
        self.bucket = FolderBucket(place / "bucket")

    def push(self, items: dict[str, dict[str, Any] | None], schema: bytes | None = None, source: str = "s") -> Renewed:
        """Push items: fields by id, each with one picture whose bytes are its id."""
        local = []
        for item, fields in items.items():
            picture = self.place / f"{item}.jpg"
            picture.write_bytes(item.encode())
            local.append(LocalItem(item, {picture.name: picture}, fields))
        catalogue = LocalCatalogue(tuple(local), schema)
        return renew(catalogue, self.bucket, Memory(self.place / "memory.json"), source, lambda *_: None)

    @property
    def keys(self) -> set[str]:
        return {found.key for found in self.bucket.list("")}


@pytest.fixture
def pushing(tmp_path: Path) -> Pushing:
    return Pushing(tmp_path)


def keys(*items: str, documents: bool = True) -> set[str]:
    found = {f"images/{item}/{item}.jpg" for item in items}
    return found | {f"items/{item}.json" for item in items} if documents else found


def test_what_the_folder_gives_no_more_is_deleted(pushing: Pushing) -> None:
    assert pushing.push({"a": {"price": 1}, "b": {}}, b"{}").changed
    assert pushing.keys == keys("a", "b") | {SCHEMA}
    again = pushing.push({"a": {"price": 1}, "b": {}}, b"{}")
    assert (again.changed, again.deleted, again.pushed.unchanged) == (False, 0, 5)
    other = pushing.push({"a": None, "c": None})
    assert pushing.keys == keys("a", "c", documents=False)
    assert (other.changed, other.deleted, other.pushed.vanished) == (True, 4, ())


def test_deletions_alone_are_a_change(pushing: Pushing) -> None:
    pushing.push({"a": {}, "b": {}})
    less = pushing.push({"a": {}})
    assert (less.pushed.uploaded, less.deleted, less.changed) == (0, 2, True)


def test_what_others_wrote_stays(pushing: Pushing) -> None:
    pushing.push({"a": {"price": 1}, "b": {"price": 2}})
    pushing.bucket.put("items/mine.json", b'{"price": 9}')
    pushing.bucket.put("images/a/mine.jpg", b"mine")
    pushing.bucket.put("items/a.json", b'{"price": 7}')
    pushing.bucket.put("items/b.json", b'{"price": 8}')
    kept = pushing.push({"a": {"price": 1}})
    assert kept.kept == 1
    assert pushing.keys == keys("a") | {"items/mine.json", "images/a/mine.jpg", "items/b.json"}
    assert pushing.bucket.get("items/a.json").data == b'{"price": 7}'
    assert pushing.push({"a": {"price": 1}}).kept == 1


def test_what_changed_in_the_folder_comes_before_what_changed_in_the_bucket(pushing: Pushing) -> None:
    pushing.push({"a": {"price": 1}})
    pushing.bucket.put("items/a.json", b'{"price": 7}')
    assert pushing.push({"a": {"price": 2}}).kept == 0
    assert json.loads(pushing.bucket.get("items/a.json").data)["price"] == 2


def test_what_was_deleted_in_the_bucket_comes_back(pushing: Pushing) -> None:
    pushing.push({"a": {}})
    pushing.bucket.delete(*keys("a"))
    assert pushing.push({"a": {}}).pushed.uploaded == 2


def test_folders_do_not_delete_what_another_gave(pushing: Pushing) -> None:
    pushing.push({"a": {}, "b": {}}, source="one")
    pushing.push({"b": {}, "c": {}}, source="two")
    pushing.push({"d": {}}, source="one")
    assert pushing.keys == keys("b", "c", "d")
    pushing.push({}, source="two")
    assert pushing.keys == keys("d")


def test_a_push_that_was_cut_short_is_cleaned_up(pushing: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    pushing.push({"a": {}})
    real = renewing.push

    def cut(*given: Any) -> Any:
        real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(renewing, "push", cut)
        with pytest.raises(KeyboardInterrupt):
            pushing.push({"b": {}})
    assert pushing.keys == keys("a", "b")
    pushing.push({"c": {}})
    assert pushing.keys == keys("c")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"s": 1}', "7"])
def test_a_damaged_memory_deletes_nothing(pushing: Pushing, text: str) -> None:
    pushing.push({"a": {}})
    (pushing.place / "memory.json").write_text(text)
    assert pushing.push({"b": {}}).deleted == 0
    assert pushing.keys == keys("a", "b")


def test_a_memory_that_cannot_be_written_is_an_error(pushing: Pushing) -> None:
    (pushing.place / "memory.json.new").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        pushing.push({"a": {}})
