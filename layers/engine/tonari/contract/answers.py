"""What is answered: every JSON answer of the HTTP API.

A client ignores what it does not know, so that an answer may gain fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

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


class FoundPassage(Struct, frozen=True):
    """A passage of an item's text."""

    text: Annotated[str, Meta(description="The passage without the title that every passage of an item begins with.")]
    number: Annotated[int, Meta(description="Which passage of the item, from 1.")]
    title: Annotated[str, Meta(description="That title; empty if there is none.")] = ""


class FoundItem(Struct, frozen=True, kw_only=True):
    """An item that a search found."""

    id: str
    score: Annotated[
        Score | None,
        Meta(description="null where nothing was compared: in a search by words alone, or without a view."),
    ]
    view: Annotated[
        str,
        Meta(
            description="The name of the image or passage (`#1`) with this score; where there is none, of the first, "
            "or empty."
        ),
    ]
    bm25: Annotated[
        float,
        Meta(
            description="With a `text`: how well the item's texts answer its words; of a fused answer for items that "
            "stand in the list by words."
        ),
    ] | (UnsetType) = UNSET
    ranks: (
        Annotated[
            dict[Literal["lexical", "dense"], int],
            Meta(description="Of a fused answer: the item's place, from 1, in each list that holds it."),
        ]
        | UnsetType
    ) = UNSET
    ranked_by: Annotated[
        float,
        Meta(
            description="The order of the items: of a fused answer the score by ranks, with `boost` what `boosts` add "
            "too."
        ),
    ] | (UnsetType) = UNSET
    boosts: Annotated[dict[str, float], Meta(description="With `boost`: what each field adds.")] | UnsetType = UNSET
    placed: (
        Annotated[
            Literal["pinned", "buried"], Meta(description="Why the item stands here, if `pin` or `bury` names it.")
        ]
        | UnsetType
    ) = UNSET
    fields: Fields | UnsetType = UNSET
    image: Annotated[str, Meta(description="Path of the image `view`.")] | UnsetType = UNSET
    passage: Annotated[FoundPassage, Meta(description="The passage `view`, instead of `image`.")] | UnsetType = UNSET
    embedding: Annotated[tuple[float, ...], Meta(description="Of length 1, five decimals.")] | UnsetType = UNSET


class Fusion(Struct, frozen=True):
    """Which lists were ranked together, by reciprocal rank [Cormack, Clarke and Buettcher, SIGIR 2009]."""

    depth: Annotated[int, Meta(description="How many items each list had at most.")]
    lexical: Annotated[int, Meta(description="How many the list by words had.")]
    dense: Annotated[int, Meta(description="How many the list by embedding had.")]
    both: Annotated[int, Meta(description="How many stood in both.")]


class Plan(Struct, frozen=True):
    """How a search was answered.

    Another engine may have a name of its own for ``path``.
    """

    path: Annotated[
        str,
        Meta(description="Where the first candidates came from: `scan`, `cells`, `graph` or, by words alone, `words`."),
    ]
    matching: Annotated[int, Meta(description="How many items match `filter` and `ids`.")]
    scanned: Annotated[
        int, Meta(description="How many images or passages were compared; by words alone, how many items hold a word.")
    ]
    exact: Annotated[
        bool, Meta(description="Whether every matching image or passage was compared in 32-bit arithmetic.")
    ]
    vectors: Annotated[
        Literal["full", "rotated"],
        Meta(
            description="What scores were computed by. `rotated`: the full vectors are still being fetched, scores and "
            "vectors of items are estimates until then."
        ),
    ] = "full"
    fusion: Annotated[Fusion, Meta(description="Of a fused answer.")] | UnsetType = UNSET


class Shifted(Struct, frozen=True):
    """How far the query was moved."""

    cosine: Annotated[
        float,
        Meta(
            description="Cosine similarity of the query to where it was moved to; of several pictures the least. The "
            "scores of the items are similarities to the moved query."
        ),
    ]
    kept: Annotated[
        tuple[str, ...], Meta(description="The other attributes, of which the query kept its class scores.")
    ]


class Reranked(Struct, frozen=True):
    """How many items were considered for an order by boosts."""

    candidates: Annotated[int, Meta(description="How many of the nearest items were ranked.")]
    complete: Annotated[
        bool,
        Meta(
            description="Whether it is certain that no item farther away would be among those given: it is so far from "
            "the query that no boost brings it up. As certain as the candidates are, see `plan.exact`; never while "
            "scores are estimates, see `plan.vectors`."
        ),
    ]


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
    view: Annotated[str, Meta(description="The name of the image or passage with this score.")] = ""
    image: Annotated[str, Meta(description="Path of the image `view`; empty if it is a passage.")] = ""


