"""The whole audit of a snapshot, as it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tonari.attributes import Grouping, Labels, Learned, draw
from tonari.audit.contradicted import confirm, find_suspects
from tonari.audit.duplicates import find_duplicates
from tonari.audit.electorate import Electorate
from tonari.audit.missing import find_gaps
from tonari.snapshots.table import Table

FORMAT = 1
MOST_CONTRADICTED = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """One attribute: who has which class, and what was learned of that."""

    labels: Labels
    learned: Learned


def examine(
    table: Table,
    subjects: Mapping[str, Subject],
    grouping: Grouping,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Look for contradicted labels, near-duplicate pictures and gaps; nothing is changed.

    Parameters
    ----------
    part
        As it serves: with cells, and a budget for searches.
    subjects
        By the attribute's name.
    progress
        Is told a stage, how much of it is done, and of how much.

    Returns
    -------
    What ``audit.json`` holds.
    """
    contradicted: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    judged = lacking = suspected = fillable = 0
    for name, subject in subjects.items():
        labels, learned = subject.labels, subject.learned
        voters = Electorate(table, labels, grouping.group)
        sample = draw(labels, table.views.item, table.views.fixed, grouping)
        suspects = find_suspects(table, labels, sample, learned, grouping)
        judged += suspects.checked
        suspected += len(suspects.items)
        contradicted += confirm(suspects, table, labels, voters, name, _stage(progress, f"audit: labels of {name}"))
        gaps = find_gaps(table, labels, learned, voters, name, _stage(progress, f"audit: gaps in {name}"))
        lacking, fillable = lacking + gaps.checked, fillable + gaps.count
        missing += gaps.shown
    contradicted.sort(key=lambda one: (-one["discriminant"]["probability"], one["attribute"], one["id"]))
    return {
        "format": FORMAT,
        "items": len(table),
        "contradicted": {
            "checked": judged,
            "suspected": suspected,
            "count": len(contradicted),
            "items": contradicted[:MOST_CONTRADICTED],
        },
        "duplicates": find_duplicates(table, grouping.group, _stage(progress, "audit: duplicates")),
        "missing": {"checked": lacking, "count": fillable, "items": missing},
    }


def _stage(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
