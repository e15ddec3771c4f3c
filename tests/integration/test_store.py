"""What only S3 itself has: long listings, types in forms, a bucket or server that is not there."""

from __future__ import annotations

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from aws.services import Endpoint
from integration.forms import upload
from tonari.errors import ConflictError, MissingObjectError, StoreError
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import CREATE_TRIES, S3Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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


@pytest.mark.parametrize("conflicts", [1, CREATE_TRIES - 1, CREATE_TRIES])
def test_a_write_that_met_another_one_is_made_again(
    s3: S3Client, artefacts: Bucket, tmp_path: Path, conflicts: int
) -> None:
    """409: S3 has stored nothing, because another write of the key was under way."""

    class Conflicting:
        left = conflicts

        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

        def put_object(self, **given: Any) -> Any:
            if self.left:
                self.left -= 1
                said: Any = {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {}}
                raise ClientError(said, "PutObject")
            return s3.put_object(**given)

    (tmp_path / "file").write_bytes(b"x")
    for key, create in (
        ("one", lambda bucket: bucket.create("one", b"x")),
        ("two", lambda bucket: bucket.create_file("two", tmp_path / "file")),
    ):
        client: Any = Conflicting()
        if conflicts < CREATE_TRIES:
            create(S3Bucket(artefacts.name, client))
            assert artefacts.get(key).data == b"x"
        else:
            with pytest.raises(ConflictError, match="ConditionalRequestConflict"):
                create(S3Bucket(artefacts.name, client))
            assert artefacts.head(key) is None


def test_a_presigned_form_refuses_what_is_no_picture(artefacts: Bucket) -> None:
    form = artefacts.presign_post("uploads/one", 1_000, 60)
    assert 400 <= upload(form, b"x" * 10, "one", "text/html") < 500
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
