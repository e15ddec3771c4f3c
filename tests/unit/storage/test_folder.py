"""What only a bucket in a folder has to hold: files put there by hand, case, several processes, hostile keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tonari.errors import LinkRefusedError, MissingObjectError, StoreError, TooLargeError
from tonari.storage import folder
from tonari.storage.folder import FolderBucket
from tonari.storage.folder_links import Links

RACE = """
import sys
from pathlib import Path
from tonari.errors import ConflictError
from tonari.storage.folder import FolderBucket

bucket = FolderBucket(Path(sys.argv[1]))
sys.stdin.readline()
done = 0
while done < 40:
    there = bucket.get("count")
    try:
        bucket.replace("count", b"%d" % (int(there.data) + 1), there.etag)
        done += 1
    except ConflictError:
        continue
try:
    bucket.create("once", sys.argv[2].encode())
    print("won")
except ConflictError:
    print("lost")
"""


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    return FolderBucket(tmp_path)


def keys(bucket: FolderBucket, prefix: str = "") -> list[str]:
    return [found.key for found in bucket.list(prefix)]


def test_a_file_put_there_by_hand_is_an_object(bucket: FolderBucket, tmp_path: Path) -> None:
    (tmp_path / "images" / "7").mkdir(parents=True)
    (tmp_path / "images" / "7" / "IMG 1 (50%).JPG").write_bytes(b"x")
    (found,) = bucket.list("images/7/")
    assert found.key == "images/7/IMG 1 (50%).JPG"
    assert bucket.get(found.key).etag == found.etag
    (tmp_path / "images" / "7" / "IMG 1 (50%).JPG").write_bytes(b"longer")
    (changed,) = bucket.list("images/7/")
    assert (changed.size, changed.etag) == (6, bucket.get(found.key).etag)


ODD = [
    "a:b", 'the "red" one', "what?", "a*b", "<b>", "x|y", "back\\slash", "dot.", "blank ", "con", "nul.jpg",
    "50%25 off", "%25.jpg", "隣" * 80, "tab\there",
]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("name", ODD)
def test_names_that_the_bucket_writes_otherwise_are_names_like_others(
    bucket: FolderBucket, tmp_path: Path, name: str
) -> None:
    (tmp_path / "images" / name).mkdir(parents=True)
    (tmp_path / "images" / name / name).write_bytes(b"by hand")
    key = f"images/{name}/{name}"
    assert keys(bucket) == keys(bucket, f"images/{name}/") == [key]
    assert bucket.get(key).data == b"by hand"

    bucket.replace(key, b"changed", bucket.get(key).etag)
    bucket.put(f"images/{name}/new", b"new")
    assert {one: bucket.get(one).data for one in keys(bucket)} == {key: b"changed", f"images/{name}/new": b"new"}
    assert [path.name for path in (tmp_path / "images").iterdir()] == [name]

    bucket.delete(*keys(bucket))
    assert keys(bucket) == []
    bucket.put(key, b"written")
    assert [(one, bucket.get(one).data) for one in keys(bucket)] == [(key, b"written")]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_deleted_object_does_not_come_back_under_another_name(bucket: FolderBucket, tmp_path: Path) -> None:
    bucket.put("a:b", b"written")
    (tmp_path / "a:b").write_bytes(b"by hand")
    assert [(key, bucket.get(key).data) for key in keys(bucket)] == [("a:b", b"written")]

    bucket.delete("a:b")

    assert keys(bucket) == []


def test_its_own_state_is_no_object(bucket: FolderBucket, tmp_path: Path) -> None:
    assert keys(bucket) == []
    assert (tmp_path / ".tonari" / "secret").stat().st_size == 32
    assert bucket.head(".tonari/secret") is None
    bucket.put(".tonari/secret", b"mine")
    assert keys(bucket) == [".tonari/secret"]
    assert (tmp_path / ".tonari" / "secret").stat().st_size == 32


@pytest.mark.parametrize("key", ["../out", "/out", "a/../../out", "a\x00b", "nul", "x" * 900, "C:\\out", "a//b", "a/"])
def test_hostile_keys_stay_within(tmp_path: Path, key: str) -> None:
    (tmp_path / "in").mkdir()
    bucket = FolderBucket(tmp_path / "in")
    bucket.put(key, b"x")
    assert bucket.get(key).data == b"x"
    assert keys(bucket) == [key]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    bucket.delete(key)
    assert keys(bucket) == []
    assert [path.name for path in (tmp_path / "in").iterdir()] == [".tonari"]


@pytest.mark.parametrize("key", ["", "x" * 1_025, "\ud800"])
def test_what_cannot_be_a_key_is_refused(bucket: FolderBucket, key: str) -> None:
    with pytest.raises(StoreError, match="cannot be a key"):
        bucket.put(key, b"x")


def test_a_file_and_a_folder_cannot_have_one_name(bucket: FolderBucket) -> None:
    bucket.put("a", b"file")
    with pytest.raises(StoreError, match="both a file and a folder"):
        bucket.put("a/b", b"x")
    with pytest.raises(MissingObjectError):
        bucket.get("a/b")
    assert bucket.get("a").data == b"file"


def test_where_case_is_lost_no_key_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "case_counts", lambda _: False)
    bucket = FolderBucket(tmp_path)
    wanted = {"images/a/É.jpg": b"1", "images/A/é.jpg": b"2", "images/a/é.jpg": b"3", "images/a/e\u0301.jpg": b"4"}
    for key, data in wanted.items():
        bucket.put(key, data)
    assert {key: bucket.get(key).data for key in keys(bucket)} == wanted
    names = [path.relative_to(tmp_path).as_posix().casefold() for path in tmp_path.rglob("*.jpg")]
    assert len(set(names)) == len(names)
    bucket.delete("images/A/é.jpg")
    assert set(keys(bucket)) == wanted.keys() - {"images/A/é.jpg"}


def test_a_missing_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere: there is no such folder; make it"):
        FolderBucket(tmp_path / "nowhere")


def test_a_failed_write_leaves_nothing(bucket: FolderBucket, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        bucket.create_file("file", tmp_path / "nothing")
    assert list((tmp_path / ".tonari" / "writing").iterdir()) == []


def test_processes_take_turns(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path)
    bucket.put("count", b"0")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in "abc"
    ]
    outcomes = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        outcomes.append(racer.communicate(timeout=60)[0].strip())
        assert racer.returncode == 0
    assert sorted(outcomes) == ["lost", "lost", "won"]
    assert bucket.get("count").data == b"120"
    assert bucket.get("once").data.decode() == "abc"[outcomes.index("won")]


def test_links_hold_for_one_key_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    links = Links("http://127.0.0.1:1/files/catalogue", b"secret")
    url = links.for_reading("images/a b/é.png", 60)
    assert url.startswith("http://127.0.0.1:1/files/catalogue/images/a%20b/%C3%A9.png?")
    query = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
    links.check_reading("images/a b/é.png", query)
    for key, changed in (
        ("images/other.png", query),
        ("images/a b/é.png", query | {"expires": str(int(query["expires"]) + 1)}),
        ("images/a b/é.png", query | {"signature": "é"}),
        ("images/a b/é.png", {}),
    ):
        with pytest.raises(LinkRefusedError):
            links.check_reading(key, changed)
    with pytest.raises(LinkRefusedError):
        Links(links.url, b"another").check_reading("images/a b/é.png", query)
    monkeypatch.setattr("time.time", lambda: int(query["expires"]) + 1.0)
    with pytest.raises(LinkRefusedError, match="expired"):
        links.check_reading("images/a b/é.png", query)


def test_forms_hold_for_pictures_of_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    links = Links("http://127.0.0.1:1/files/catalogue", b"secret")
    form = links.for_upload("images/7/${filename}", 1_000, 60)
    fields = form.fields | {"Content-Type": "image/png"}
    assert links.check_upload(fields, "front.png", 1_000) == "images/7/front.png"
    with pytest.raises(TooLargeError, match=r"1,001 bytes, at most 1,000"):
        links.check_upload(fields, "front.png", 1_001)
    for changed, size in (
        (fields | {"key": "head.json"}, 10),
        (fields | {"Content-Type": "text/html"}, 10),
        (fields | {"policy": links.for_upload("head.json", 1_000, 60).fields["policy"]}, 10),
        (fields, 0),
        ({}, 10),
    ):
        with pytest.raises(LinkRefusedError):
            links.check_upload(changed, "front.png", size)
    monkeypatch.setattr("time.time", lambda: 1e12)
    with pytest.raises(LinkRefusedError, match="expired"):
        links.check_upload(fields, "front.png", 10)


def test_without_a_server_there_are_no_links(bucket: FolderBucket) -> None:
    with pytest.raises(StoreError, match="tonari serve"):
        bucket.presign_get("a", 60)
    with pytest.raises(StoreError, match="tonari serve"):
        bucket.presign_post("a", 10, 60)
