"""What the user says of a text graph by options of the command line: it goes before whatever files say."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

Pooling = Literal["none", "mean", "first", "last"]
POOLINGS: tuple[Pooling, ...] = ("none", "mean", "first", "last")


@dataclass(frozen=True, slots=True)
class TextOverrides:
    """What was said; None where nothing was.

    Parameters
    ----------
    pooling
        How the vectors of tokens become one.
    max_tokens
        Tokens of a text at most, those counted that the tokenizer adds.
    query_prefix, passage_prefix
        Put before a text; empty for none.
    text_output
        Name of the text graph's output.
    """

    pooling: Pooling | None = None
    max_tokens: int | None = None
    query_prefix: str | None = None
    passage_prefix: str | None = None
    text_output: str | None = None

    def flags(self) -> tuple[str, ...]:
        """Name the options that were given."""
        given = (one.name for one in fields(self) if getattr(self, one.name) is not None)
        return tuple(f"--{name.replace('_', '-')}" for name in given)


NOTHING_SAID = TextOverrides()
