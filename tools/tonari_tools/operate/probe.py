"""Whether a store does what tonari needs: conditional writes that only one of many wins, reads that see every write."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonari.errors import ConflictError, MissingObjectError, StoreError
from tonari.storage.bucket import Bucket, file_sha256

WRITERS = 16
MOST_SKEW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Probed:
    """Something that tonari needs of a store, and what is wrong with it; ``problem`` is empty if nothing is."""

    need: str
    problem: str


def probe(bucket: Bucket) -> Iterator[Probed]:
    """Try what tonari needs, under keys of its own, which are deleted in the end."""
    prefix = f"work/probe-{secrets.token_hex(6)}/"
    try:
        for need, attempt in _ATTEMPTS.items():
            try:
                problem = attempt(bucket, prefix)
            except StoreError as error:
                problem = error.detail
            yield Probed(need, problem)
    finally:
        with suppress(StoreError):
            bucket.delete(*(found.key for found in bucket.list(prefix)))


def _written_is_read(bucket: Bucket, prefix: str) -> str:
    key = f"{prefix}read é+1"
    for number in range(10):
        data = b"%d" % number
        etag = bucket.put(key, data)
        blob, listed = bucket.get(key), [found for found in bucket.list(prefix) if found.key == key]
        if blob.data != data or blob.etag != etag or [found.etag for found in listed] != [etag]:
            return "a read or a listing right after a write gave something older, or another ETag"
    return ""


def _deleted_is_gone(bucket: Bucket, prefix: str) -> str:
    key = f"{prefix}gone"
    bucket.put(key, b"x")
    bucket.delete(key)
    try:
        bucket.get(key)
    except MissingObjectError:
        return "a deleted object is listed" if any(found.key == key for found in bucket.list(prefix)) else ""
    return "a deleted object is still read"


def _created_once(bucket: Bucket, prefix: str) -> str:
    return _one_wins(lambda number: bucket.create(f"{prefix}once", b"%d" % number), "an If-None-Match: * write")


def _replaced_once(bucket: Bucket, prefix: str) -> str:
    key = f"{prefix}head"
    etag = bucket.put(key, b"first")
    return _one_wins(lambda number: bucket.replace(key, b"%d" % number, etag), "an If-Match write")


def _one_wins(write: Callable[[int], object], what: str) -> str:
    def try_it(number: int) -> bool:
        try:
            write(number)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = sum(pool.map(try_it, range(WRITERS)))
    return "" if won == 1 else f"{won} of {WRITERS} writers at once won {what}; exactly one must"


def _unchanged_is_told(bucket: Bucket, prefix: str) -> str:
    etag = bucket.put(f"{prefix}same", b"x")
    return "" if bucket.get_changed(f"{prefix}same", etag) is None else "it was sent again"


def _ranges_are_read(bucket: Bucket, prefix: str) -> str:
    key = f"{prefix}range"
    bucket.put(key, b"0123456789")
    return "" if bucket.get_range(key, 3, 4) == b"3456" else "other bytes came than those that were asked for"


def _listed_in_order(bucket: Bucket, prefix: str) -> str:
    names = ["a", "a.b", "a-b", "Z", "é", "~", "日本"]
    for name in names:
        bucket.put(f"{prefix}order/{name}", b"x")
    listed = [found.key for found in bucket.list(f"{prefix}order/")]
    return "" if listed == sorted(listed, key=str.encode) and len(listed) == len(names) else f"listed as {listed}"


def _files_come_back(bucket: Bucket, prefix: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        sent, back = Path(folder, "sent"), Path(folder, "back")
        sent.write_bytes(secrets.token_bytes(3_000_000))
        bucket.create_file(f"{prefix}file", sent)
        bucket.download(f"{prefix}file", back, file_sha256(sent))
    return ""


def _clock_is_told(bucket: Bucket, prefix: str) -> str:
    bucket.put(f"{prefix}dated", b"x")
    found = bucket.head(f"{prefix}dated")
    skew = bucket.now() - time.time()
    if found is None or not -2 <= bucket.now() - found.modified <= MOST_SKEW_SECONDS:
        return "the date of a new object is not the store's present time"
    if abs(skew) > MOST_SKEW_SECONDS:
        return f"its clock and this machine's differ by {skew:.0f} s: nothing is lost by it, but S3 refuses signatures"
    return ""


_ATTEMPTS: dict[str, Callable[[Bucket, str], str]] = {
    "a read sees every write before it": _written_is_read,
    "what is deleted is gone": _deleted_is_gone,
    "one of many creates an object": _created_once,
    "one of many replaces an object": _replaced_once,
    "an unchanged object is not sent again": _unchanged_is_told,
    "some bytes of an object are read alone": _ranges_are_read,
    "listings are in the order of UTF-8 bytes": _listed_in_order,
    "a file comes back as it was sent": _files_come_back,
    "the store tells its own time": _clock_is_told,
}
