"""What is answered: every JSON answer of the HTTP API.

A client ignores what it does not know, so that an answer may gain fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tonari.contract.artefacts import IgnoredKeys, Regression, UnusableValues
from tonari.contract.requests import Method

JSON = "application/json"
PROBLEM = "application/problem+json"
PROBLEM_TYPE = "urn:tonari:problem:"

Fields = Annotated[dict[str, Any], Meta(description="The item's fields by name.")]
Score = Annotated[float, Meta(description="Cosine similarity, -1 to 1, rounded to six decimals.")]
Milliseconds = Annotated[dict[str, float], Meta(description="Milliseconds by step: read, encode, search, predict.")]
Generation = Annotated[int, Meta(description="Rises with every change that is published.")]
SnapshotId = Annotated[str, Meta(description="Id of the live snapshot.")]
EncoderId = Annotated[str, Meta(description="Id of the encoder, a sha256.")]
StaleSeconds = Annotated[
    float,
    Meta(
        description="Only if this may not be the newest state: for how long nobody has been able to confirm that it is."
    ),
]


class FoundItem(Struct, frozen=True, kw_only=True):
    """An item that a search found."""

    id: str
    score: Score
    view: Annotated[str, Meta(description="The name of the image with this score.")]
    fields: Fields | UnsetType = UNSET
    image: Annotated[str, Meta(description="Path of the image `view`.")] | UnsetType = UNSET
    embedding: Annotated[tuple[float, ...], Meta(description="Of length 1, five decimals.")] | UnsetType = UNSET


class Plan(Struct, frozen=True):
    """How a search was answered.

    Another engine may have a name of its own for ``path``.
    """

    path: Annotated[str, Meta(description="Where the first candidates came from: `scan`, `cells` or `graph`.")]
    matching: Annotated[int, Meta(description="How many items match `filter` and `ids`.")]
    scanned: Annotated[int, Meta(description="How many images were compared.")]
    exact: Annotated[bool, Meta(description="Whether every matching image was compared in 32-bit arithmetic.")]


class ValueCount(Struct, frozen=True):
    """How many items have a value."""

    value: str | bool
    count: int


class Facet(Struct, frozen=True, kw_only=True):
    """How the values of a field are distributed over the matching items.

    Numbers and dates have ``min``, ``max`` and ``histogram``, all others ``distinct`` and ``values``.
    """

    type: Annotated[str, Meta(description="The field's type: number, date, string, strings or boolean.")]
    count: Annotated[int, Meta(description="How many items have the field.")]
    distinct: Annotated[int, Meta(description="How many different values there are.")] | UnsetType = UNSET
    values: Annotated[tuple[ValueCount, ...], Meta(description="The 50 most frequent values.")] | UnsetType = UNSET
    min: float | str | UnsetType = UNSET
    max: float | str | UnsetType = UNSET
    histogram: (
        Annotated[tuple[int, ...], Meta(description="Items in ten equal parts from `min` to `max`.")] | UnsetType
    ) = UNSET


class RankedClass(Struct, frozen=True):
    """A class and its score."""

    value: Any
    score: float


class Voter(Struct, frozen=True):
    """A labelled item near to the query; ``value`` is its class, or the list of its tags."""

    id: str
    score: Score
    value: Any


class Prediction(Struct, frozen=True, kw_only=True):
    """The value of one attribute."""

    value: Annotated[Any, Meta(description="The best class; null if there is none or none is sure enough.")]
    score: Annotated[float | None, Meta(description="Of the best class: its probability if `calibrated`.")]
    alternatives: Annotated[tuple[RankedClass, ...], Meta(description="Up to nine other classes, best first.")]
    method: Annotated[Method, Meta(description="How the value was found.")]
    calibrated: Annotated[bool, Meta(description="Whether scores are probabilities, measured on held-out items.")]
    abstained: Annotated[bool, Meta(description="Whether no class was sure enough.")]
    agree: Annotated[bool | None, Meta(description="Whether classifier and vote have the same best class.")]
    new_class: Annotated[bool, Meta(description="Whether the vote's best class is newer than the last rebuild.")]
    neighbours: Annotated[tuple[Voter, ...], Meta(description="The items that voted, nearest first.")]
    values: Annotated[tuple[Any, ...], Meta(description="Of an attribute with tags: all that are sure enough.")] | (
        UnsetType
    ) = UNSET


class SearchResult(Struct, frozen=True, kw_only=True):
    """The answer to one search."""

    items: Annotated[tuple[FoundItem, ...], Meta(description="Highest score first; equal scores by id.")]
    plan: Plan
    facets: Annotated[dict[str, Facet], Meta(description="By field.")] | UnsetType = UNSET
    next: Annotated[str, Meta(description="Send it as `cursor` to get the next page.")] | UnsetType = UNSET
    predictions: Annotated[dict[str, Prediction], Meta(description="By attribute.")] | UnsetType = UNSET
    took_ms: Milliseconds


class SearchAnswer(SearchResult, frozen=True, kw_only=True):
    """The answer to one search, and the state of the catalogue it was answered from."""

    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderId
    stale_seconds: StaleSeconds | UnsetType = UNSET


class SearchesAnswer(Struct, frozen=True, kw_only=True):
    """The answers to several searches, in their order."""

    results: tuple[SearchResult, ...]
    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderId
    stale_seconds: StaleSeconds | UnsetType = UNSET


class PredictAnswer(Struct, frozen=True, kw_only=True):
    """Predictions by attribute."""

    predictions: dict[str, Prediction]
    method: Method
    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderId
    stale_seconds: StaleSeconds | UnsetType = UNSET
    took_ms: Milliseconds


class ItemAnswer(Struct, frozen=True, kw_only=True):
    """An item as it can be found now."""

    id: str
    fields: Fields
    views: Annotated[tuple[str, ...], Meta(description="Names of its images.")]
    image: Annotated[str | None, Meta(description="Path of its first image.")]
    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderId
    stale_seconds: StaleSeconds | UnsetType = UNSET


class ListedItem(Struct, frozen=True, kw_only=True):
    """An item of a list."""

    id: str
    fields: Fields | UnsetType = UNSET
    image: Annotated[str | None, Meta(description="Path of its first image, null if it has none.")] | UnsetType = UNSET


class ItemsAnswer(Struct, frozen=True, kw_only=True):
    """Items in the order that was asked for, whether or not they have images."""

    items: tuple[ListedItem, ...]
    matching: Annotated[int, Meta(description="How many items match `filter` and `ids`.")]
    facets: Annotated[dict[str, Facet], Meta(description="By field.")] | UnsetType = UNSET
    next: Annotated[str, Meta(description="Send it as `cursor` to get the next page.")] | UnsetType = UNSET
    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderId
    stale_seconds: StaleSeconds | UnsetType = UNSET


class UploadForm(Struct, frozen=True, kw_only=True):
    """A form by which one picture can be posted."""

    url: str
    fields: Annotated[dict[str, str], Meta(description="Send all of them as form fields, before the file.")]
    most_bytes: int


class AcceptedAnswer(Struct, frozen=True, kw_only=True):
    """A change that is stored in the catalogue and can be searched some seconds later."""

    id: str
    status: Literal["accepted"] = "accepted"


class PutAnswer(AcceptedAnswer, frozen=True, kw_only=True):
    """A stored document, and a form by which images of the item can be posted."""

    warnings: Annotated[
        dict[str, str],
        Meta(
            description="By field, what will not be used as it was perhaps meant: a value of another type than the "
            "field has in the live snapshot, or a field that it does not know. Empty if all is well."
        ),
    ] = {}
    upload: UploadForm


class UploadAnswer(UploadForm, frozen=True, kw_only=True):
    """A form by which a query picture can be posted; then ask with ``upload``."""

    upload: Annotated[str, Meta(description="Send it as `upload` in a search or prediction.")]


class EncoderSummary(Struct, frozen=True, kw_only=True):
    """The encoder in use."""

    id: EncoderId
    name: str
    dimensions: int


class LargeSearches(Struct, frozen=True, kw_only=True):
    """How filters that match many items are searched."""

    large_ranges: Annotated[str, Meta(description="`scan`, `cells`, `graph and scan` or `graph and cells`.")]
    reason: Annotated[str, Meta(description="Why only a scan was good enough; empty otherwise.")]


class Rejected(Struct, frozen=True, kw_only=True):
    """Objects of the catalogue that could not be used."""

    count: int
    first: Annotated[dict[str, str], Meta(description="The reason by key, of the first dozen.")]


class Ignored(Struct, frozen=True, kw_only=True):
    """Keys of the catalogue bucket that belong to no item, counted at the last rebuild."""

    count: int
    reasons: Annotated[dict[str, IgnoredKeys], Meta(description="By reason, the most frequent first.")]


class Unusable(Struct, frozen=True, kw_only=True):
    """Values that are not of their field's type and count as missing, counted at the last rebuild."""

    count: int
    fields: Annotated[dict[str, UnusableValues], Meta(description="By field.")]


