"""The JSON of artefacts as types: what is decoded without an error has the documented form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from tonari.errors import CorruptArtefactError

Form = TypeVar("Form")
Count = Annotated[int, Meta(ge=0)]


class SegmentRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A delta segment and how many items it names."""

    id: str
    items: Count


class Live(Struct, frozen=True, forbid_unknown_fields=True):
    """What was live before, so that it can be again."""

    snapshot: str
    encoder: str
    segments: tuple[SegmentRef, ...]


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """What is live: ``head.json``.

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

    generation: Count = 0
    nonces: tuple[str, ...] = ()
    snapshot: str | None = None
    encoder: str | None = None
    next_encoder: str | None = None
    segments: tuple[SegmentRef, ...] = ()
    previous: Live | None = None
    condemned: tuple[str, ...] = ()


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a snapshot says of itself: ``manifest.json``.

    Parameters
    ----------
    format
        Of the snapshot's files; raised whenever an older version could not read them.
    encoder
        Id of the encoder that made its embeddings.
    dimensions
        ``D``.
    recall
        Recall@10 by selectivity, measured at build.
    tuning
        What searches must visit, as :class:`tonari.index.planner.Tuning` has it.
    attributes
        By name and method: how good predictions are on held-out items.
    schema
        As ``schema.json`` has it.
    files
        sha256 (hex) by name.
    sha256
        Of all that is said here but this.
    """

    format: int
    id: str
    encoder: str
    items: Count
    views: Count
    rejected: Count
    dimensions: Annotated[int, Meta(ge=1)]
    recall: Mapping[str, float]
    tuning: Mapping[str, Any]
    attributes: Mapping[str, Any]
    schema: Mapping[str, Any]
    files: Mapping[str, str]
    sha256: str = ""


class TableHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a snapshot's table says beside its arrays: the reason by key for each object that could not be used."""

    rejected: Mapping[str, str]


class SegmentHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a delta segment says beside its arrays; ``rejected``: the reason by key, as in a table."""

    format: int
    encoder: str
    deleted: tuple[str, ...]
    rejected: Mapping[str, str]


class RejectedView(Struct, frozen=True, forbid_unknown_fields=True):
    """A view that could not be encoded, and why; ``source`` tells which bytes were tried."""

    key: str
    source: str
    reason: str


class CheckpointHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a checkpoint of a running build says beside its arrays; ``encoder`` made its embeddings."""

    format: int
    encoder: str
    rejected: tuple[RejectedView, ...]


class Regression(Struct, frozen=True):
    """A figure of a snapshot that was worse than the live one by more than the margin.

    The health check answers it too.
    """

    what: Annotated[str, Meta(description="As `recall at 0.01` or `accuracy of color by discriminant`.")]
    live: float
    now: float
    margin: float
    held_out: Annotated[int | None, Meta(description="Items that the new accuracy was measured on.")] = None

    def __str__(self) -> str:
        return f"{self.what} fell from {self.live:.3f} to {self.now:.3f}, by more than {self.margin:.3f}"


class Refusal(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a snapshot was not published; ``at`` is ISO 8601, ``live`` the snapshot that it was compared with.

    ``recall`` and ``attributes`` are all its figures, as a manifest has them.
    """

    format: int
    id: str
    at: str
    live: str
    falls: tuple[Regression, ...]
    recall: Mapping[str, float]
    attributes: Mapping[str, Any]


class RebuildRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A note that a rebuild is wanted.

    Parameters
    ----------
    at
        Seconds since 1970.
    patience
        Seconds for which nobody else shall ask.
    by
        Tells equal notes apart.
    """

    at: float
    patience: float
    by: str


def decode(data: bytes, form: type[Form], name: str) -> Form:
    """Read JSON as a type.

    Parameters
    ----------
    name
        Of the file, for messages.

    Raises
    ------
    CorruptArtefactError
        If it is not JSON, lacks a field, has an unknown one, or one of another type.
    """
    try:
        return msgspec.json.decode(data, type=form)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CorruptArtefactError(f"{name} is not of the documented form: {error}.") from error


def encode(artefact: Struct) -> bytes:
    """Write a struct as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(artefact), indent=1)
