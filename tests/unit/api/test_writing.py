"""How documents are merged, while others write too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_app import Standing, app
from tonari.api import writing
from tonari.api.app import App
from tonari.api.http import Request
from tonari.api.writing import TRIES, Writers, merge
from tonari.contract.answers import JSON
from tonari.contract.parameters import MOST_DOCUMENT_BYTES
from tonari.errors import ConflictError
from tonari.storage.bucket import Blob
from tonari.storage.folder import FolderBucket

MERGE_PATCH = "application/merge-patch+json"
Answered = tuple[int, dict[str, Any]]


def send(app: App, method: str, path: str, value: Any, content_type: str = JSON) -> Answered:
    response = app(Request(method, path, (), content_type, json.dumps(value).encode()))
    return response.status, json.loads(response.body)


def document(folder: Path, item: str) -> Any:
    return json.loads((folder / f"bucket/items/{item}.json").read_text())


# The cases of RFC 7396, appendix A, that concern flat documents.
@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": None}, {}),
        ({"a": 0, "b": False, "c": ""}, {}, {"a": 0, "b": False, "c": ""}),
        ({"a": 1}, {"a": [None]}, {"a": [None]}),
    ],
)
def test_merging(before: dict[str, Any], changes: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge(before, changes) == after


VALUES = st.one_of(
    st.none(), st.integers(), st.text(max_size=3), st.booleans(), st.lists(st.text(max_size=2), max_size=2)
)
DOCUMENTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=6)


@given(DOCUMENTS, DOCUMENTS)
@settings(max_examples=200)
def test_merging_twice_changes_nothing_more(before: dict[str, Any], changes: dict[str, Any]) -> None:
    merged = merge(before, changes)

    assert merge(merged, changes) == merged
    assert {name for name in merged if name in changes} == {
        name for name, value in changes.items() if value is not None
    }
    assert all(merged[name] == before[name] for name in before.keys() - changes.keys())


@pytest.mark.parametrize("content_type", [JSON, MERGE_PATCH, "", "application/json; charset=utf-8"])
def test_put_replaces_and_patch_merges(tmp_path: Path, content_type: str) -> None:
    over = app(tmp_path)
    assert send(over, "PUT", "/v1/items/x", {"price": 5, "brand": "acme", "note": None})[0] == 202

    status, said = send(over, "PATCH", "/v1/items/x", {"price": 7.5, "brand": None, "tags": ["a"]}, content_type)

    assert (status, said["id"], said["status"], said["warnings"]) == (202, "x", "accepted", {})
    assert said["upload"]["fields"]
    assert document(tmp_path, "x") == {"id": "x", "price": 7.5, "note": None, "tags": ["a"]}
    send(over, "PUT", "/v1/items/x", {"price": 8})
    assert document(tmp_path, "x") == {"id": "x", "price": 8}


@pytest.mark.parametrize("letter", ["a", "é", "隣", "\U0001f9e6"])
def test_the_limit_of_a_document_is_in_bytes_of_utf_8(tmp_path: Path, letter: str) -> None:
    over = app(tmp_path)
    most = (MOST_DOCUMENT_BYTES - 100) // len(letter.encode())
    for method in ("PUT", "PATCH"):
        assert send(over, method, "/v1/items/x", {"note": letter * most})[0] == 202
        refused, said = send(over, method, "/v1/items/x", {"note": letter * (most + 100)})
        assert (refused, "at most 100000 are taken" in said["detail"]) == (422, True)
    assert document(tmp_path, "x")["note"] == letter * most


def test_patch_warns_as_put_does(tmp_path: Path) -> None:
    over = app(tmp_path)
    _, put = send(over, "PUT", "/v1/items/x", {"price": "cheap"})
    _, patched = send(over, "PATCH", "/v1/items/x", {"new": "perhaps"})

    assert patched["warnings"]["price"] == put["warnings"]["price"]
    assert "new is a boolean field" in patched["warnings"]["new"]
    assert send(over, "PATCH", "/v1/items/x", {"price": 5, "new": None})[1]["warnings"] == {}


@pytest.mark.parametrize(
    ("item", "changes", "status", "slug", "says"),
    [
        ("nobody", {"price": 5}, 404, "unknown-item", "PUT makes a new one"),
        ("..", {"price": 5}, 400, "invalid-request", "cannot be an id"),
        ("x", {"id": "y"}, 422, "invalid-catalogue", "says that its id is 'y'"),
        ("x", {"size": {"w": 1}}, 422, "invalid-catalogue", "documents are flat"),
        ("x", {"images": "a.jpg"}, 422, "invalid-catalogue", "'images' must be a list"),
        ("x", {"text": "x" * 100_001}, 422, "invalid-catalogue", "100000"),
        ("x", [{"op": "remove", "path": "/price"}], 400, "invalid-request", "must be a JSON object"),
        ("x", None, 400, "invalid-request", "must be a JSON object"),
        ("broken", {"price": 5}, 422, "invalid-catalogue", "items/broken.json is not JSON"),
        ("broken", {}, 422, "invalid-catalogue", "(char 1). PUT replaces the document."),
    ],
)
def test_a_patch_that_cannot_be_made(
    tmp_path: Path, item: str, changes: Any, status: int, slug: str, says: str
) -> None:
    over = app(tmp_path)
    send(over, "PUT", "/v1/items/x", {"price": 5})
    (tmp_path / "bucket/items/broken.json").write_text("{")

    answer, said = send(over, "PATCH", f"/v1/items/{item}", changes)

    assert (answer, said["type"]) == (status, f"urn:tonari:problem:{slug}")
    assert says in said["detail"]
    assert document(tmp_path, "x") == {"id": "x", "price": 5}
    assert (tmp_path / "bucket/items/broken.json").read_text() == "{"


def test_an_item_that_has_images_alone_gets_a_document(tmp_path: Path) -> None:
    over = app(tmp_path)
    (tmp_path / "bucket/images/bare").mkdir(parents=True)
    (tmp_path / "bucket/images/bare/a.jpg").write_bytes(b"x")

    assert send(over, "PATCH", "/v1/items/bare", {"price": 5, "brand": None})[0] == 202
    assert document(tmp_path, "bare") == {"id": "bare", "price": 5}


def test_the_id_may_be_given_and_is_never_removed(tmp_path: Path) -> None:
    over = app(tmp_path)
    send(over, "PUT", "/v1/items/7", {"price": 5})
    for same in ("7", 7, None):
        assert send(over, "PATCH", "/v1/items/7", {"id": same, "price": 6})[0] == 202
        assert document(tmp_path, "7") == {"id": "7", "price": 6}


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    over = app(tmp_path)
    send(over, "PUT", "/v1/items/x", {"price": 5})
    before = (tmp_path / "bucket/items/x.json").stat().st_mtime_ns
    for changes in ({}, {"price": 5}, {"brand": None}):
        assert send(over, "PATCH", "/v1/items/x", changes)[0] == 202
    assert (tmp_path / "bucket/items/x.json").stat().st_mtime_ns == before


class Crossed(FolderBucket):
    """Somebody else does something each time after a document was read."""

    def __init__(self, folder: Path, meanwhile: Callable[[FolderBucket, int], None]) -> None:
        super().__init__(folder, "http://localhost")
        self.reads, self._meanwhile = 0, meanwhile

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        try:
            return super().get(key, if_match=if_match)
        finally:
            if key == "items/x.json":
                self.reads += 1
                self._meanwhile(self, self.reads)


def patched(folder: Path, meanwhile: Callable[[FolderBucket, int], None], changes: dict[str, Any]) -> tuple[int, int]:
    bucket = Crossed(folder / "bucket", meanwhile)
    answer = Writers(Standing(bucket, folder, None), bucket).patch_item(changes, "x")
    return answer.status, bucket.reads


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PAUSE_SECONDS", 0.0)


@pytest.mark.usefixtures("quick")
def test_what_others_write_meanwhile_is_kept(tmp_path: Path) -> None:
    send(app(tmp_path), "PUT", "/v1/items/x", {"price": 5})

    def meanwhile(bucket: FolderBucket, number: int) -> None:
        if number <= 3:
            bucket.put("items/x.json", json.dumps({"id": "x", "price": 5, "brand": f"b{number}"}).encode())

    assert patched(tmp_path, meanwhile, {"price": 6}) == (202, 4)
    assert document(tmp_path, "x") == {"id": "x", "price": 6, "brand": "b3"}


@pytest.mark.usefixtures("quick")
def test_an_item_that_is_deleted_meanwhile_is_unknown(tmp_path: Path) -> None:
    over = app(tmp_path)
    send(over, "PUT", "/v1/items/x", {"price": 5})

    with pytest.raises(writing.UnknownItemError):
        patched(tmp_path, lambda bucket, number: bucket.delete("items/x.json") if number == 1 else None, {"price": 6})
    assert not (tmp_path / "bucket/items/x.json").exists()


@pytest.mark.usefixtures("quick")
def test_a_document_that_somebody_else_makes_meanwhile_is_merged_with(tmp_path: Path) -> None:
    app(tmp_path)
    (tmp_path / "bucket/images/x").mkdir(parents=True)
    (tmp_path / "bucket/images/x/a.jpg").write_bytes(b"x")

    def meanwhile(bucket: FolderBucket, number: int) -> None:
        if number == 1:
            bucket.put("items/x.json", b'{"brand": "acme"}')

    assert patched(tmp_path, meanwhile, {"price": 6}) == (202, 2)
    assert document(tmp_path, "x") == {"id": "x", "price": 6, "brand": "acme"}


@pytest.mark.usefixtures("quick")
def test_who_always_comes_second_is_told(tmp_path: Path) -> None:
    send(app(tmp_path), "PUT", "/v1/items/x", {"price": 0})

    def meanwhile(bucket: FolderBucket, number: int) -> None:
        bucket.put("items/x.json", json.dumps({"id": "x", "price": number}).encode())

    with pytest.raises(ConflictError, match=f"each of the {TRIES} times"):
        patched(tmp_path, meanwhile, {"brand": "acme"})
    assert document(tmp_path, "x") == {"id": "x", "price": TRIES}


def test_many_patches_at_once_lose_nothing(tmp_path: Path) -> None:
    over = app(tmp_path)
    send(over, "PUT", "/v1/items/x", {"price": 5})
    answers: list[Answered] = []

    def change(number: int) -> None:
        while (answer := send(over, "PATCH", "/v1/items/x", {f"f{number}": number}))[0] == 409:
            pass
        answers.append(answer)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [status for status, _ in answers] == [202] * 8
    assert document(tmp_path, "x") == {"id": "x", "price": 5, **{f"f{number}": number for number in range(8)}}
