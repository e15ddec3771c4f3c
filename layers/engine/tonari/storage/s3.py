"""The only importer of boto3: objects in a bucket, conditional writes, presigned requests, asking a function to run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tonari.config import is_this_machine
from tonari.contract.forms import decode
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, SettingError, StoreError
from tonari.storage.bucket import Blob, ObjectInfo, PresignedPost, file_sha256, save_verified
from tonari.storage.last_use import LastUse
from tonari.storage.s3_remedies import OF_CODES, OF_KINDS, remedy_for

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
CUT = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
"""How a transfer ends whose connection was lost, as when Lambda freezes a process."""
CREATE_TRIES = 5
"""S3 answers 409, and stores nothing, while another write of the same key is under way."""
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
        message = _sentence(f"{what}: {code} {error.response['Error'].get('Message', '')}")
        raise CODES.get(code, StoreError)(f"{message} {OF_CODES.get(code, '')}".strip()) from error
    except BotoCoreError as error:
        raise StoreError(f"{_sentence(f'{what}: {error}')} {remedy_for(type(error))}".strip()) from error


def _sentence(text: str) -> str:
    line = " ".join(text.split()).rstrip(":")
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _open(service: Any, endpoint: str) -> Any:
    """Make a client of a service: ``endpoint`` beats what the environment and profiles say.

    No proxy is asked for what is on this machine.
    """
    url = endpoint or None
    try:
        client: Any = boto3.client(service, endpoint_url=url, config=CONFIG)
        if is_this_machine(client.meta.endpoint_url):
            client = boto3.client(service, endpoint_url=url, config=CONFIG.merge(Config(proxies={})))
    except ValueError as error:
        raise SettingError(f"{_sentence(str(error))} {OF_KINDS['EndpointResolutionError']}") from error
    return client


class S3Bucket:
    """A bucket on S3; see :class:`tonari.storage.bucket.Bucket`.

    Parameters
    ----------
    client
        Of boto3; made unless given.
    endpoint
        URL of an S3 server other than the one that the environment and profiles name.

    Raises
    ------
    StoreError
        If no client can be made of what the environment and profiles say.
    SettingError
        If an endpoint is no URL.
    """

    def __init__(self, name: str, client: S3Client | None = None, *, endpoint: str = "") -> None:
        self.name = name
        with _s3_errors(f"bucket {name}"):
            self._client: S3Client = client or _open("s3", endpoint)
        self._last_use = LastUse()

    @property
    def _s3(self) -> S3Client:
        """The client. Connections that nobody used for long may be dead without a word: new ones take their place."""
        if self._last_use.was_long_ago():
            self._client.close()
        return self._client

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        """Read an object, with ``if_match`` only while its ETag is that one."""
        condition: Any = {"IfMatch": if_match} if if_match else {}
        with self._errors(key):
            answer = self._s3.get_object(Bucket=self.name, Key=key, **condition)
            return Blob(answer["Body"].read(), _etag(answer))

    def get_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object unless its ETag is still ``etag``."""
        with self._errors(key):
            try:
                answer = self._s3.get_object(Bucket=self.name, Key=key, IfNoneMatch=etag)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                    return None
                raise
            return Blob(answer["Body"].read(), _etag(answer))

    def get_range(self, key: str, start: int, count: int) -> bytes:
        """Read some bytes of an object; fewer come where it ends before."""
        with self._errors(key):
            answer = self._s3.get_object(Bucket=self.name, Key=key, Range=f"bytes={start}-{start + count - 1}")
            return answer["Body"].read()

    def head(self, key: str) -> ObjectInfo | None:
        """Ask what a listing says of one object; None if it is not there."""
        try:
            with self._errors(key):
                answer = self._s3.head_object(Bucket=self.name, Key=key)
        except MissingObjectError:
            return None
        return ObjectInfo(key, _etag(answer), answer["ContentLength"], answer["LastModified"].timestamp())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects in the order of their keys' UTF-8 bytes."""
        with self._errors(prefix):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield ObjectInfo(found["Key"], _etag(found), found["Size"], found["LastModified"].timestamp())

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        """Write an object whatever was there; returns its ETag."""
        return self._put(key, data, ContentType=content_type)

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not exist yet, or by our own earlier attempt; returns its ETag."""
        for _ in range(CREATE_TRIES):
            try:
                return self._put(key, data, IfNoneMatch="*")
            except ConflictError as error:
                conflict = error
            with suppress(MissingObjectError):
                there = self.get(key)
                if there.data != data:
                    raise conflict
                return there.etag
        raise conflict

    def create_file(self, key: str, path: Path) -> None:
        """Like :meth:`create`, from a file, which is streamed."""
        for _ in range(CREATE_TRIES):
            try:
                with path.open("rb") as file:
                    self._put(key, file, IfNoneMatch="*")
            except ConflictError as error:
                conflict = error
            else:
                return
            with suppress(MissingObjectError):
                if self.sha256(key) != file_sha256(path):
                    raise conflict
                return
        raise conflict

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write an object only while its ETag is ``etag``; returns the new one."""
        return self._put(key, data, IfMatch=etag)

    def delete(self, *keys: str) -> None:
        """Delete objects; those that are not there count as deleted."""
        for start in range(0, len(keys), DELETE_BATCH):
            batch = keys[start : start + DELETE_BATCH]
            with self._errors(batch[0]):
                answer = self._s3.delete_objects(
                    Bucket=self.name, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            for failed in answer.get("Errors", ()):
                raise StoreError(f"{self._what(failed.get('Key', ''))}: {failed.get('Code')} {failed.get('Message')}")

    def sha256(self, key: str) -> str:
        """Read an object back and hash it (hex)."""
        digest = hashlib.sha256()
        with self._errors(key):
            for chunk in self._chunks(key):
                digest.update(chunk)
        return digest.hexdigest()

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object to ``path`` and verify it; whatever fails, no file is left there."""
        with self._errors(key):
            save_verified(self._chunks(key), path, sha256, self._what(key))

    def now(self) -> float:
        """Tell the time by the store's clock: the date of its answer."""
        with _s3_errors(f"bucket {self.name}"):
            answer = self._s3.head_bucket(Bucket=self.name)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()

    def presign_get(self, key: str, seconds: int) -> str:
        """Make a URL that reads one object until it expires."""
        with self._errors(key):
            return self._s3.generate_presigned_url(
                "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=seconds
            )

    def presign_post(self, key: str, most_bytes: int, seconds: int) -> PresignedPost:
        """Make a form that uploads one picture; ``key`` may end in ``${filename}``."""
        conditions: list[Any] = [["content-length-range", 1, most_bytes], ["starts-with", "$Content-Type", "image/"]]
        with self._errors(key):
            form = self._s3.generate_presigned_post(self.name, key, Conditions=conditions, ExpiresIn=seconds)
        return PresignedPost(form["url"], form["fields"])

    def _what(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return _s3_errors(self._what(key))

    def _put(self, key: str, data: bytes | BinaryIO, **conditions: Any) -> str:
        with self._errors(key):
            return _etag(self._s3.put_object(Bucket=self.name, Key=key, Body=data, **conditions))

    def _chunks(self, key: str) -> Iterator[bytes]:
        """Read an object; a transfer that is cut goes on where it stopped, as long as each brings something."""
        answer = self._s3.get_object(Bucket=self.name, Key=key)
        etag, at = answer["ETag"], 0
        while True:
            before = at
            try:
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    yield chunk
                    at += len(chunk)
            except CUT:
                if at == before:
                    raise
            else:
                return
            answer = self._s3.get_object(Bucket=self.name, Key=key, IfMatch=etag, Range=f"bytes={at}-")


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def start_function(name: str, payload: bytes) -> None:
    """Ask for an asynchronous run of a Lambda function."""
    with _s3_errors(f"function {name}"):
        client: LambdaClient = _open("lambda", "")
        client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)


def start_execution(machine: str, name: str, payload: bytes) -> None:
    """Start a state machine of Step Functions; one of this name that ran or runs is not started again.

    Parameters
    ----------
    machine
        Its ARN.
    """
    with _s3_errors(f"state machine {machine}"):
        client = _open("stepfunctions", "")
        with suppress(client.exceptions.ExecutionAlreadyExists):
            client.start_execution(stateMachineArn=machine, name=name, input=payload.decode())


def read_secret(name: str) -> dict[str, str]:
    """Read a secret of texts from Secrets Manager.

    Parameters
    ----------
    name
        Its ARN or name.

    Raises
    ------
    SettingError
        If it is not a JSON object of texts; nothing of it is repeated.
    StoreError
        If it cannot be read.
    """
    with _s3_errors(f"secret {name}"):
        client = _open("secretsmanager", "")
        said = client.get_secret_value(SecretId=name)["SecretString"]
    try:
        return decode(said.encode(), dict[str, str], name)
    except CorruptArtefactError:
        raise SettingError(
            f'The secret {name} must be a JSON object of texts, such as {{"user": "…", "password": "…"}}.'
        ) from None
