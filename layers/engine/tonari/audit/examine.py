"""The whole audit of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tonari.attributes import Grouping
from tonari.audit.classifiers import NeighbourVote
from tonari.audit.duplicates import find_duplicates
from tonari.audit.label_checks import Subject, find_contradicted, find_missing
from tonari.contract.findings import Audit, ContradictedLabels, MissingValues
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
    contradicted: list[ContradictedLabels] = []
    missing: list[MissingValues] = []
    for subject in subjects:
        neighbours = NeighbourVote(table, subject.labels, grouping.group)
        stage = _stage(progress, f"audit: labels of {subject.name}")
        contradicted.append(find_contradicted(table, subject, grouping, neighbours, stage))
        stage = _stage(progress, f"audit: gaps in {subject.name}")
        missing.append(find_missing(table, subject, neighbours, stage))
    surest = sorted(
        (label for one in contradicted for label in one.items),
        key=lambda one: (-one.discriminant.probability, one.attribute, one.id),
    )
    return Audit(
        len(table),
        ContradictedLabels(
            sum(one.checked for one in contradicted),
            sum(one.suspected for one in contradicted),
            len(surest),
            tuple(surest[:MOST_CONTRADICTED]),
        ),
        find_duplicates(table, grouping.group, _stage(progress, "audit: duplicates")),
        MissingValues(
            sum(one.checked for one in missing),
            sum(one.count for one in missing),
            tuple(value for one in missing for value in one.items),
        ),
    )


def _stage(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
