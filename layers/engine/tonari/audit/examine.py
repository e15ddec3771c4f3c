"""The whole audit of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tonari.attributes import Grouping
from tonari.audit.classifiers import NeighbourVote
from tonari.audit.duplicates import find_duplicates
from tonari.audit.label_checks import find_contradicted, find_missing
from tonari.audit.suspects import Subject
from tonari.contract.findings import Audit, ContradictedLabels, MissingValues
from tonari.grouping import Found
from tonari.snapshots.table import Table

MOST_CONTRADICTED = 500


def examine(
    table: Table,
    subjects: Sequence[Subject],
    groups: Found,
    progress: Callable[[str, int, int], None],
) -> Audit:
    """Look for contradicted labels, near-duplicate pictures and missing values; nothing is changed.

    Parameters
    ----------
    table
        As it serves: with cells, and tuned for searches.
    groups
        Its items that were held out together, and its pairs of like pictures.
    progress
        Is told a stage, how much of it is done, and of how much.
    """
    contradicted: list[ContradictedLabels] = []
    missing: list[MissingValues] = []
    grouping = Grouping(groups.group, groups.part)
    for subject in subjects:
        neighbours = NeighbourVote(table, subject.labels, grouping.group)
        stage = _stage(progress, f"audit: labels of {subject.name}")
        contradicted.append(find_contradicted(table, subject, grouping, neighbours, stage))
        stage = _stage(progress, f"audit: gaps in {subject.name}")
        missing.append(find_missing(table, subject, neighbours, stage))
    worthiest = sorted(
        (label for one in contradicted for label in one.items),
        key=lambda one: (-one.worth, one.attribute, one.id),
    )
    return Audit(
        len(table),
        ContradictedLabels(
            sum(one.checked for one in contradicted),
            sum(one.suspected for one in contradicted),
            len(worthiest),
            tuple(worthiest[:MOST_CONTRADICTED]),
        ),
        find_duplicates(table, [one.name for one in subjects], groups.same_picture, groups.pictures),
        MissingValues(
            sum(one.checked for one in missing),
            sum(one.count for one in missing),
            tuple(value for one in missing for value in one.items),
        ),
    )


def _stage(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
