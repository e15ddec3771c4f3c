"""``audit.json`` -> text for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tonari_tools.cli.tables import align

MOST_ROWS = 40
MOST_NAMED = 4
MOST_WIDTH = 40


def contradicted_table(found: Mapping[str, Any]) -> str:
    """Lay out the labels that both methods contradict."""
    rows = [["id", "attribute", "label", "rather", "probability", "vote", "neighbours"]]
    rows += [
        [
            cell(one["id"]),
            cell(one["attribute"]),
            cell(one["label"]),
            cell(one["discriminant"]["value"]),
            f"{one['discriminant']['probability']:.2f}",
            f"{one['vote']['share']:.2f}",
            cell(one["neighbours"][:MOST_NAMED]),
        ]
        for one in found["items"][:MOST_ROWS]
    ]
    head = f"labels contradicted: {found['count']} of {found['checked']} checked"
    return _section(head, rows, found, "Look at the picture, then correct the document or leave it.")


def duplicates_table(found: Mapping[str, Any]) -> str:
    """Lay out the groups of items that show the same picture."""
    rows = [["items", "least cosine", "ids"]]
    rows += [[str(one["size"]), f"{one['score']:.3f}", cell(one["ids"])] for one in found["items"][:MOST_ROWS]]
    head = (
        f"near-duplicate pictures: {found['count']} groups among {found['checked']} views, "
        f"from cosine {found['threshold']:.3f}"
    )
    return _section(head, rows, found, "Give each item a picture of its own, merge the items, or leave it.")


def missing_table(found: Mapping[str, Any]) -> str:
    """Lay out what could be filled in."""
    rows = [["id", "attribute", "could be", "probability", "the vote"]]
    rows += [
        [
            cell(one["id"]),
            cell(one["attribute"]),
            cell(one["value"]),
            f"{one['probability']:.2f}",
            "agrees" if one["agree"] else "differs",
        ]
        for one in found["items"][:MOST_ROWS]
    ]
    head = f"attributes missing: {found['checked']}; predicted with certainty: {found['count']}"
    return _section(head, rows, found, "Add the value to the document if it is right: tonari never writes it.")


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "contradicted": contradicted_table,
    "duplicates": duplicates_table,
    "missing": missing_table,
}


def _section(head: str, rows: Sequence[Sequence[str]], found: Mapping[str, Any], remedy: str) -> str:
    if len(rows) == 1:
        return head
    lines = [head, "", align(rows), ""]
    hidden, unlisted = len(found["items"]) - (len(rows) - 1), found["count"] - len(found["items"])
    if hidden:
        lines.append(f"{hidden} more with --json.")
    if unlisted > 0:
        lines.append(f"{unlisted} more are not listed: rebuild when these are settled.")
    return "\n".join([*lines, remedy])


def cell(value: Any) -> str:
    """Give a value as one short text.

    >>> cell(["a", "b"])
    'a, b'
    """
    if isinstance(value, list) and len(value) > MOST_NAMED:
        value = [*value[:MOST_NAMED], "…"]
    text = " ".join((", ".join(map(str, value)) if isinstance(value, list) else str(value)).split())
    return text if len(text) <= MOST_WIDTH else f"{text[: MOST_WIDTH - 1]}…"
