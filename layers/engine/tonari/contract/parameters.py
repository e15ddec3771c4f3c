"""The parameters that several requests share, and the limits of requests, answers and documents."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from tonari.contract.normal_form import id_text, in_nfc
from tonari.errors import InvalidFilterError, InvalidVectorError

MOST_BODY_BYTES = 4_400_000
MOST_UPLOAD_BYTES = 20_000_000
MOST_ANSWER_BYTES = 6_000_000
MOST_ID_BYTES = 256
MOST_DOCUMENT_BYTES = 100_000
MOST_ITEMS = 1_000
MOST_IDS = 50_000
MOST_QUERIES = 10
MOST_VIEWS = 16
MOST_EXAMPLES = 100
MOST_HALF_LIFE = 1_000
MOST_COMPONENTS = 65_536
MOST_FIELDS = 100
MOST_FACETS = 20
MOST_PREDICTIONS = 20
MOST_ATTRIBUTES = 100
MOST_DEPTH = 64
DEFAULT_ITEMS = 10
VOTERS = 9


UPLOADS = "uploads/"
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
PICTURE_SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"), "image/jpeg"),
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
"""Content type by how the name of a picture ends, in lower case: Python's own table lacks some of them."""
SOLE_QUERIES = ("image", "upload", "id", "vector", "examples")
"""Of these parameters, which say what to look for, a search or a prediction has one at most."""
QUERIES = (*SOLE_QUERIES, "text")
"""A search or a prediction has exactly one of these, or a text beside another."""


ID = "id"
"""In the ``extra`` of a :class:`msgspec.Meta`, marks an item's id: a whole number stands for its digits."""
ItemId = Annotated[str, Meta(max_length=MOST_ID_BYTES, extra={ID: True})]
NOT_EMPTY = Meta(min_length=1)

Image = Annotated[
    bytes | None,
    Meta(
        description="The bytes of a picture in base64: wrapped or not, URL-safe or not, with or without padding or a "
        "`data:` prefix.",
        extra={"is": "a picture's bytes in base64"},
    ),
]
Upload = Annotated[
    Annotated[str, Meta(pattern=rf"^{UPLOADS}[0-9a-f]{{32}}$")] | None,
    Meta(
        description="A key that `POST /v1/uploads` gave, after the picture was posted there.",
        examples=["uploads/0123456789abcdef0123456789abcdef"],
        extra={"is": "the text that POST /v1/uploads gave as 'upload'"},
    ),
]
Id = Annotated[
    Annotated[str, Meta(min_length=1, max_length=MOST_ID_BYTES, extra={ID: True})] | None,
    Meta(
        description=f"The id of an item. The search uses all its pictures or passages, the first {MOST_VIEWS} if it "
        "has more, and keeps the best score; the item itself is left out.",
        examples=["red-shirt"],
        extra={"is": f"a text that is not empty, of at most {MOST_ID_BYTES} bytes"},
    ),
]
Vector = Annotated[
    Annotated[tuple[float, ...], Meta(max_length=MOST_COMPONENTS)] | None,
    Meta(
        description="An embedding with as many numbers as the encoder has dimensions. Its length does not matter.",
        extra={"is": "a list of finite numbers, one per dimension of the encoder", "error": InvalidVectorError},
    ),
]
Filter = Annotated[
    dict[str, Any] | None,
    Meta(
        description="Only items that match this filter, see [Filters](#filters).",
        examples=[{"price": {"$lt": 50}}],
        extra={"is": 'an object such as {"price": {"$lt": 50}}', "error": InvalidFilterError},
    ),
]
Ids = Annotated[
    Annotated[tuple[ItemId, ...], Meta(max_length=MOST_IDS)] | None,
    Meta(
        description=f"Only these items; at most {MOST_IDS:,} ids in a request. Ids that do not exist are ignored; an "
        "empty list finds nothing.",
        examples=[["red-shirt", "blue-shirt"]],
        extra={"is": f"a list of at most {MOST_IDS:,} item ids, each of at most {MOST_ID_BYTES} bytes"},
    ),
]


