"""The whole audit of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tonari.attributes import Grouping, draw
from tonari.audit.classifiers import NeighbourVote
from tonari.audit.duplicates import find_duplicates
from tonari.audit.label_checks import Subject, confirm, find_missing, find_suspects
from tonari.contract.findings import Audit, ContradictedLabel, ContradictedLabels, MissingValue, MissingValues
from tonari.snapshots.table import Table

MOST_CONTRADICTED = 500


def examine(
    table: Table,
    subjects: Sequence[Subject],
    grouping: Grouping,
    progress: Callable[[str, int, int], None],
) -> Audit:
    """Look for contradicted labels, near-duplicate pictures and missing values; nothing is changed.

    Parameters
    ----------
    table
        As it serves: with cells, and tuned for searches.
    progress
        Is told a stage, how much of it is done, and of how much.
    """
    contradicted: list[ContradictedLabel] = []
    missing: list[MissingValue] = []
    judged = suspected = lacking = fillable = 0
    for subject in subjects:
        neighbours = NeighbourVote(table, subject.labels, grouping.group)
        sample = draw(subject.labels, table.views.item, table.views.fixed, grouping)
        suspects = find_suspects(table, subject, sample, grouping)
        judged, suspected = judged + suspects.checked, suspected + len(suspects.items)
        stage = _stage(progress, f"audit: labels of {subject.name}")
        contradicted += confirm(suspects, table, subject, neighbours, stage)
        found = find_missing(table, subject, neighbours, _stage(progress, f"audit: gaps in {subject.name}"))
        lacking, fillable = lacking + found.checked, fillable + found.count
        missing += found.surest
    contradicted.sort(key=lambda one: (-one.discriminant.probability, one.attribute, one.id))
    return Audit(
        len(table),
        ContradictedLabels(judged, suspected, len(contradicted), tuple(contradicted[:MOST_CONTRADICTED])),
        find_duplicates(table, grouping.group, _stage(progress, "audit: duplicates")),
        MissingValues(lacking, fillable, tuple(missing)),
    )


def _stage(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
