"""What is asked of a bucket holds alike on a strict S3 server, on the local AWS and in a folder that is served.

In the store of the simulation too: what is shown there would otherwise say nothing of S3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from integration.forms import upload
from simulation.store import SimulatedStore
from tonari.api.http import Response
from tonari.contract.artefacts import Head
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, StoreError
from tonari.snapshots.head import ReadHead, publish, read_changed_head, read_head
from tonari.storage.bucket import Blob, Bucket
from tonari.storage.folder import FolderBucket
from tonari.storage.s3 import S3Bucket
from tonari_tools.serve.listener import Listener
from tonari_tools.serve.site import FILES, Site


@pytest.fixture(params=["seaweed", "ministack", "folder", "simulated"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    match request.param:
        case "seaweed":
            return S3Bucket(request.getfixturevalue("buckets").artefacts)
        case "ministack":
            return S3Bucket(request.getfixturevalue("ministack_buckets").artefacts)
        case "simulated":
            return SimulatedStore(page=2).bucket("artefacts")
        case _:
            served: FolderBucket = request.getfixturevalue("served_folder")
            return served


@pytest.fixture
def served_folder(tmp_path: Path) -> Iterator[FolderBucket]:
    """An empty folder, behind a server that answers for its links."""
    (folder := tmp_path / "bucket").mkdir()
    with Listener() as listener:
        bucket = FolderBucket(folder, f"{listener.url}{FILES}bucket")
        listener.serve(Site(lambda _: Response(404), {"bucket": bucket}))
        yield bucket


def test_an_object_is_created_once(bucket: Bucket, tmp_path: Path) -> None:
    etag = bucket.create("once", b"first")
    assert bucket.create("once", b"first") == etag
    with pytest.raises(ConflictError):
        bucket.create("once", b"second")
    (tmp_path / "file").write_bytes(b"third")
    with pytest.raises(ConflictError):
        bucket.create_file("once", tmp_path / "file")
    assert bucket.get("once") == Blob(b"first", etag)


def test_an_object_is_replaced_only_under_its_etag(bucket: Bucket) -> None:
    old = bucket.put("head", b"1")
    new = bucket.replace("head", b"2", old)
    with pytest.raises(ConflictError):
        bucket.replace("head", b"3", old)
    with pytest.raises(StoreError):
        bucket.replace("missing", b"3", old)
    assert bucket.head("missing") is None
    assert bucket.get("head") == Blob(b"2", new)
    with pytest.raises(ConflictError):
        bucket.get("head", if_match=old)


def test_an_unchanged_object_is_not_sent_again(bucket: Bucket) -> None:
    etag = bucket.put("head", b"1")
    assert bucket.get_changed("head", etag) is None
    new = bucket.put("head", b"2")
    assert bucket.get_changed("head", etag) == Blob(b"2", new)


def test_what_is_missing_is_told_apart(bucket: Bucket) -> None:
    with pytest.raises(MissingObjectError, match="nothing"):
        bucket.get("nothing")
    with pytest.raises(MissingObjectError):
        bucket.get_changed("nothing", "0" * 32)
    assert bucket.head("nothing") is None
    bucket.delete()
    bucket.delete("nothing")
    assert list(bucket.list("")) == []


def test_an_etag_is_the_md5_of_the_bytes_and_listed_as_given(bucket: Bucket) -> None:
    etag = bucket.put("images/a b/vue é+1.png", b"\0\xff", "image/png")
    assert etag == hashlib.md5(b"\0\xff", usedforsecurity=False).hexdigest()
    (found,) = bucket.list("images/")
    assert (found.key, found.etag, found.size) == ("images/a b/vue é+1.png", etag, 2)
    asked = bucket.head("images/a b/vue é+1.png")
    assert asked is not None
    assert replace(asked, modified=found.modified) == found
    assert bucket.get(found.key) == Blob(b"\0\xff", etag)


def test_a_head_is_published_by_one_writer(bucket: Bucket) -> None:
    first = publish(bucket, ReadHead(Head(), None), Head(snapshot="a"))
    assert read_changed_head(bucket, first) is first
    second = publish(bucket, first, first.head)
    for stale in (first, ReadHead(Head(), None)):
        with pytest.raises(ConflictError):
            publish(bucket, stale, Head(snapshot="late"))
    assert read_head(bucket) == second


@pytest.mark.parametrize("bucket", ["seaweed", "ministack", "folder"], indirect=True)  # nobody serves the simulated one
def test_presigned_requests_are_answered(bucket: Bucket) -> None:
    form = bucket.presign_post("uploads/${filename}", 1_000, 60)
    assert upload(form, b"x" * 1_000, "a b.png", "image/png") in (200, 201, 204)
    assert bucket.get("uploads/a b.png").data == b"x" * 1_000
    with urlopen(bucket.presign_get("uploads/a b.png", 60)) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["content-type"]) == (b"x" * 1_000, "image/png")
    for size, name, content_type in ((1_001, "long.png", "image/png"), (0, "empty.png", "image/png")):
        assert 400 <= upload(form, b"x" * size, name, content_type) < 500
        assert bucket.head(f"uploads/{name}") is None


@pytest.mark.parametrize("bucket", ["seaweed", "folder"], indirect=True)  # MiniStack takes any link
def test_a_link_reads_only_what_it_was_made_for(bucket: Bucket) -> None:
    bucket.put("images/a b/é.png", b"picture")
    bucket.put("images/other.png", b"other")
    link = bucket.presign_get("images/a b/é.png", 60)
    with urlopen(link) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["content-type"]) == (b"picture", "image/png")
    for changed in (link.replace("a%20b/%C3%A9", "other"), re.sub(r"(xpires=\d+)", r"\g<1>0", link)):
        assert changed != link
        with pytest.raises(HTTPError, match="403") as refused:
            urlopen(changed)  # noqa: S310
        refused.value.close()


def test_one_of_many_writers_wins(bucket: Bucket) -> None:
    def attempt(number: int) -> bool:
        try:
            bucket.create("race", b"%d" % number)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert bucket.get("race").data == b"%d" % won.index(True)


def test_keys_come_in_the_order_of_their_bytes(bucket: Bucket) -> None:
    keys = ["o/B", "o/a b", "o/a+b", "o/a%20b", "o/ab/c", "o/a-b", "o/z", "o/é", "o/日本"]
    for key in reversed(keys):
        bucket.put(key, b"x")
    bucket.put("other", b"x")
    assert [found.key for found in bucket.list("o/")] == sorted(keys, key=str.encode)
    assert [found.key for found in bucket.list("o/a")] == sorted(
        (k for k in keys if k.startswith("o/a")), key=str.encode
    )
    bucket.delete(*keys, "never-there")
    assert [found.key for found in bucket.list("")] == ["other"]


def test_a_download_is_verified(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("file", b"content")
    bucket.download("file", tmp_path / "good", hashlib.sha256(b"content").hexdigest())
    assert (tmp_path / "good").read_bytes() == b"content"
    assert bucket.sha256("file") == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(CorruptArtefactError, match=r"file has sha256 .*, recorded is"):
        bucket.download("file", tmp_path / "bad", hashlib.sha256(b"other").hexdigest())
    with pytest.raises(MissingObjectError):
        bucket.download("nothing", tmp_path / "bad", "0" * 64)
    assert not (tmp_path / "bad").exists()


def test_a_file_is_created_once(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(b"x" * 300_000)
    bucket.create_file("file", path)
    bucket.create_file("file", path)
    path.write_bytes(b"other")
    with pytest.raises(ConflictError):
        bucket.create_file("file", path)
    assert bucket.get("file").data == b"x" * 300_000


def test_the_store_dates_its_objects_by_its_own_clock(bucket: Bucket) -> None:
    before = bucket.now()
    bucket.put("dated", b"x")
    after = bucket.now()
    found = bucket.head("dated")
    assert found is not None
    assert before - 1 <= found.modified <= after + 1
    assert [one.modified for one in bucket.list("dated")] == [pytest.approx(found.modified, abs=1)]


def test_some_bytes_of_an_object_are_read(bucket: Bucket) -> None:
    bucket.put("bytes", b"0123456789")
    assert bucket.get_range("bytes", 0, 4) == b"0123"
    assert bucket.get_range("bytes", 7, 1) == b"7"
    assert bucket.get_range("bytes", 8, 100) == b"89"
    with pytest.raises(MissingObjectError):
        bucket.get_range("nothing", 0, 1)
