"""What ``GET /v1/health`` answers: what is live, how it was measured, and what could not be used."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tonari.contract.answers import EncoderId, Generation, SnapshotId
from tonari.contract.artefacts import IgnoredKeys, Regression, UnusableValues
from tonari.contract.findings import Familiarity, ItemGroups
from tonari.contract.requests import Method
from tonari.contract.text_queries import Retrieval


class EncoderSummary(Struct, frozen=True, kw_only=True):
    """The encoder in use."""

    id: EncoderId
    name: str
    dimensions: int


class Queries(Struct, frozen=True, kw_only=True):
    """What can be searched with, beside items, vectors and examples."""

    image: Annotated[bool, Meta(description="Whether pictures can.")]
    text: Annotated[
        Retrieval | None,
        Meta(description="By what a `text` finds items unless a request says otherwise; null if texts find nothing."),
    ]
    image_and_text: Annotated[bool, Meta(description="Whether a `text` can stand beside a picture.")] = False


class LargeSearches(Struct, frozen=True, kw_only=True):
    """How filters that match many items are searched."""

    large_ranges: Annotated[str, Meta(description="`scan`, `cells`, `graph and scan` or `graph and cells`.")]
    reason: Annotated[str, Meta(description="Why only a scan was good enough; empty otherwise.")]
    vectors: Annotated[
        Literal["full", "rotated"], Meta(description="What scores are computed by: see the plan of an answer.")
    ] = "full"
    incomplete: Annotated[str, Meta(description="Why the full vectors are not here yet; empty if they are.")] = ""


class Rejected(Struct, frozen=True, kw_only=True):
    """Objects of the catalogue that could not be used."""

    count: int
    first: Annotated[dict[str, str], Meta(description="The reason by key, of the first dozen.")]


class Ignored(Struct, frozen=True, kw_only=True):
    """Keys of the catalogue bucket that belong to no item, counted at the last rebuild."""

    count: int
    reasons: Annotated[dict[str, IgnoredKeys], Meta(description="By reason, the most frequent first.")]


class Unusable(Struct, frozen=True, kw_only=True):
    """Values that are not of their field's type or stand for a missing value, counted at the last rebuild."""

    count: int
    fields: Annotated[dict[str, UnusableValues], Meta(description="By field.")]


class DefaultMethod(Struct, frozen=True, kw_only=True):
    """How an attribute is predicted unless a method is asked for."""

    method: Method
    reason: Annotated[str, Meta(description="Why; empty if nothing else was compared.")]


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
    views: Annotated[int, Meta(description="Images and passages that can be found.")]
    queries: Queries = Queries(image=True, text=None)
    segments: Annotated[int, Meta(description="Files of changes since the last rebuild.")]
    recall: Annotated[
        dict[str, float],
        Meta(description="Recall@10 by the share of items that match, measured when the snapshot was built."),
    ]
    search: LargeSearches
    rejected: Rejected
    ignored: Ignored
    unusable: Unusable
    cut: Annotated[
        int, Meta(description="Passages that are longer than the encoder takes, so that their ends cannot be found.")
    ] = 0
    attributes: Annotated[dict[str, tuple[Any, ...]], Meta(description="The classes of each attribute.")]
    unpredicted: Annotated[
        dict[str, str],
        Meta(description="Fields whose texts repeat as labels do, but are not predicted: why, and what to do."),
    ]
    methods: Annotated[dict[str, DefaultMethod], Meta(description="How each attribute is predicted by default.")] = {}
    familiarity: Annotated[
        Familiarity, Meta(description="Which queries are like anything in the catalogue, learned at the last rebuild.")
    ] = Familiarity()
    fields: Annotated[dict[str, FieldSummary], Meta(description="The fields that filters can use.")]
    samples: Annotated[tuple[str, ...], Meta(description="Up to 12 item ids.")]
    grouping: Annotated[
        ItemGroups,
        Meta(description="Which items were held out together when accuracy was measured, and why."),
    ] = ItemGroups()
    refused: Annotated[RefusedSnapshot | None, Meta(description="null, or why the last rebuild was not published.")] = (
        None
    )
    checked_seconds_ago: Annotated[
        float, Meta(description="When it was last confirmed that this is the newest generation.")
    ] = 0.0
    behind: Annotated[Behind | None, Meta(description="null, or why the newest generation does not answer.")] = None
