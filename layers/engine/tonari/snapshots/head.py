"""The head: the one small mutable object, which says what is live; and why snapshots were refused to be."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from tonari.contract.artefacts import Head, Live, Refusal, SegmentRef
from tonari.contract.forms import check_seal, decode, encode, seal
from tonari.encoders.store import has_encoder
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, NotReadyError, StoreError
from tonari.storage.bucket import Blob, Bucket, ObjectInfo

HEAD = "head.json"
COPY = "head.copy.json"
"""What was published last, for readers alone, should the head be damaged: it may be a little older."""
ADDED_SINCE = {"lease", "sha256"}
"""Fields that heads of earlier versions lack."""
MOST_NONCES = 256
TRIES = 20
SNAPSHOTS, SEGMENTS = "snapshots/", "segments/"
"""Under which keys what a head names lies."""


@dataclass(frozen=True, slots=True)
class ReadHead:
    """A head and the ETag it was read with, None if there is no head yet."""

    head: Head
    etag: str | None


def read_head(artefacts: Bucket) -> ReadHead:
    """Read the head; where there is none, an empty one."""
    try:
        return _read(artefacts.get(HEAD))
    except MissingObjectError:
        return ReadHead(Head(), None)


def read_copy(artefacts: Bucket) -> ReadHead:
    """Read the copy of the head, over which nothing can be published; raises what :func:`read_head` does.

    Raises
    ------
    MissingObjectError
        If there is none.
    """
    return ReadHead(head_from_bytes(artefacts.get(COPY).data), None)


def read_changed_head(artefacts: Bucket, known: ReadHead) -> ReadHead:
    """Read the head unless it is still the one that is known."""
    if known.etag is None:
        return read_head(artefacts)
    blob = artefacts.get_changed(HEAD, known.etag)
    return _read(blob) if blob else known


def _read(blob: Blob) -> ReadHead:
    return ReadHead(head_from_bytes(blob.data), blob.etag)


def head_from_bytes(data: bytes) -> Head:
    """Read ``head.json``; those of earlier versions have no sha256.

    Raises
    ------
    CorruptArtefactError
        If it is not of this form, or not as it was written.
    """
    try:
        head = decode(data, Head, HEAD)
        lacking = set(Head.__struct_fields__) - decode(data, dict[str, msgspec.Raw], HEAD).keys()
        return head if lacking == ADDED_SINCE else check_seal(head, HEAD)
    except CorruptArtefactError as error:
        raise CorruptArtefactError(
            f"{error.detail} Put an earlier version of it back, which the bucket keeps for a week; or delete it, then "
            "run tonari init and tonari rebuild."
        ) from error


def publish(artefacts: Bucket, read: ReadHead, head: Head) -> ReadHead:
    """Replace the head that was read by another, with the next generation and a nonce.

    Raises
    ------
    ConflictError
        If another writer came first: read the head again and start over.
    """
    nonce = secrets.token_hex(8)
    nonces = (*read.head.nonces, nonce)[-MOST_NONCES:]
    head = seal(msgspec.structs.replace(head, generation=read.head.generation + 1, nonces=nonces))
    data = encode(head)
    try:
        etag = artefacts.create(HEAD, data) if read.etag is None else artefacts.replace(HEAD, data, read.etag)
    except StoreError as error:
        now = read_head(artefacts)
        if nonce in now.head.nonces:
            return now
        if now.etag != read.etag:
            raise ConflictError("The head was replaced by another writer.") from error
        raise
    with suppress(StoreError):
        artefacts.put(COPY, data, "application/json")
    return ReadHead(head, etag)


def change(artefacts: Bucket, edit: Callable[[Head], Head]) -> ReadHead:
    """Publish what ``edit`` makes of the head, anew whenever another writer came first; an equal one is left as it is.

    Raises
    ------
    ConflictError
        If other writers came first 20 times in a row.
    """
    for _ in range(TRIES):
        read = read_head(artefacts)
        head = edit(read.head)
        if head == read.head:
            return read
        with suppress(ConflictError):
            return publish(artefacts, read, head)
    raise ConflictError(f"Other writers replaced {HEAD} {TRIES} times in a row: try again.")


def use_encoder(artefacts: Bucket, name: str) -> None:
    """Say that the next rebuild uses this encoder.

    Raises
    ------
    NotReadyError
        If it has not been uploaded.
    ConflictError
        If other writers came first again and again.
    """
    if not has_encoder(artefacts, name):
        raise NotReadyError(f"There is no encoder {name} in the bucket: upload it first.")
    change(artefacts, lambda head: msgspec.structs.replace(head, next_encoder=name))


def named_by(head: Head) -> tuple[str, ...]:
    """Keys of all that a head names, encoders excepted: a snapshot's key ends in a slash, under which its files lie."""
    both = [Live(head.snapshot, head.encoder, head.segments)] if head.snapshot and head.encoder else []
    both += [head.previous] if head.previous else []
    snapshots = (f"{SNAPSHOTS}{live.snapshot}/" for live in both)
    return (*snapshots, *(segment_key(ref) for live in both for ref in live.segments))


def segment_key(ref: SegmentRef) -> str:
    """Key of a delta segment's file."""
    return f"{SEGMENTS}{ref.id}.pack"


REFUSALS = "refusals/"
REFUSAL_FORMAT = 1
KEPT = 20


def write_refusal(artefacts: Bucket, refusal: Refusal) -> None:
    """Record that a snapshot was refused; forget the oldest."""
    artefacts.create(f"{REFUSALS}{refusal.id}.json", encode(refusal))
    if old := _refusals(artefacts)[:-KEPT]:
        artefacts.delete(*(one.key for one in old))


def newest_refusal(artefacts: Bucket, live: str | None) -> Refusal | None:
    """Give the newest refusal, if it was measured against the snapshot that is live; None if nothing stands open.

    Raises
    ------
    CorruptArtefactError
        If it cannot be read.
    """
    found = _refusals(artefacts)
    if not found:
        return None
    refusal = decode(artefacts.get(found[-1].key).data, Refusal, found[-1].key)
    return refusal if refusal.live == live else None


def refused_lately(artefacts: Bucket, live: str | None, seconds: float) -> bool:
    """Tell whether a snapshot was refused so few seconds ago, in favour of the one that is live."""
    found = _refusals(artefacts)
    if not found or artefacts.now() - found[-1].modified > seconds:
        return False
    try:
        return newest_refusal(artefacts, live) is not None
    except CorruptArtefactError:
        return False


def _refusals(artefacts: Bucket) -> list[ObjectInfo]:
    """List refusals, oldest first by the store's clock: ids are stamped by the clocks of those who build."""
    return sorted(artefacts.list(REFUSALS), key=lambda found: (found.modified, found.key))