class FieldSummary(Struct, frozen=True, kw_only=True):
    """The type of a field, and which values it has."""

    type: str
    min: float | UnsetType = UNSET
    max: float | UnsetType = UNSET
    values: Annotated[tuple[Any, ...], Meta(description="The most frequent values.")] | UnsetType = UNSET


class RefusedSnapshot(Struct, frozen=True, kw_only=True):
    """Why the last rebuild was not published."""

    id: str
    at: str
    live: Annotated[str, Meta(description="The snapshot that it was compared with.")]
    falls: tuple[Regression, ...]


class Behind(Struct, frozen=True, kw_only=True):
    """Why it is not known that the newest generation answers."""

    generation: Annotated[int | None, Meta(description="The newest generation; null if nobody could ask for it.")]
    snapshot: Annotated[str | None, Meta(description="Its snapshot.")]
    reason: Annotated[str, Meta(description="Why it does not answer.")]
    since: Annotated[str, Meta(description="When that was first seen, in ISO 8601.")]
    previous: Annotated[bool, Meta(description="Whether the state that was live before the newest answers instead.")]


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """What is live."""

    status: Literal["ok"] = "ok"
    version: str
    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderSummary
    items: int
    views: Annotated[int, Meta(description="Images that can be found.")]
    segments: Annotated[int, Meta(description="Files of changes since the last rebuild.")]
    recall: Annotated[
        dict[str, float],
        Meta(description="Recall@10 by the share of items that match, measured when the snapshot was built."),
    ]
    search: LargeSearches
    rejected: Rejected
    ignored: Ignored
    unusable: Unusable
    attributes: Annotated[dict[str, tuple[Any, ...]], Meta(description="The classes of each attribute.")]
    fields: Annotated[dict[str, FieldSummary], Meta(description="The fields that filters can use.")]
    samples: Annotated[tuple[str, ...], Meta(description="Up to 12 item ids.")]
    refused: Annotated[RefusedSnapshot | None, Meta(description="null, or why the last rebuild was not published.")] = (
        None
    )
    checked_seconds_ago: Annotated[
        float, Meta(description="When it was last confirmed that this is the newest generation.")
    ] = 0.0
    behind: Annotated[Behind | None, Meta(description="null, or why the newest generation does not answer.")] = None


class Problem(Struct, frozen=True, kw_only=True):
    """An error [RFC 9457]."""

    type: Annotated[
        str, Meta(description=f"`{PROBLEM_TYPE}` and the kind of error.", examples=["urn:tonari:problem:not-ready"])
    ]
    title: str
    status: int
    detail: Annotated[str, Meta(description="What is wrong, the limit and the remedy.")]
