"""Several texts in one cell: ``red|blue``, ``["red", "blue"]`` -> a list of texts."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.contract.strict_json import read_json

MOST_PART = 64
"""Characters of one text in a list: longer ones are sentences that happen to have a bar."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The texts of each cell, and how they were told apart."""

    values: Mapping[str, list[str]]
    why: str


def split_cells(counts: Mapping[str, int], bar: str) -> Lists | None:
    """Split the cells of a column into lists of texts; None if it is a column of single texts.

    Parameters
    ----------
    counts
        How often each cell is there.
    bar
        What may separate texts, nothing if empty. A column is one of lists if it stands in most cells, or if half
        of what it separates also stands in other cells.
    """
    written = {text: read_list(text) for text in counts if text.startswith("[")}
    if counts and len(written) == len(counts) and None not in written.values():
        return Lists({text: one or [] for text, one in written.items()}, "lists of texts")
    if not bar:
        return None
    split = {text: split_at(text, bar) for text in counts if bar in text}
    if not split or any(len(part) > MOST_PART for parts in split.values() for part in parts):
        return None
    several = sum(counts[text] for text in split)
    if 2 * several <= sum(counts.values()) and not _recur(split, counts):
        return None
    example = min((text for text in split if len(split[text]) > 1), key=len, default=next(iter(split)))
    why = f"lists of texts: {example!r} is {' and '.join(map(repr, split[example]))}"
    return Lists({text: split.get(text, [text]) for text in counts}, why)


def split_at(text: str, separator: str) -> list[str]:
    """Split a cell, without blanks around the parts and without empty parts.

    >>> split_at("red | blue|", "|")
    ['red', 'blue']
    """
    return [part for part in map(str.strip, text.split(separator)) if part] if separator in text else [text]


def _recur(split: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> bool:
    """Tell whether half the parts stand in other cells too, as the words of one vocabulary do."""
    cells = Counter(part for text in counts for part in set(split.get(text, (text,))))
    parts = {part for parts in split.values() for part in parts}
    return 2 * sum(cells[part] > 1 for part in parts) >= len(parts)


def read_list(text: str) -> list[str] | None:
    """Read a list as JSON or Python writes it, numbers as texts; None if it is none."""
    value: Any
    try:
        value = read_json(text)
    except ValueError:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    if not isinstance(value, list | tuple) or not all(type(one) in (str, int, float) for one in value):
        return None
    return [str(one) for one in value]
