"""What only S3 itself has: long listings, signatures, a bucket or server that is not there."""

from __future__ import annotations

import hashlib
import socket
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from aws.services import Endpoint
from integration.forms import upload
from tonari.errors import MissingObjectError, StoreError
from tonari.storage.bucket import Blob, Bucket
from tonari.storage.s3 import S3Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_what_was_put_is_read_with_its_etag(artefacts: Bucket) -> None:
    etag = artefacts.put("a/b é.bin", b"\0\xff")
    assert artefacts.get("a/b é.bin") == Blob(b"\0\xff", etag)
    found = artefacts.head("a/b é.bin")
    assert found is not None
    assert (found.key, found.etag, found.size) == ("a/b é.bin", etag, 2)
    assert list(artefacts.list("a/")) == [found]
    assert etag == hashlib.md5(b"\0\xff", usedforsecurity=False).hexdigest()


def test_replacing_what_is_missing_is_refused(artefacts: Bucket) -> None:
    with pytest.raises(StoreError):
        artefacts.replace("nothing", b"1", "0" * 32)
    assert artefacts.head("nothing") is None


def test_a_missing_key_is_told_apart(artefacts: Bucket, tmp_path: Path) -> None:
    with pytest.raises(MissingObjectError, match="nothing"):
        artefacts.get("nothing")
    with pytest.raises(MissingObjectError):
        artefacts.get_changed("nothing", "0" * 32)
    with pytest.raises(MissingObjectError):
        artefacts.download("nothing", tmp_path / "file", "0" * 64)
    assert not (tmp_path / "file").exists()
    assert artefacts.head("nothing") is None


def test_a_missing_bucket_is_named_with_the_remedy(s3: S3Client) -> None:
    missing = S3Bucket(f"missing-{uuid.uuid4().hex}", s3)
    with pytest.raises(StoreError, match=r"missing-.*no such bucket; check its name, region and endpoint") as raised:
        missing.get("key")
    assert not isinstance(raised.value, MissingObjectError)
    with pytest.raises(StoreError, match="no such bucket"):
        list(missing.list(""))


def test_listings_go_on_past_a_thousand(artefacts: Bucket) -> None:
    keys = [f"many/{number:04}" for number in range(1_003)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: artefacts.put(key, b""), keys))
    assert [found.key for found in artefacts.list("many/")] == keys
    artefacts.delete(*keys, "many/never-there")
    assert list(artefacts.list("many/")) == []


def test_deleting_nothing_is_no_error(artefacts: Bucket) -> None:
    artefacts.delete()
    artefacts.delete("never-there")
    artefacts.put("there", b"")
    artefacts.delete("there")
    assert artefacts.head("there") is None


def test_a_presigned_url_reads_one_object(artefacts: Bucket) -> None:
    artefacts.put("images/a b/é.png", b"picture", "image/png")
    with urllib.request.urlopen(artefacts.presign_get("images/a b/é.png", 60)) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["content-type"]) == (b"picture", "image/png")
    url = artefacts.presign_get("images/a b/é.png", 60).replace("X-Amz-Expires=60", "X-Amz-Expires=6000")
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(url)  # noqa: S310
    refused.value.close()


def test_a_presigned_form_uploads_a_picture(artefacts: Bucket) -> None:
    form = artefacts.presign_post("uploads/${filename}", 1_000, 60)
    assert upload(form, b"x" * 1_000, "a b.png", "image/png") in (200, 204)
    assert artefacts.get("uploads/a b.png").data == b"x" * 1_000


@pytest.mark.parametrize(
    ("size", "content_type"), [(1_001, "image/png"), (0, "image/png"), (10, "text/html")], ids=["long", "empty", "html"]
)
def test_a_presigned_form_refuses_what_it_does_not_name(artefacts: Bucket, size: int, content_type: str) -> None:
    form = artefacts.presign_post("uploads/one", 1_000, 60)
    assert 400 <= upload(form, b"x" * size, "one", content_type) < 500
    assert artefacts.head("uploads/one") is None


def test_an_s3_that_is_down_is_a_store_error(seaweed: Endpoint, artefacts: Bucket, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = Config(retries={"mode": "standard", "total_max_attempts": 1})
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            config=config,
            region_name=seaweed.region,
            aws_access_key_id=seaweed.access_key,
            aws_secret_access_key=seaweed.secret_key,
        )
        bucket = S3Bucket(artefacts.name, client)
        path = tmp_path / "file"
        path.write_bytes(b"x")
        for attempt in (
            lambda: bucket.get("key"),
            lambda: bucket.get_changed("key", "0" * 32),
            lambda: bucket.head("key"),
            lambda: list(bucket.list("")),
            lambda: bucket.put("key", b""),
            lambda: bucket.create("key", b""),
            lambda: bucket.create_file("key", path),
            lambda: bucket.replace("key", b"", "0" * 32),
            lambda: bucket.delete("key"),
            lambda: bucket.sha256("key"),
            lambda: bucket.download("key", tmp_path / "fresh", "0" * 64),
        ):
            with pytest.raises(StoreError, match="Could not connect") as raised:
                attempt()
            assert type(raised.value) is StoreError
    assert not (tmp_path / "fresh").exists()
