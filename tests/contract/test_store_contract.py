"""What the store relies on holds alike for the strict S3 server of the tests and for the one behind the demo."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.request import urlopen

import pytest

from integration.forms import upload
from tonari.errors import ConflictError, MissingObjectError, StoreError
from tonari.snapshots.head import Head, ReadHead, publish, read_changed_head, read_head
from tonari.storage.bucket import Blob, Bucket
from tonari.storage.s3 import S3Bucket


@pytest.fixture(params=["buckets", "ministack_buckets"], ids=["seaweed", "ministack"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return S3Bucket(request.getfixturevalue(request.param).artefacts)


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
    assert bucket.get("head") == Blob(b"2", new)
    with pytest.raises(ConflictError):
        bucket.get("head", if_match=old)


def test_an_unchanged_object_is_not_sent_again(bucket: Bucket) -> None:
    etag = bucket.put("head", b"1")
    assert bucket.get_changed("head", etag) is None
    new = bucket.put("head", b"2")
    assert bucket.get_changed("head", etag) == Blob(b"2", new)


def test_what_is_missing_is_told_apart(bucket: Bucket) -> None:
    with pytest.raises(MissingObjectError):
        bucket.get("nothing")
    with pytest.raises(MissingObjectError):
        bucket.get_changed("nothing", "0" * 32)
    assert bucket.head("nothing") is None
    bucket.delete("nothing")
    assert list(bucket.list("")) == []


def test_an_etag_is_the_md5_of_the_bytes_and_listed_as_given(bucket: Bucket) -> None:
    etag = bucket.put("images/a b/vue é+1.png", b"picture", "image/png")
    assert etag == hashlib.md5(b"picture", usedforsecurity=False).hexdigest()
    (found,) = bucket.list("images/")
    assert (found.key, found.etag, found.size) == ("images/a b/vue é+1.png", etag, 7)
    assert bucket.head("images/a b/vue é+1.png") == found


def test_a_head_is_published_by_one_writer(bucket: Bucket) -> None:
    first = publish(bucket, ReadHead(Head(), None), Head(snapshot="a"))
    assert read_changed_head(bucket, first) is first
    second = publish(bucket, first, first.head)
    for stale in (first, ReadHead(Head(), None)):
        with pytest.raises(ConflictError):
            publish(bucket, stale, Head(snapshot="late"))
    assert read_head(bucket) == second


def test_presigned_requests_are_answered(bucket: Bucket) -> None:
    form = bucket.presign_post("uploads/${filename}", 1_000, 60)
    assert upload(form, b"x" * 1_000, "a b.png", "image/png") in (200, 201, 204)
    assert bucket.get("uploads/a b.png").data == b"x" * 1_000
    with urlopen(bucket.presign_get("uploads/a b.png", 60)) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["content-type"]) == (b"x" * 1_000, "image/png")
    assert 400 <= upload(form, b"x" * 1_001, "long.png", "image/png") < 500
    assert bucket.head("uploads/long.png") is None
