"""The head: the one small mutable object, which says what is live. Replaced by compare-and-swap only."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any

from tonari.encoders.store import has_encoder
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError, NotReadyError, StoreError
from tonari.storage.bucket import Blob, Bucket

HEAD = "head.json"
MOST_NONCES = 256


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """A delta segment and how many items it names."""

    id: str
    items: int


@dataclass(frozen=True, slots=True)
class Live:
    """What was live before, so that it can be again."""

    snapshot: str
    encoder: str
    segments: tuple[SegmentRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What is live.

    Parameters
    ----------
    generation
        Raised by each change.
    nonces
        One per change, the last 256: by its nonce a writer knows a success whose answer was lost.
    snapshot, encoder
        What answers; None before the first rebuild.
    next_encoder
        What the next rebuild uses.
    segments
        Delta segments over the snapshot, oldest first.
    previous
        What was live before this snapshot.
    condemned
        Ids that collection is about to delete.
    """

    generation: int = 0
    nonces: tuple[str, ...] = ()
    snapshot: str | None = None
    encoder: str | None = None
    next_encoder: str | None = None
    segments: tuple[SegmentRef, ...] = ()
    previous: Live | None = None
    condemned: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Give the bytes of ``head.json``."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def parse(cls, data: bytes) -> Head:
        """Read ``head.json``.

        Raises
        ------
        CorruptArtefactError
            If it is not of this form.
        """
        try:
            raw: dict[str, Any] = json.loads(data)
            previous = raw["previous"]
            return cls(
                generation=int(raw["generation"]),
                nonces=tuple(raw["nonces"]),
                snapshot=raw["snapshot"],
                encoder=raw["encoder"],
                next_encoder=raw["next_encoder"],
                segments=_segments(raw["segments"]),
                previous=previous and Live(previous["snapshot"], previous["encoder"], _segments(previous["segments"])),
                condemned=tuple(raw["condemned"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptArtefactError(f"{HEAD} is not of the documented form: {error!r}.") from error


def _segments(raw: list[dict[str, Any]]) -> tuple[SegmentRef, ...]:
    return tuple(SegmentRef(segment["id"], segment["items"]) for segment in raw)


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
    return ReadHead(Head.parse(blob.data), blob.etag)


def publish(artefacts: Bucket, read: ReadHead, head: Head) -> ReadHead:
    """Replace the head that was read by another, with the next generation and a nonce.

    Raises
    ------
    ConflictError
        If another writer came first: read the head again and start over.
    """
    nonce = secrets.token_hex(8)
    head = replace(head, generation=read.head.generation + 1, nonces=(*read.head.nonces, nonce)[-MOST_NONCES:])
    data = head.to_json()
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
    publish(artefacts, read, replace(read.head, next_encoder=name))
