"""What can be asked: every request of the HTTP API, with its limits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from tonari.contract.parameters import (
    DEFAULT_ITEMS,
    MOST_ATTRIBUTES,
    MOST_FACETS,
    MOST_FIELDS,
    MOST_IDS,
    MOST_ITEMS,
    MOST_PREDICTIONS,
    MOST_QUERIES,
    NOT_EMPTY,
    QUERIES,
    SOLE_QUERIES,
    VOTERS,
    Filter,
    Id,
    Ids,
    Image,
    LikeExamples,
    Upload,
    Vector,
    drop_repeated,
    read_filter,
    read_ids,
)
from tonari.contract.query_changes import PICTURE_QUERIES, PictureRegion, Shift, read_shift
from tonari.contract.ranking import Boosts, Buried, Pins, check_boosts
from tonari.contract.text_queries import (
    BESIDE,
    RetrievalChoice,
    Text,
    TextWeight,
    check_text,
    read_text,
    why_not_lexical,
)

Part = Literal["fields", "image", "embedding"]
Shown = Literal["fields", "image"]
Method = Literal["discriminant", "means", "vote"]
Count = Annotated[int, Meta(ge=1, le=MOST_ITEMS, description=f"How many items, 1-{MOST_ITEMS:,}.")]
Facets = Annotated[
    tuple[str, ...],
    Meta(
        max_length=MOST_FACETS,
        description=f"Up to {MOST_FACETS} fields whose values are counted.",
        examples=[["color", "price"]],
        extra={"is": f"a list of at most {MOST_FACETS} names of fields"},
    ),
]
DisjunctiveFacets = Annotated[
    tuple[str, ...],
    Meta(
        max_length=MOST_FACETS,
        description="Fields that are counted as in `facets`, but without the filter's own conditions on them: what "
        f"several ticked values of one field need. At most {MOST_FACETS} together with `facets`.",
        examples=[["brand"]],
        extra={"is": f"a list of at most {MOST_FACETS} names of fields"},
    ),
]
Cursor = Annotated[
    Annotated[str, NOT_EMPTY] | None,
    Meta(
        description="`next` of the answer before: continue after its last item.",
        extra={"is": "the text that an answer gave as 'next'"},
    ),
]
FieldNames = Annotated[
    Annotated[tuple[str, ...], Meta(max_length=MOST_FIELDS)] | None,
    Meta(
        description=f"Return only these fields of each item, at most {MOST_FIELDS} names.",
        examples=[["name", "price"]],
        extra={"is": f"a list of at most {MOST_FIELDS} names of fields"},
    ),
]


class SearchOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """All parameters of a search but the query.

    Raises
    ------
    ValueError
        If two parameters contradict each other, or an id is too long.
    """

    text: Text = None
    text_weight: TextWeight = None
    k: Count = DEFAULT_ITEMS
    filter: Filter = None
    ids: Ids = None
    min_score: Annotated[
        float,
        Meta(
            ge=-1,
            le=1,
            description='Leave out items with a lower `score`. Not with `"retrieval": "lexical"`.',
            extra={"is": "a cosine similarity from -1 to 1"},
        ),
    ] = -1.0
    exact: Annotated[bool, Meta(description="Compare every matching picture or passage, in 32-bit arithmetic.")] = False
    group_by: Annotated[
        Annotated[str, NOT_EMPTY] | None,
        Meta(description="A field: at most `per_group` items for each of its values.", examples=["brand"]),
    ] = None
    per_group: Annotated[int, Meta(ge=1, le=MOST_ITEMS, description="How many items for each value of `group_by`.")] = 1
    diversity: Annotated[
        float, Meta(ge=0, le=1, description="0-1: how strongly items that resemble each other are avoided.")
    ] = 0.0
    duplicates: Annotated[
        bool | None,
        Meta(
            description="Whether near-copies of the items that serve as query, and of items that rank above them, are "
            "given too: see [Near-copies](#search). Unless given, false for `id` and `examples` in a catalogue of "
            "texts, else true.",
            extra={"is": "true or false"},
        ),
    ] = None
    shift: Shift = None
    boost: Boosts = ()
    pin: Pins = ()
    bury: Buried = ()
    facets: Facets = ()
    disjunctive_facets: DisjunctiveFacets = ()
    cursor: Cursor = None
    include: Annotated[
        tuple[Part, ...],
        Meta(
            max_length=MOST_FIELDS,
            description="What to return of each item besides `id`, `score` and `view`: any of `fields`, `image` and "
            "`embedding`.",
            extra={"is": "a list of what to show: fields, image, embedding"},
        ),
    ] = ("fields", "image")
    fields: FieldNames = None
    predict: Annotated[
        tuple[str, ...],
        Meta(
            max_length=MOST_PREDICTIONS,
            description=f"Also predict these attributes of the query, at most {MOST_PREDICTIONS}.",
            examples=[["color"]],
            extra={"is": f"a list of at most {MOST_PREDICTIONS} names of attributes"},
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Check what concerns several parameters, and drop what is named twice."""
        drop_repeated(self, "facets", "disjunctive_facets", "include", "fields", "predict")
        _read_range(self)
        _check_facets(self)
        if self.per_group > 1 and self.group_by is None:
            raise ValueError("'per_group' goes with 'group_by', which names the field: add it.")
        check_boosts(self.boost)
        self._read_placed()
        if self.shift is not None:
            force_setattr(self, "shift", read_shift(self.shift))
        if self.diversity and self.cursor is not None:
            raise ValueError("'diversity' and 'cursor' exclude each other: an answer with diversity has no next page.")
        _check_shown(self.fields, self.include)
        if self.text is not None:
            force_setattr(self, "text", read_text(self.text))

    def _read_placed(self) -> None:
        for name in ("pin", "bury"):
            force_setattr(self, name, read_ids(name, getattr(self, name)))
        both = [item for item in self.pin if item in {*self.bury}]
        if both:
            raise ValueError(f"{both[0]!r:.80} stands in 'pin' and in 'bury': name it in one of them.")
        placed = "pin" if self.pin else "bury" if self.bury else None
        other = "group_by" if self.group_by is not None else "diversity" if self.diversity else None
        if placed and other:
            raise ValueError(f"{placed!r} and {other!r} exclude each other: leave one of the two out.")