class Prediction(Struct, frozen=True, kw_only=True):
    """The value of one attribute."""

    value: Annotated[Any, Meta(description="The best class, or the item's own label; null if none is sure enough.")]
    score: Annotated[
        float | None, Meta(description="Of the best class: its probability if `calibrated`. null for a label.")
    ]
    alternatives: Annotated[
        tuple[RankedClass, ...],
        Meta(description="Up to nine other classes, best first; beside a label, what other items say."),
    ]
    method: Annotated[
        Method | Literal["label"],
        Meta(description="How the value was found; `label`: the query is an item, and carries this value."),
    ]
    calibrated: Annotated[bool, Meta(description="Whether scores are probabilities, measured on held-out items.")]
    abstained: Annotated[bool, Meta(description="Whether no value is given.")]
    abstained_because: Annotated[
        Literal["unfamiliar", "unsure"] | None,
        Meta(
            description="`unfamiliar`: nothing in the catalogue is like the query. `unsure`: no class is sure enough."
        ),
    ] = None
    agree: Annotated[
        bool | None,
        Meta(
            description="Whether classifier and vote have the same best class; of a label, whether the vote names it, "
            "or null if the vote is not sure."
        ),
    ]
    new_class: Annotated[bool, Meta(description="Whether the vote's best class is newer than the last rebuild.")]
    neighbours: Annotated[tuple[Voter, ...], Meta(description="The items that voted, nearest first.")]
    supporting: Annotated[
        tuple[Voter, ...], Meta(description="The three nearest of these that have the best class, or the label.")
    ] = field(default=(), name="for")
    against: Annotated[tuple[Voter, ...], Meta(description="The three nearest of these that have not.")] = ()
    values: Annotated[tuple[Any, ...], Meta(description="Of an attribute with tags: all that are sure enough.")] | (
        UnsetType
    ) = UNSET


class Likeness(Struct, frozen=True):
    """How near the query is to the catalogue, whatever `filter` and `ids` say."""

    nearest: Annotated[
        Score | None,
        Meta(
            description="Of the nearest item; null for an item of the catalogue, or if nothing was compared. An "
            "estimate while the full vectors are being fetched: then a query that may reach `level` is familiar."
        ),
    ] = None
    level: Annotated[
        float | None,
        Meta(description="98.5 % of the catalogue's own items reach it; null if there are too few of them to tell."),
    ] = None


Familiar = Annotated[
    bool | None,
    Meta(
        description="Whether anything in the catalogue is like the query. If not, no attribute is given a value. null "
        "where nobody can tell: a text is not as near to what it describes as items are to each other."
    ),
]


class SearchResult(Struct, frozen=True, kw_only=True):
    """The answer to one search."""

    items: Annotated[
        tuple[FoundItem, ...],
        Meta(
            description="Highest `score` first, by words alone highest `bm25`, or highest `ranked_by` where it is "
            "given; equal ones by id."
        ),
    ]
    plan: Plan
    shifted: Annotated[Shifted, Meta(description="With `shift`.")] | UnsetType = UNSET
    reranked: Annotated[Reranked, Meta(description="With `boost`.")] | UnsetType = UNSET
    facets: Annotated[dict[str, Facet], Meta(description="By field.")] | UnsetType = UNSET
    next: Annotated[str, Meta(description="Send it as `cursor` to get the next page.")] | UnsetType = UNSET
    predictions: Annotated[dict[str, Prediction], Meta(description="By attribute.")] | UnsetType = UNSET
    familiar: Familiar = True
    likeness: Likeness = Likeness()
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
    method: Annotated[
        Method | None, Meta(description="That was asked for; null if each attribute was predicted by its own.")
    ]
    familiar: Familiar = True
    likeness: Likeness = Likeness()
    vectors: Annotated[
        Literal["full", "rotated"], Meta(description="What neighbours are found by: see the plan of a search.")
    ] = "full"
    generation: Generation
    snapshot: SnapshotId
    encoder: EncoderId
    stale_seconds: StaleSeconds | UnsetType = UNSET
    took_ms: Milliseconds


class ItemAnswer(Struct, frozen=True, kw_only=True):
    """An item as it can be found now."""

    id: str
    fields: Fields
    views: Annotated[tuple[str, ...], Meta(description="Names of its images, or of its passages: `#1`.")]
    image: Annotated[str | None, Meta(description="Path of its first image, null if it has none.")]
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


class Problem(Struct, frozen=True, kw_only=True):
    """An error [RFC 9457]."""

    type: Annotated[
        str, Meta(description=f"`{PROBLEM_TYPE}` and the kind of error.", examples=["urn:tonari:problem:not-ready"])
    ]
    title: str
    status: int
    detail: Annotated[str, Meta(description="What is wrong, the limit and the remedy.")]
