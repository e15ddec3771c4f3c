"""All rules together: which items are held out together, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.holdout import thirtieths
from tonari.contract.findings import GroupingRule, ItemGroups
from tonari.fields.columns import ClassColumn, Column
from tonari.grouping.evidence import Looks, leaves_classes
from tonari.grouping.joining import Joiner, number, pairs_of, sizes
from tonari.grouping.keys import by_field
from tonari.grouping.looks import near_rows, nearer_than_chance
from tonari.grouping.names import by_sequence, by_stem
from tonari.index.cells import Cells
from tonari.index.near_pairs import near_pairs, same_picture_from
from tonari.index.neighbourhoods import Neighbourhoods, neighbourhoods
from tonari.index.vectors import Views

LEAST_ITEMS = 100
"""Of fewer items nothing is calibrated, and too few say whether a rule is right."""
MOST_BY_STEM = 0.1
MOST_BY_LOOKS = 0.02
ENOUGH_TOLD = 0.5
"""If fields and names group this share of the items, numbers and looks are not asked: they would join products."""
LEAST_MOST, MOST_MOST = 12, 200
"""A group of look-alikes has at most a fiftieth of the items, and 200."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known of I items, in the order of their ids.

    Parameters
    ----------
    ids
        I of them.
    file_names
        Name of the first image of each; empty where it has none.
    split_by
        The field that the schema names; empty where it names none.
    values
        Of :func:`tonari.catalogue.holdout.split_value`, I of them.
    columns
        By field.
    attributes
        Which fields are predicted.
    views
        Embeddings of N views, with the item of each.
    cells
        In whose order they lie; None if they lie in none.
    """

    ids: Sequence[str]
    file_names: Sequence[str]
    split_by: str
    values: Sequence[str]
    columns: Mapping[str, Column]
    attributes: tuple[str, ...]
    views: Views
    cells: Cells | None


@dataclass(frozen=True, slots=True)
class Found:
    """Groups of I items.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's group.
    part : (I,) int64
        Tenth of each item's group, by the hash of its first item's value: as long as that item stays, so does the part.
    values
        That value, I of them.
    about
        By which rules, as the report has it.
    same_picture
        The cosine from which two views count as the same picture.
    pictures : (E, 2) int64
        Pairs of views that do: enough to connect what hangs together.
    """

    group: NDArray[np.int64]
    part: NDArray[np.int64]
    values: tuple[str, ...]
    about: ItemGroups
    same_picture: float
    pictures: NDArray[np.int64]


def find_groups(grounds: Grounds, progress: Callable[[int, int], None] = lambda *_: None) -> Found:
    """Find the items that show one thing: those of one ``split_by`` value, or by names, fields and looks without it.

    Items with the same picture are together in either case. A rule that is not confirmed by the looks of the items, or
    would put most of them into few groups, is not applied.

    Parameters
    ----------
    progress
        Is told how many views are done, and of how many.
    """
    views, count = grounds.views, len(grounds.ids)
    stated = number(grounds.values)
    same_picture = same_picture_from(views, stated)
    search = not grounds.split_by and count >= LEAST_ITEMS and len(views) > 0
    total = len(views) * (2 if search else 1)
    pictures = near_pairs(views, grounds.cells, same_picture, lambda done, of: progress(min(done, of), total))
    rules = _Rules(count)
    if grounds.split_by:
        rules.apply("split_by", grounds.split_by, pairs_of(stated), count)
    elif search:
        looks = _looks(grounds)
        _told(grounds, looks, rules)
        if rules.share() < ENOUGH_TOLD:
            around = neighbourhoods(views, grounds.cells, lambda done, of: progress(len(views) + min(done, of), total))
            _looked(grounds, looks, around, rules)
    same = views.item[pictures].astype(np.int64)
    rules.apply("pictures", f"cosine from {same_picture:.3f}", same, max(rules.most_alike, rules.largest()))
    first = rules.joiner.groups()
    values = tuple(grounds.values[item] for item in first.tolist())
    progress(total, total)
    group = np.unique(first, return_inverse=True)[1].astype(np.int64)
    about = ItemGroups(*_measure(first), tuple(rules.applied))
    return Found(group, thirtieths(values), values, about, same_picture, pictures)


class _Rules:
    """The groups so far, and by which rules.

    Parameters
    ----------
    count
        Of items.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.joiner = Joiner(count)
        self.applied: list[GroupingRule] = []
        self.most_told = max(LEAST_MOST, int(MOST_BY_STEM * count))
        self.most_alike = int(np.clip(MOST_BY_LOOKS * count, LEAST_MOST, MOST_MOST))

    def apply(self, rule: str, how: str, pairs: NDArray[np.int64], most: int) -> None:
        """Join pairs of items to groups of ``most`` at most, and note what the rule alone would have joined."""
        self.joiner.join(pairs, most)
        alone = Joiner(self.count)
        alone.join(pairs, most)
        groups, items, largest = _measure(alone.groups())
        if items:
            self.applied.append(GroupingRule(rule, how, groups, items, largest))

    def apply_bounded(self, rule: str, how: str, pairs: NDArray[np.int64], labels: Sequence[NDArray[np.int64]]) -> None:
        """Join pairs that look alike, unless what looks alike are the classes of an attribute."""
        alone = Joiner(self.count)
        alone.join(pairs, self.most_alike)
        if leaves_classes(alone.groups(), labels):
            self.apply(rule, how, pairs, self.most_alike)

    def share(self) -> float:
        """Tell what share of the items is in groups of two or more."""
        return float(np.mean(sizes(self.joiner.groups()) > 1))

    def largest(self) -> int:
        """Tell how many items the largest group has."""
        return int(sizes(self.joiner.groups()).max(initial=0))


