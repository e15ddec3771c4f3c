"""The head: the one small mutable object, which says what is live; and why snapshots were refused to be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import msgspec

from tonari.contract.artefacts import Head, Refusal, decode, encode
from tonari.encoders.store import has_encoder
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, NotReadyError, StoreError
from tonari.storage.bucket import Blob, Bucket

HEAD = "head.json"
MOST_NONCES = 256


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


def read_changed_head(artefacts: Bucket, known: ReadHead) -> ReadHead:
    """Read the head unless it is still the one that is known."""
    if known.etag is None:
        return read_head(artefacts)
    blob = artefacts.get_changed(HEAD, known.etag)
    return _read(blob) if blob else known


def _read(blob: Blob) -> ReadHead:
    return ReadHead(head_from_bytes(blob.data), blob.etag)


def head_from_bytes(data: bytes) -> Head:
    """Read ``head.json``; every field must be there.

    Raises
    ------
    CorruptArtefactError
        If it is not of this form.
    """
    head = decode(data, Head, HEAD)
    missing = set(Head.__struct_fields__) - decode(data, dict[str, msgspec.Raw], HEAD).keys()
    if missing:
        raise CorruptArtefactError(f"{HEAD} is not of the documented form: it lacks {', '.join(sorted(missing))}.")
    return head


def publish(artefacts: Bucket, read: ReadHead, head: Head) -> ReadHead:
    """Replace the head that was read by another, with the next generation and a nonce.

    Raises
    ------
    ConflictError
        If another writer came first: read the head again and start over.
    """
    nonce = secrets.token_hex(8)
    nonces = (*read.head.nonces, nonce)[-MOST_NONCES:]
    head = msgspec.structs.replace(head, generation=read.head.generation + 1, nonces=nonces)
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
    return ReadHead(head, etag)


def use_encoder(artefacts: Bucket, name: str) -> None:
    """Say that the next rebuild uses this encoder.

    Raises
    ------
    NotReadyError
        If it has not been uploaded.
    ConflictError
        If another writer came first: try again.
    """
    if not has_encoder(artefacts, name):
        raise NotReadyError(f"There is no encoder {name} in the bucket: upload it first.")
    read = read_head(artefacts)
    publish(artefacts, read, msgspec.structs.replace(read.head, next_encoder=name))


REFUSALS = "refusals/"
REFUSAL_FORMAT = 1
KEPT = 20


def write_refusal(artefacts: Bucket, refusal: Refusal) -> None:
    """Record that a snapshot was refused; forget the oldest."""
    artefacts.create(f"{REFUSALS}{refusal.id}.json", encode(refusal))
    if old := _refusals(artefacts)[:-KEPT]:
        artefacts.delete(*old)


def newest_refusal(artefacts: Bucket, live: str | None) -> Refusal | None:
    """Give the newest refusal, if it was measured against the snapshot that is live; None if nothing stands open.

    Raises
    ------
    CorruptArtefactError
        If it cannot be read.
    """
    keys = _refusals(artefacts)
    if not keys:
        return None
    refusal = decode(artefacts.get(keys[-1]).data, Refusal, keys[-1])
    return refusal if refusal.live == live else None


def _refusals(artefacts: Bucket) -> list[str]:
    """Keys, oldest first: ids sort by time, and listings by key."""
    return [found.key for found in artefacts.list(REFUSALS)]
