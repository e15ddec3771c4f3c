# ruff: noqa: N803 (boto3 names its arguments so)
"""S3 in memory: :class:`tonari.storage.s3.S3Bucket` itself runs over it, and each request passes one gate."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from io import BytesIO
from typing import Any, BinaryIO, Protocol, TypeVar

from botocore.exceptions import ClientError, ParamValidationError
from botocore.response import StreamingBody

from tonari.storage.s3 import S3Bucket

Made = TypeVar("Made")
START = dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()
"""Far from the time of the machine: whoever asks the wrong clock is seen to."""
S3_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """An object; ``size`` is what is announced, which a connection that breaks does not deliver."""

    data: bytes
    etag: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Call:
    """A request of an actor: what is done (``get``, ``list``, ``put``, ``create``, ``replace``, …) to which key."""

    actor: str
    what: str
    bucket: str
    key: str

    @property
    def conditional(self) -> bool:
        return self.what in ("create", "replace")


@dataclass(frozen=True, slots=True)
class Change:
    """An object was written, or deleted (None)."""

    bucket: str
    key: str
    stored: Stored | None


class Gate(Protocol):
    """Lets a request through: at once or later, twice or never, with its answer or without."""

    def __call__(self, call: Call, do: Callable[[], Made]) -> Made: ...


@dataclass
class SimulatedStore:
    """The objects of any number of buckets, strongly consistent; the time is whatever :attr:`clock` says.

    Parameters
    ----------
    page
        Keys in one answer to LIST: between two answers the bucket may change.
    on_change
        Told each change, once it is made.
    """

    page: int = S3_PAGE
    clock: float = START
    on_change: Callable[[Change], None] = lambda _: None
    gate: Gate = field(default_factory=lambda: _one_at_a_time(threading.RLock()))
    objects: dict[str, dict[str, Stored]] = field(default_factory=dict)

    def bucket(self, name: str, actor: str = "") -> S3Bucket:
        """Give an actor's handle of a bucket."""
        self.objects.setdefault(name, {})
        return S3Bucket(name, _Client(self, actor))  # type: ignore[arg-type]

    def write(self, bucket: str, key: str, data: bytes) -> Stored:
        """Write an object, whatever was there."""
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        stored = Stored(data, etag, len(data), float(int(self.clock)))
        self.objects[bucket][key] = stored
        self.on_change(Change(bucket, key, stored))
        return stored

    def remove(self, bucket: str, key: str) -> None:
        """Delete an object if it is there."""
        if self.objects[bucket].pop(key, None) is not None:
            self.on_change(Change(bucket, key, None))


def _one_at_a_time(lock: threading.RLock) -> Gate:
    def gate(_: Call, do: Callable[[], Made]) -> Made:
        with lock:
            return do()

    return gate


class _Client:
    """What :class:`S3Bucket` asks of boto3, word for word, without the wire."""

    def __init__(self, store: SimulatedStore, actor: str) -> None:
        self._store, self._actor = store, actor

    def close(self) -> None:
        """Give up connections, of which there are none here."""

    def get_object(
        self, *, Bucket: str, Key: str, IfMatch: str = "", IfNoneMatch: str = "", Range: str = "bytes=0-"
    ) -> dict[str, Any]:
        wanted = IfMatch.strip('"')
        begin, _, last = Range.removeprefix("bytes=").partition("-")
        wanted_bytes = slice(int(begin), int(last) + 1 if last else None)

        def do() -> Stored:
            found = self._find(Bucket, Key)
            if wanted and found.etag != wanted:
                raise refusal(412, "PreconditionFailed", "GetObject")
            if found.etag == IfNoneMatch:
                raise refusal(304, "304", "GetObject")
            data = found.data[wanted_bytes]
            return replace(found, data=data, size=len(data))

        sent = self._call("get", Bucket, Key, do)
        return {"Body": StreamingBody(BytesIO(sent.data), sent.size), **_about(sent)}  # type: ignore[arg-type]

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return _about(self._call("head", Bucket, Key, lambda: self._find(Bucket, Key, "404")))

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes | BinaryIO,
        IfMatch: str = "",
        IfNoneMatch: str = "",
        **_: Any,
    ) -> dict[str, Any]:
        data = Body if isinstance(Body, bytes) else Body.read()

        def do() -> Stored:
            if IfNoneMatch and Key in self._store.objects[Bucket]:
                raise refusal(412, "PreconditionFailed", "PutObject")
            if IfMatch and self._find(Bucket, Key).etag != IfMatch:
                raise refusal(412, "PreconditionFailed", "PutObject")
            return self._store.write(Bucket, Key, data)

        return _about(self._call("replace" if IfMatch else "create" if IfNoneMatch else "put", Bucket, Key, do))

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:
        for one in Delete["Objects"]:  # each on its own: S3 promises no more
            key = one["Key"]
            self._call("delete", Bucket, key, functools.partial(self._store.remove, Bucket, key))
        return {}

    def head_bucket(self, *, Bucket: str) -> dict[str, Any]:
        date = self._call("now", Bucket, "", lambda: formatdate(self._store.clock, usegmt=True))
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    def get_paginator(self, _: str) -> _Client:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        after = b""
        while True:

            def do(after: bytes = after) -> list[tuple[str, Stored]]:
                there = self._store.objects[Bucket].items()
                left = ((key, one) for key, one in there if key.startswith(Prefix) and key.encode() > after)
                return sorted(left, key=lambda one: one[0].encode())[: self._store.page + 1]

            found = self._call("list", Bucket, Prefix, do)
            page = found[: self._store.page]
            yield {"Contents": [{"Key": key, "Size": one.size, **_about(one)} for key, one in page]}
            if len(found) == len(page):
                return
            after = page[-1][0].encode()

    def generate_presigned_url(self, *_: Any, **__: Any) -> str:
        raise ParamValidationError(report="nobody serves links to a store in memory")

    generate_presigned_post = generate_presigned_url

    def _call(self, what: str, bucket: str, key: str, do: Callable[[], Made]) -> Made:
        return self._store.gate(Call(self._actor, what, bucket, key), do)

    def _find(self, bucket: str, key: str, code: str = "NoSuchKey") -> Stored:
        try:
            return self._store.objects[bucket][key]
        except KeyError:
            raise refusal(404, code, "GetObject") from None


def refusal(status: int, code: str, operation: str) -> ClientError:
    """What boto3 raises for an answer that is an error."""
    answer = {"Error": {"Code": code, "Message": "simulated"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)  # type: ignore[arg-type]


def _about(stored: Stored) -> dict[str, Any]:
    modified = dt.datetime.fromtimestamp(stored.modified, dt.UTC)
    return {"ETag": f'"{stored.etag}"', "ContentLength": stored.size, "LastModified": modified}
