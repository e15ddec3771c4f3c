"""The audit of a snapshot -> tables."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType

from tonari.contract.findings import Audit
from tonari_tools.tables import Columns

MOST_ROWS = 40


def contradicted_table(audit: Audit) -> list[RenderableType]:
    """Lay out the labels that both methods contradict."""
    found = audit.contradicted
    names = ["id", "attribute", "label", "rather", "probability", "vote", "neighbours"]
    rows = [
        [
            label.id,
            label.attribute,
            label.label,
            label.discriminant.value,
            f"{label.discriminant.probability:.2f}",
            f"{label.vote.share:.2f}",
            label.neighbours,
        ]
        for label in found.items[:MOST_ROWS]
    ]
    head = f"Doubtful labels: {found.count} of {found.checked} checked"
    remedy = "Look at each picture, then correct the document or leave it."
    return _section(head, Columns(names, rows), len(found.items), found.count, remedy)


def duplicates_table(audit: Audit) -> list[RenderableType]:
    """Lay out the groups of items that show the same picture."""
    found = audit.duplicates
    names = ["items", "least cosine", "ids"]
    rows = [[group.size, f"{group.score:.3f}", group.ids] for group in found.items[:MOST_ROWS]]
    head = (
        f"Near-duplicate pictures: {found.count} groups among {found.checked} views, from cosine {found.threshold:.3f}"
    )
    remedy = "Give each item a picture of its own, merge the items, or leave it."
    return _section(head, Columns(names, rows), len(found.items), found.count, remedy)


def missing_table(audit: Audit) -> list[RenderableType]:
    """Lay out what could be filled in."""
    found = audit.missing
    names = ["id", "attribute", "could be", "probability", "the vote"]
    rows = [
        [gap.id, gap.attribute, gap.value, f"{gap.probability:.2f}", "agrees" if gap.agree else "differs"]
        for gap in found.items[:MOST_ROWS]
    ]
    head = f"Missing attributes: {found.checked}, of which {found.count} are predicted with certainty"
    remedy = "If a value is right, add it to the document: tonari never writes documents."
    return _section(head, Columns(names, rows), len(found.items), found.count, remedy)


TABLES: dict[str, Callable[[Audit], list[RenderableType]]] = {
    "contradicted": contradicted_table,
    "duplicates": duplicates_table,
    "missing": missing_table,
}


def _section(head: str, table: Columns, listed: int, count: int, remedy: str) -> list[RenderableType]:
    if not table.rows:
        return [head]
    lines: list[RenderableType] = [head, "", table, ""]
    if hidden := listed - len(table.rows):
        lines.append(f"{hidden} more with --json.")
    if count > listed:
        lines.append(f"{count - listed} more are not listed: settle these, then rebuild.")
    return [*lines, remedy]