class Examples(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Items that the answer should be like, and items that it should be unlike.

    Raises
    ------
    ValueError
        If an item is named as both, or an id is too long.
    """

    positive: Annotated[
        tuple[ItemId, ...],
        Meta(
            min_length=1,
            max_length=MOST_EXAMPLES,
            description=f"Ids of 1-{MOST_EXAMPLES} items.",
            extra={"is": f"a list of at least one and at most {MOST_EXAMPLES} item ids"},
        ),
    ]
    negative: Annotated[
        tuple[ItemId, ...],
        Meta(
            max_length=MOST_EXAMPLES,
            description=f"Ids of up to {MOST_EXAMPLES} items.",
            extra={"is": f"a list of at most {MOST_EXAMPLES} item ids"},
        ),
    ] = ()
    half_life: Annotated[
        Annotated[float, Meta(gt=0, le=MOST_HALF_LIFE)] | None,
        Meta(
            description="The positive items are newest first; the weight of each is halved with every so many items "
            "before it. All count alike unless given.",
            extra={"is": f"a number of items over 0, at most {MOST_HALF_LIFE:,}"},
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check what concerns several parameters, and drop what is named twice."""
        force_setattr(self, "positive", read_ids("examples.positive", self.positive))
        force_setattr(self, "negative", read_ids("examples.negative", self.negative))
        both = sorted({*self.positive} & {*self.negative})
        if both:
            raise ValueError(f"'examples' name {both[0]!r:.80} as positive and as negative.")


LikeExamples = Annotated[
    Examples | None,
    Meta(
        description=f'`{{"positive": [ids], "negative": [ids]}}`, at most {MOST_EXAMPLES} each and at least one '
        "positive. The query is the mean of the positive items less half the mean of the negative ones [Rocchio 1971]. "
        'With `"half_life": 3` the positive ones are a history, newest first: the weight of each is halved with every '
        "third item before it. The examples themselves are left out.",
        examples=[{"positive": ["red-shirt"], "negative": ["red-sock"]}],
        extra={"is": '{"positive": [ids], "negative": [ids]}'},
    ),
]


def read_ids(name: str, ids: Iterable[Any]) -> tuple[str, ...]:
    """Read ids: in NFC, each once.

    Raises
    ------
    ValueError
        Naming the parameter and what is no id, or is too long.
    """
    read: dict[str, None] = {}
    for one in ids:
        try:
            item = id_text(one)
        except ValueError as error:
            raise ValueError(f"{name!r}: {error}.") from error
        # A character takes at most four bytes.
        if len(item) > MOST_ID_BYTES // 4 and (size := len(item.encode())) > MOST_ID_BYTES:
            shown = f"{item[:40]!r}… of {size} bytes in UTF-8"
            raise ValueError(f"{name!r} has {shown}; an id has at most {MOST_ID_BYTES}.")
        read[item] = None
    return tuple(read)


def read_filter(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give a filter with its names and texts in NFC.

    Raises
    ------
    ValueError
        If it holds what JSON cannot say.
    """
    require_finite("'filter'", raw)
    try:
        read: dict[str, Any] | None = in_nfc(raw)
    except ValueError as error:
        raise ValueError(f"'filter' cannot be read: {error}.") from error
    return read


def require_finite(what: str, raw: Any) -> None:
    """Refuse NaN and infinity: they would be sent as null, which has a meaning of its own.

    Raises
    ------
    ValueError
    """
    left: list[Any] = [raw]
    while left:
        one = left.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise ValueError(f"{what} holds {one}, which is no number of JSON.")
        left += one.values() if isinstance(one, dict) else one if isinstance(one, (list, tuple)) else ()


def drop_repeated(struct: Struct, *names: str) -> None:
    """Drop what lists name twice: while the struct is made."""
    for name in names:
        if (values := getattr(struct, name)) is not None:
            force_setattr(struct, name, tuple(dict.fromkeys(values)))