def _names(grounds: Grounds) -> dict[str, Sequence[str]]:
    files = [name.rpartition(".")[0] or name for name in grounds.file_names]
    if not any(files):
        return {"ids": grounds.ids}
    return {"ids": grounds.ids} if files == list(grounds.ids) else {"ids": grounds.ids, "file names": files}


def _told(grounds: Grounds, looks: Looks, rules: _Rules) -> None:
    """Group by what fields and names say."""
    if (field := by_field(grounds.columns, grounds.attributes, looks)) is not None:
        rules.apply("field", field[1], pairs_of(field[0]), rules.most_told)
    for rule, names in _names(grounds).items():
        if (stem := by_stem(names, looks)) is not None:
            rules.apply(rule, stem[1], pairs_of(stem[0]), rules.most_told)


def _looked(grounds: Grounds, looks: Looks, around: Neighbourhoods, rules: _Rules) -> None:
    """Group by runs of numbers that look alike, and by looks alone."""
    scale = np.full(rules.count, np.nan, np.float32)
    seen = looks.row >= 0
    scale[seen] = around.scale[looks.row[seen]]
    for rule, names in _names(grounds).items():
        if (runs := by_sequence(names, looks, scale)) is not None:
            rules.apply_bounded("numbers", rule, runs, looks.labels)
    if level := nearer_than_chance(around):
        pairs = grounds.views.item[near_rows(around, level)].astype(np.int64)
        how = f"distance up to {level:.2f} of that of neighbour {around.rank}"
        rules.apply_bounded("looks", how, pairs, looks.labels)


def _measure(group: NDArray[np.int64]) -> tuple[int, int, int]:
    """Count the groups of two or more, their items, and those of the largest."""
    counts = np.unique(group, return_counts=True)[1]
    several = counts[counts > 1]
    return len(several), int(several.sum()), int(several.max(initial=0))


def _looks(grounds: Grounds) -> Looks:
    row = np.full(len(grounds.ids), -1)
    row[grounds.views.item[::-1]] = np.arange(len(grounds.views))[::-1]
    columns = (grounds.columns.get(name) for name in grounds.attributes)
    labels = [column.codes.astype(np.int64) for column in columns if isinstance(column, ClassColumn)]
    return Looks(grounds.views.fixed, row, labels)
