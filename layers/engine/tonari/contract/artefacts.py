"""The JSON of artefacts as types: what is decoded without an error has the documented form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tonari.contract.findings import Familiarity, ItemGroups
from tonari.contract.requests import Method

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


class Lease(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rebuild may publish.

    Parameters
    ----------
    build
        Id of the rebuild.
    since
        Generation of the head by which it took the lease: a run that was stalled, and whose lease another took since,
        has an older one.
    """

    build: str
    since: int


class Condemned(Struct, frozen=True, forbid_unknown_fields=True):
    """Objects that collection is about to delete.

    Parameters
    ----------
    key
        Of the list that names them.
    at
        When they were condemned: seconds since 1970 by the store's clock.
    """

    key: str
    at: float


class CondemnedList(Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of objects, or their beginnings where these end in a slash."""

    keys: tuple[str, ...]


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
        What collection is about to delete.
    lease
        Of the rebuild that is running; None if there is none.
    sha256
        Of all that is said here but this.
    """

    generation: Count = 0
    nonces: tuple[str, ...] = ()
    snapshot: str | None = None
    encoder: str | None = None
    next_encoder: str | None = None
    segments: tuple[SegmentRef, ...] = ()
    previous: Live | None = None
    condemned: tuple[Condemned, ...] = ()
    lease: Lease | None = None
    sha256: str = ""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a snapshot says of itself: ``manifest.json``.

    Parameters
    ----------
    format
        Of the snapshot's files; raised whenever an older version could not read them.
    encoder
        Id of the encoder that made its embeddings.
    cut
        How many passages the encoder left out the end of.
    dimensions
        ``D``.
    rotated
        Dimensions of the rotated vectors that candidates are found by; 0 where these are not rotated.
    recall
        Recall@10 by selectivity, measured at build.
    tuning
        What searches must visit, as :class:`tonari.index.vector_index.Tuning` has it.
    attributes
        By name and method: how good predictions are on held-out items.
    schema
        As ``schema.json`` has it.
    grouping
        Which items were held out together.
    files
        sha256 (hex) by name.
    familiarity
        Which queries are like anything in it.
    sha256
        Of all that is said here but this.
    """

    format: int
    id: str
    encoder: str
    items: Count
    views: Count
    rejected: Count
    cut: Count = 0
    dimensions: Annotated[int, Meta(ge=1)]
    rotated: Count = 0
    recall: Mapping[str, float]
    tuning: Mapping[str, Any]
    attributes: Mapping[str, Any]
    schema: Mapping[str, Any]
    grouping: ItemGroups
    files: Mapping[str, str]
    familiarity: Familiarity = Familiarity()
    sha256: str = ""


class IgnoredKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """How many keys of the catalogue bucket were ignored for one reason, and the first few of them."""

    count: Count
    examples: tuple[str, ...]


class UnusableValues(Struct, frozen=True, forbid_unknown_fields=True):
    """How many items have a value of another type than their field, and why by id for the first few of them."""

    count: Count
    examples: Mapping[str, str]


class PassageFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Which fields of the documents passages are made from; where none is named, the usual ones."""

    title: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


class ViewRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How the views of an item are chosen: by what the encoder encodes, and from which fields passages are made."""

    modalities: tuple[Literal["image", "text"], ...] = ("image",)
    passages: PassageFields = PassageFields()


class TableHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a snapshot's table says beside its arrays.

    Parameters
    ----------
    rejected
        The reason by key for each object that could not be used.
    ignored
        By reason: keys that belong to no item.
    unusable
        By field: values that no filter and no prediction can use.
    rule
        By which the views were chosen.
    """

    rejected: Mapping[str, str]
    ignored: Mapping[str, IgnoredKeys]
    unusable: Mapping[str, UnusableValues]
    rule: ViewRule = ViewRule()


class CanaryAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """What a search answers to one of the canary queries.

    Parameters
    ----------
    query
        Number of the query.
    within
        The first item in range and the first that is not; None without a filter.
    exact
        Whether every view in range was compared.
    path
        The way that was taken.
    ids, scores
        Of the items found.
    """

    query: Count
    within: tuple[Count, Count] | None
    exact: bool
    path: str
    ids: tuple[str, ...]
    scores: tuple[float, ...]


class CanaryPrediction(Struct, frozen=True, forbid_unknown_fields=True):
    """What class weights say of one of the canary queries: the best class, and its score."""

    query: Count
    attribute: str
    method: Method
    value: str | bool | float
    score: float


class CanariesHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a snapshot beside its files, so that it is seen when they do not belong together.

    Parameters
    ----------
    encoder
        Id of the one that made the embeddings, and that of the canary picture.
    items
        Of items spread over all, the id and a sha256 (hex) over the ETag and the bytes of the document.
    views
        Of rows spread over all, the item's id and the view's name; their embeddings lie beside.
    answers, predictions
        To the queries that lie beside.
    rotated
        The answers while embeddings and graph are not here yet; none where vectors are not rotated.
    """

    encoder: str
    items: tuple[tuple[str, str], ...]
    views: tuple[tuple[str, str], ...]
    answers: tuple[CanaryAnswer, ...]
    predictions: tuple[CanaryPrediction, ...]
    rotated: tuple[CanaryAnswer, ...] = ()


class SegmentHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a delta segment says beside its arrays.

    Parameters
    ----------
    rejected
        The reason by key, as in a table.
    seen
        Ids of items that were looked at and found as the index has them.
    """

    format: int
    encoder: str
    deleted: tuple[str, ...]
    rejected: Mapping[str, str]
    seen: tuple[str, ...]


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


class ShardHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """Views that wait to be encoded together.

    Parameters
    ----------
    encoder
        Id of the encoder that is to do it.
    keys
        Of the views.
    passages
        Title and text by key: the views that are passages. All others are images.
    """

    format: int
    encoder: str
    keys: tuple[str, ...]
    passages: Mapping[str, tuple[str, str]]


class ShardRef(Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the list of shards that Step Functions reads: the key of the shard."""

    key: str


class DocumentsHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file of documents, read by a build that ran out of time, says beside its arrays."""

    format: int


class WordsHeader(Struct, frozen=True, forbid_unknown_fields=True):
    """What a packed index of words says beside its files, which are arrays of bytes: the sha256 (hex) of each."""

    format: int
    files: Mapping[str, str]


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