class SearchRequest(SearchOptions, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A search: one query, or two of which one is a text, and how to answer it.

    Raises
    ------
    ValueError
        If no query is named, or more than can be joined, or two parameters contradict each other.
    """

    image: Image = None
    upload: Upload = None
    id: Id = None
    vector: Vector = None
    examples: LikeExamples = None
    region: PictureRegion = None
    retrieval: RetrievalChoice = None

    def __post_init__(self) -> None:
        """Check what concerns several parameters, and drop what is named twice."""
        super().__post_init__()
        _check_query(self)
        beside = query_of(self) if query_of(self) != "text" else None
        check_text(self.text, beside, self.text_weight, self.retrieval)
        if self.retrieval == "lexical" and (wrong := needs_embeddings(self)) is not None:
            raise ValueError(why_not_lexical(wrong))


class SearchesRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Several searches, answered from one state of the catalogue.

    Raises
    ------
    ValueError
        If together they ask for too many items or name too many ids.
    """

    queries: Annotated[
        tuple[SearchRequest, ...],
        Meta(
            min_length=1,
            max_length=MOST_QUERIES,
            description=f"1-{MOST_QUERIES} searches, which together ask for at most {MOST_ITEMS:,} items.",
            extra={"is": f"a list of 1-{MOST_QUERIES} searches"},
        ),
    ]

    def __post_init__(self) -> None:
        """Check what concerns all searches together."""
        items = sum(one.k for one in self.queries)
        if items > MOST_ITEMS:
            raise ValueError(f"The queries ask for {items:,} items, at most {MOST_ITEMS:,} are given: lower 'k'.")
        ids = sum(len(one.ids or ()) for one in self.queries)
        if ids > MOST_IDS:
            raise ValueError(f"The queries name {ids:,} 'ids', at most {MOST_IDS:,} are taken: send fewer at once.")


class PredictRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A prediction: one query, or two of which one is a text, and what to predict of it.

    Raises
    ------
    ValueError
        If no query is named, or more than can be joined, or an id is too long.
    """

    text: Text = None
    text_weight: TextWeight = None
    image: Image = None
    upload: Upload = None
    id: Id = None
    vector: Vector = None
    examples: LikeExamples = None
    region: PictureRegion = None
    attributes: Annotated[
        Annotated[tuple[str, ...], Meta(max_length=MOST_ATTRIBUTES)] | None,
        Meta(
            description=f"Which attributes, at most {MOST_ATTRIBUTES} names; all unless given.",
            examples=[["color", "category"]],
            extra={"is": f"a list of at most {MOST_ATTRIBUTES} names of attributes"},
        ),
    ] = None
    method: Annotated[
        Method | None,
        Meta(
            description="`discriminant`: a linear classifier learned from the catalogue's labels. `means`: the class "
            "whose mean embedding is nearest. `vote`: a distance-weighted vote of the nearest labelled items. Unless "
            "given, each attribute has the one that is better on held-out items."
        ),
    ] = None
    k: Annotated[int, Meta(ge=1, le=MOST_ITEMS, description=f"How many items vote, 1-{MOST_ITEMS:,}.")] = VOTERS
    filter: Annotated[
        Filter,
        Meta(
            description="Only items that match this filter vote, and only their classes can be predicted, see "
            "[Filters](#filters)."
        ),
    ] = None
    ids: Annotated[
        Ids,
        Meta(description=f"Only these items vote, and only their classes can be predicted; at most {MOST_IDS:,} ids."),
    ] = None

    def __post_init__(self) -> None:
        """Check what concerns several parameters, and drop what is named twice."""
        drop_repeated(self, "attributes")
        _read_range(self)
        _check_query(self)
        if self.text is not None:
            force_setattr(self, "text", read_text(self.text))
        check_text(self.text, query_of(self) if query_of(self) != "text" else None, self.text_weight, None)


class ItemsRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which items to list, and in which order.

    Raises
    ------
    ValueError
        If two parameters contradict each other, or an id is too long.
    """

    k: Count = DEFAULT_ITEMS
    filter: Filter = None
    ids: Ids = None
    sort: Annotated[
        Annotated[str, NOT_EMPTY] | None,
        Meta(
            description="A field with numbers, dates, strings or booleans: the least values first, or the greatest "
            "with a `-` before its name. Items without the field come last, items of one value by id. Unless given, "
            "all come by id.",
            examples=["-price"],
            extra={"is": "the name of a field, with a - before it for the greatest first"},
        ),
    ] = None
    facets: Facets = ()
    disjunctive_facets: DisjunctiveFacets = ()
    cursor: Cursor = None
    include: Annotated[
        tuple[Shown, ...],
        Meta(
            max_length=MOST_FIELDS,
            description="What to return of each item besides `id`: any of `fields` and `image`.",
            extra={"is": "a list of what to show: fields, image"},
        ),
    ] = ("fields", "image")
    fields: FieldNames = None

    def __post_init__(self) -> None:
        """Check what concerns several parameters, and drop what is named twice."""
        drop_repeated(self, "facets", "disjunctive_facets", "include", "fields")
        _read_range(self)
        _check_facets(self)
        _check_shown(self.fields, self.include)


class ImageRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which of an item's images."""

    view: Annotated[
        Annotated[str, NOT_EMPTY] | None, Meta(description="The name of an image; the first image unless given.")
    ] = None


def query_of(request: SearchRequest | PredictRequest) -> str:
    """Give the name of the one parameter that says what to look for, of two the one that is no text."""
    return next(name for name in QUERIES if getattr(request, name) is not None)


def needs_embeddings(request: SearchOptions) -> str | None:
    """Give the name of a parameter that a search by words alone cannot follow, None if there is none."""
    asked = {"min_score": request.min_score > -1, "shift": request.shift is not None, "predict": bool(request.predict)}
    return next((name for name, given in asked.items() if given), None)


def _check_shown(fields: tuple[str, ...] | None, include: tuple[str, ...]) -> None:
    if fields is not None and "fields" not in include:
        raise ValueError("'fields' names fields to return, and 'include' leaves fields out: drop one of the two.")


def _check_facets(request: SearchOptions | ItemsRequest) -> None:
    twice = sorted({*request.facets} & {*request.disjunctive_facets})
    if twice:
        raise ValueError(f"{twice[0]!r:.80} stands in 'facets' and in 'disjunctive_facets': name it in one of them.")
    count = len(request.facets) + len(request.disjunctive_facets)
    if count > MOST_FACETS:
        raise ValueError(
            f"'facets' and 'disjunctive_facets' name {count} fields together, at most {MOST_FACETS} are counted: name "
            "fewer."
        )


def _check_query(request: SearchRequest | PredictRequest) -> None:
    given = [name for name in SOLE_QUERIES if getattr(request, name) is not None]
    if request.text is not None and given[:1] not in ([], *([name] for name in BESIDE)):
        raise ValueError(
            f"'text' stands alone or beside one of {', '.join(BESIDE)}, not beside {given[0]!r}: leave one of the two "
            "out."
        )
    if len(given) != 1 and (given or request.text is None):
        found = f", not {' and '.join(given)}" if given else ""
        raise ValueError(f"Name exactly one query: {', '.join(QUERIES)}{found}.")
    given = given or ["text"]
    if request.region is not None and given[0] not in PICTURE_QUERIES:
        raise ValueError(
            f"'region' is a part of a picture, and the query is {given[0]!r}: leave 'region' out, or ask with one of "
            f"{', '.join(PICTURE_QUERIES)}."
        )
    if request.id is not None:
        force_setattr(request, "id", read_ids("id", (request.id,))[0])


def _read_range(request: SearchOptions | ItemsRequest | PredictRequest) -> None:
    force_setattr(request, "filter", read_filter(request.filter))
    if request.ids is not None:
        force_setattr(request, "ids", read_ids("ids", request.ids))
