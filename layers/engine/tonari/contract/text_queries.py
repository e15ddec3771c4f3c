"""Queries in words: the text that is searched for, how much it counts beside a picture, and by what it is found."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import Meta

from tonari.contract.normal_form import in_nfc

MOST_CHARACTERS: Final = 2_000
TEXT_WEIGHT: Final = 0.5
"""Of a text beside a picture, unless a request says another."""
BESIDE: Final = ("image", "upload", "id")
"""Queries that a text may stand beside."""
MOST_SHOWN: Final = 40
_CONTROL: Final = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""Control characters that are no white space."""

Retrieval = Literal["lexical", "dense", "fused"]
Text = Annotated[
    str | None,
    Meta(
        description=f"Words, 1-{MOST_CHARACTERS:,} characters: see [Text](#text). Alone, or beside {', '.join(BESIDE)} "
        "where the encoder knows both pictures and words (of articles, beside `id`).",
        examples=["red boot"],
        extra={"is": f"a text of 1-{MOST_CHARACTERS:,} characters"},
    ),
]
TextWeight = Annotated[
    Annotated[float, Meta(ge=0, le=1)] | None,
    Meta(
        description="How much `text` counts beside a picture or an item: 0 is the picture alone, 1 the text alone. "
        f"{TEXT_WEIGHT:g} unless given.",
        extra={"is": "a number from 0 to 1"},
    ),
]
RetrievalChoice = Annotated[
    Retrieval | None,
    Meta(
        description="By what a `text` that stands alone finds items. `lexical`: by its words in their texts. `dense`: "
        "by its embedding, where the encoder knows words. `fused`: both, ranked together by reciprocal rank. Unless "
        "given, `fused` where there are both, else whichever there is.",
    ),
]


class UnusableTextError(ValueError):
    """A text that nothing can be searched with."""


def read_text(text: str) -> str:
    """Give a text as it is searched with: trimmed, in NFC.

    Raises
    ------
    UnusableTextError
        If nothing is left, it is too long, or it has control characters other than white space.
    ValueError
        If it has half a surrogate pair.
    """
    trimmed = text.strip()
    if not trimmed:
        raise UnusableTextError("'text' is empty or blank: write what to look for.")
    if len(trimmed) > MOST_CHARACTERS:
        raise UnusableTextError(
            f"'text' has {len(trimmed):,} characters, at most {MOST_CHARACTERS:,} are searched with: send its most "
            "telling paragraph, or store it as an item and ask with its 'id'."
        )
    if (found := _CONTROL.search(trimmed)) is not None:
        raise UnusableTextError(
            f"'text' has the control character U+{ord(found[0]):04X} after {trimmed[: found.start()][-MOST_SHOWN:]!r}: "
            "leave it out; line ends and tabs may stay."
        )
    try:
        read: str = in_nfc(trimmed)
    except ValueError as error:
        raise ValueError(f"'text' cannot be read: {error}.") from error
    if len(read) > MOST_CHARACTERS:
        raise UnusableTextError(
            f"'text' has {len(read):,} characters in NFC, at most {MOST_CHARACTERS:,} are searched with: shorten it."
        )
    return read


def check_text(text: str | None, beside: str | None, weight: float | None, retrieval: Retrieval | None) -> None:
    """Check that the parameters about a text belong to the query.

    Parameters
    ----------
    beside
        Name of the other query, if there is one.

    Raises
    ------
    ValueError
    """
    if weight is not None and (text is None or beside is None):
        raise ValueError(
            "'text_weight' weighs a 'text' against what it stands beside: leave it out, or send 'text' and one of "
            f"{', '.join(BESIDE)}."
        )
    if retrieval is not None and (text is None or beside is not None):
        raise ValueError(
            "'retrieval' says by what a 'text' that stands alone finds items: leave it out, or ask with 'text' alone."
        )


def why_not_lexical(name: str) -> str:
    """Say why a parameter does not go with a search by words alone."""
    return (
        f"{name!r} needs embeddings, and this search goes by words alone, whose scores (BM25) have no common scale: "
        f'leave {name!r} out, or ask with "retrieval": "dense" or "fused" where the encoder knows words.'
    )
