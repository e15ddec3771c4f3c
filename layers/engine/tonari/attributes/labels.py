"""Which items have which classes of an attribute, and a sample of them that is balanced over classes and groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import ClassColumn, Column, ListColumn
from tonari.index.vectors import from_fixed

LEAST_SAMPLED = 20
MOST_VIEWS = 20_000
BLOCK = 8192
SEED = 20


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes of items: one each, or several (tags).

    Parameters
    ----------
    items, codes : (M,) int64
        Pairs: this item has this class.
    classes
        ``C`` values.
    several
        Whether an item may have more than one.
    """

    items: NDArray[np.int64]
    codes: NDArray[np.int64]
    classes: tuple[Any, ...]
    several: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """Labelled views that were not sampled; their embeddings are read where they lie, in blocks.

    Parameters
    ----------
    fixed : (N, D) int16
        Embeddings of all views.
    rows : (n,) int64
        Which of them these are.
    weight, teaching, belongs, item, part
        As of :class:`Sample`, (n,) or (n, C).
    """

    fixed: NDArray[np.int16]
    rows: NDArray[np.int64]
    weight: NDArray[np.float64]
    teaching: NDArray[np.float64]
    belongs: NDArray[np.bool_]
    item: NDArray[np.int64]
    part: NDArray[np.int64]

    def __len__(self) -> int:
        """``n``."""
        return len(self.rows)

    def blocks(self, among: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Give some of the views, numbered 0 to n-1, 8,192 at a time: their numbers and (m, D) float32 embeddings."""
        for start in range(0, len(among), BLOCK):
            block = among[start : start + BLOCK]
            yield block, from_fixed(self.fixed[self.rows[block]])


@dataclass(frozen=True, slots=True)
class Sample:
    """Views of sampled items, as the fit takes them.

    Parameters
    ----------
    features : (N, D) float32
    weight : (N,) float64
        One over the views of the item: an item counts once, however many views it has.
    teaching : (N,) float64
        What it counts for means and covariance: ``n`` items of one class and group count ``√n`` together, so that many
        near-copies do not drown a class.
    belongs : (N, C) bool
    importance : (N,) float64
        How many items of the catalogue a view speaks for: large classes are sampled more thinly.
    group : (N,) int64
        Views of one group are never on both sides of a split.
    item : (N,) int64
    part : (N,) int64
        Of :func:`tonari.catalogue.holdout.thirtieths`.
    rest
        What else is labelled; None if the sample is all of it. The classes' means and covariance take it too.
    """

    features: NDArray[np.float32]
    weight: NDArray[np.float64]
    teaching: NDArray[np.float64]
    belongs: NDArray[np.bool_]
    importance: NDArray[np.float64]
    group: NDArray[np.int64]
    item: NDArray[np.int64]
    part: NDArray[np.int64]
    rest: Rest | None = None

    def __len__(self) -> int:
        """``N``."""
        return len(self.weight)

    def take(self, rows: NDArray[np.bool_]) -> Sample:
        """Keep some of the views, and no rest."""
        return Sample(*(getattr(self, name)[rows] for name in self.__slots__ if name != "rest"))


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the items of a catalogue are parted.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's group: items of one group are never held out without the others.
    part : (I,) int64
        Tenth that the group belongs to.
    """

    group: NDArray[np.int64]
    part: NDArray[np.int64]


def labels_of(column: Column) -> Labels | None:
    """Read a column's classes; None if it has numbers."""
    match column:
        case ClassColumn(codes, classes):
            items = np.flatnonzero(codes >= 0)
            return Labels(items, codes[items].astype(np.int64), classes, several=False)
        case ListColumn(codes, items, classes, _):
            pairs = np.unique(np.stack([items, codes]).astype(np.int64), axis=1)
            return Labels(pairs[0], pairs[1], classes, several=True)
        case _:
            return None


def draw(labels: Labels, item: NDArray[np.int32], fixed: NDArray[np.int16], grouping: Grouping) -> Sample:
    """Sample about 20,000 views, as evenly over the classes, and in each over its groups, as can be; always the same.

    What small classes leave is dealt to the larger ones. Of each class at least 20 items are taken, even if that comes
    to more views. The views that are not sampled are the rest. Items without a view, or without the attribute, are left
    out.

    Parameters
    ----------
    item : (N,) int32
        The item of each view.
    fixed : (N, D) int16
        Embeddings, as :func:`tonari.index.vectors.to_fixed` gives them.
    """
    views = np.bincount(item, minlength=len(grouping.group))
    seen = views[labels.items] > 0
    items, codes = labels.items[seen], labels.codes[seen]
    count = len(labels.classes)
    mean_views = float(views[items].mean()) if len(items) else 1.0
    most = max(level(np.bincount(codes, minlength=count), MOST_VIEWS / mean_views), LEAST_SAMPLED)
    random = np.random.default_rng(SEED)
    chosen = np.zeros(len(views), np.bool_)
    thinned = np.ones(count)
    for code in range(count):
        members = items[codes == code]
        picked = even(members, grouping.group[members], most, random)
        chosen[picked] = True
        thinned[code] = len(members) / max(len(picked), 1)
    labelled = np.zeros(len(views), np.bool_)
    labelled[items] = True
    belongs = np.zeros((len(views), count), np.bool_)
    belongs[items, codes] = True
    importance = np.ones(len(views))
    if not labels.several:
        importance[items] = thinned[codes]
    weight = 1 / np.maximum(views, 1)
    teaching = weight.copy()
    teaching[items] /= np.sqrt(alike(codes * (not labels.several), grouping.group[items], items))
    rows = np.flatnonzero(chosen[item])
    of = item[rows].astype(np.int64)
    left = np.flatnonzero((labelled & ~chosen)[item])
    beyond = item[left].astype(np.int64)
    return Sample(
        features=from_fixed(fixed[rows]),
        weight=weight[of],
        teaching=teaching[of],
        belongs=belongs[of],
        importance=importance[of],
        group=grouping.group[of],
        item=of,
        part=grouping.part[of],
        rest=Rest(fixed, left, weight[beyond], teaching[beyond], belongs[beyond], beyond, grouping.part[beyond])
        if len(left)
        else None,
    )


def alike(codes: NDArray[np.int64], group: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count for each pair of an item and a code the items of the same code and group; all (M,)."""
    of_each = np.unique(np.stack([codes, group, items]), axis=1)
    kinds, count = np.unique(of_each[:2], axis=1, return_counts=True)
    wide = np.int64(kinds[1].max(initial=0)) + 1
    return np.asarray(count[np.searchsorted(kinds[0] * wide + kinds[1], codes * wide + group)])


def level(sizes: NDArray[np.int64], budget: float) -> int:
    """Find the largest number such that as many of each class, or all it has, come to at most the budget.

    As water that is poured into vessels of these sizes stands equally high in all that are not full.
    """
    ascending = np.sort(sizes)
    filled = np.concatenate([[0], np.cumsum(ascending)[:-1]])
    heights = (budget - filled) / np.arange(len(sizes), 0, -1)
    higher = np.flatnonzero(heights < ascending)
    return int(heights[higher[0]]) if len(higher) else int(sizes.max(initial=0))


def even(
    members: NDArray[np.int64], group: NDArray[np.int64], most: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Choose members by going round the groups, one of each at a time, in random order."""
    if len(members) <= most:
        return members
    shuffled = random.permutation(len(members))
    by_group = shuffled[np.argsort(group[shuffled], kind="stable")]
    sizes = np.unique(group[by_group], return_counts=True)[1]
    turn = np.arange(len(by_group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = np.lexsort((random.random(len(by_group)), turn))
    return np.sort(members[by_group[order[:most]]])
