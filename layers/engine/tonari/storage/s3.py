"""The only importer of boto3: objects in a bucket, conditional writes, presigned requests, asking a function to run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, StoreError
from tonari.storage.bucket import Blob, ObjectInfo, PresignedPost, file_sha256

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

CONFIG = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=40,
    signature_version="s3v4",
)
CHUNK = 1 << 20
DELETE_BATCH = 1000
CODES = {
    "NoSuchKey": MissingObjectError,
    "404": MissingObjectError,
    "PreconditionFailed": ConflictError,
    "412": ConflictError,
    "ConditionalRequestConflict": ConflictError,
    "409": ConflictError,
}


@contextmanager
def _s3_errors(what: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours."""
    try:
        yield
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        if code == "NoSuchBucket":
            raise StoreError(f"{what}: there is no such bucket; check its name, region and endpoint.") from error
        message = error.response["Error"].get("Message", "")
        raise CODES.get(code, StoreError)(f"{what}: {code} {message}".strip()) from error
    except BotoCoreError as error:
        raise StoreError(f"{what}: {error}") from error


class S3Bucket:
    """A bucket on S3.

    Every method raises :class:`StoreError` when S3 does not do what was asked, with these two told apart:
    :class:`MissingObjectError` and :class:`ConflictError`.
    """

    def __init__(self, name: str, client: S3Client | None = None) -> None:
        self._name = name
        with _s3_errors(f"bucket {name}"):
            self._s3: S3Client = client or boto3.client("s3", config=CONFIG)

    @property
    def name(self) -> str:
        """Name of the bucket."""
        return self._name

    def _what(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        """Read an object, with ``if_match`` only while its ETag is that one."""
        condition: Any = {"IfMatch": if_match} if if_match else {}
        with _s3_errors(self._what(key)):
            answer = self._s3.get_object(Bucket=self.name, Key=key, **condition)
            return Blob(answer["Body"].read(), answer["ETag"].strip('"'))

    def get_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object unless its ETag is still ``etag``."""
        with _s3_errors(self._what(key)):
            try:
                answer = self._s3.get_object(Bucket=self.name, Key=key, IfNoneMatch=etag)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                    return None
                raise
            return Blob(answer["Body"].read(), answer["ETag"].strip('"'))

    def head(self, key: str) -> ObjectInfo | None:
        """Ask for an object's ETag and size."""
        try:
            with _s3_errors(self._what(key)):
                answer = self._s3.head_object(Bucket=self.name, Key=key)
        except MissingObjectError:
            return None
        return ObjectInfo(key, answer["ETag"].strip('"'), answer["ContentLength"])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects in the order of their keys' UTF-8 bytes."""
        with _s3_errors(self._what(prefix)):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield ObjectInfo(found["Key"], found["ETag"].strip('"'), found["Size"])

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        """Write an object whatever was there; returns its ETag."""
        with _s3_errors(self._what(key)):
            answer = self._s3.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type)
        return answer["ETag"].strip('"')

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not exist yet; returns its ETag.

        A retry of our own write that had succeeded is told from another writer's by the bytes.
        """
        try:
            with _s3_errors(self._what(key)):
                answer = self._s3.put_object(Bucket=self.name, Key=key, Body=data, IfNoneMatch="*")
        except ConflictError:
            there = self.get(key)
            if there.data != data:
                raise
            return there.etag
        return answer["ETag"].strip('"')

    def create_file(self, key: str, path: Path) -> None:
        """Like :meth:`create`, from a file, which is streamed."""
        try:
            with _s3_errors(self._what(key)), path.open("rb") as body:
                self._s3.put_object(Bucket=self.name, Key=key, Body=body, IfNoneMatch="*")
        except ConflictError:
            if self.sha256(key) != file_sha256(path):
                raise

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write an object only while its ETag is ``etag``; returns the new one."""
        with _s3_errors(self._what(key)):
            answer = self._s3.put_object(Bucket=self.name, Key=key, Body=data, IfMatch=etag)
        return answer["ETag"].strip('"')

    def delete(self, *keys: str) -> None:
        """Delete objects; those that are not there count as deleted."""
        for start in range(0, len(keys), DELETE_BATCH):
            batch = keys[start : start + DELETE_BATCH]
            with _s3_errors(self._what(batch[0])):
                answer = self._s3.delete_objects(
                    Bucket=self.name, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            for failed in answer.get("Errors", ()):
                raise StoreError(f"{self._what(failed.get('Key', ''))}: {failed.get('Code')} {failed.get('Message')}")

    def sha256(self, key: str) -> str:
        """Read an object back and hash it (hex)."""
        digest = hashlib.sha256()
        with _s3_errors(self._what(key)):
            for chunk in self._s3.get_object(Bucket=self.name, Key=key)["Body"].iter_chunks(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object to ``path``, which must not be in use; whatever fails, no file is left there.

        Raises
        ------
        CorruptArtefactError
            If its sha256 (hex) is another.
        """
        digest = hashlib.sha256()
        try:
            with _s3_errors(self._what(key)), path.open("wb") as file:
                for chunk in self._s3.get_object(Bucket=self.name, Key=key)["Body"].iter_chunks(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if digest.hexdigest() != sha256:
            path.unlink()
            raise CorruptArtefactError(f"{self._what(key)} has sha256 {digest.hexdigest()}, recorded is {sha256}.")

    def presign_get(self, key: str, seconds: int) -> str:
        """Make a URL that reads one object until it expires."""
        with _s3_errors(self._what(key)):
            return self._s3.generate_presigned_url(
                "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=seconds
            )

    def presign_post(self, key: str, most_bytes: int, seconds: int) -> PresignedPost:
        """Make a form that uploads one picture of at most ``most_bytes``.

        ``key`` may end in ``${filename}``, which the uploader's file name replaces.
        """
        conditions: list[Any] = [["content-length-range", 1, most_bytes], ["starts-with", "$Content-Type", "image/"]]
        with _s3_errors(self._what(key)):
            form = self._s3.generate_presigned_post(self.name, key, Conditions=conditions, ExpiresIn=seconds)
        return PresignedPost(form["url"], form["fields"])


def start_function(name: str, payload: bytes) -> None:
    """Ask for an asynchronous run of a Lambda function."""
    with _s3_errors(f"function {name}"):
        client: LambdaClient = boto3.client("lambda", config=CONFIG)
        client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
