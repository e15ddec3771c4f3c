"""Which items have which classes of an attribute, and a sample of them that is balanced over classes and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import ClassColumn, Column, ListColumn
from tonari.index.vectors import from_fixed

SAMPLED_ITEMS = 1000
LEAST_SAMPLED = 20
MOST_VIEWS = 20_000
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
class Sample:
    """Views of sampled items, as the fit takes them.

    Parameters
    ----------
    features : (N, D) float32
    weight : (N,) float64
        One over the views of the item: an item counts once, however many views it has.
    belongs : (N, C) bool
    importance : (N,) float64
        How many items of the catalogue a view speaks for: large classes are sampled more thinly.
    group : (N,) int64
        Views of one group are never on both sides of a split.
    item : (N,) int64
    part : (N,) int64
        Of :func:`tonari.catalogue.holdout.tenths`.
    """

    features: NDArray[np.float32]
    weight: NDArray[np.float64]
    belongs: NDArray[np.bool_]
    importance: NDArray[np.float64]
    group: NDArray[np.int64]
    item: NDArray[np.int64]
    part: NDArray[np.int64]

    def __len__(self) -> int:
        """``N``."""
        return len(self.weight)

    def take(self, rows: NDArray[np.bool_]) -> Sample:
        """Keep some of the views."""
        return Sample(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the items of a catalogue are parted.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's ``split_by`` value.
    part : (I,) int64
        Tenth of that value.
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
    """Sample up to 1,000 items of each class, as evenly over its groups as can be, always the same ones.

    Where there are so many classes that more than 20,000 views would come together, fewer of each are taken, at least
    20. Items without a view, or without the attribute, are left out.

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
    mean_views = views[items].mean() if len(items) else 1
    most = int(np.clip(MOST_VIEWS / (mean_views * max(count, 1)), LEAST_SAMPLED, SAMPLED_ITEMS))
    random = np.random.default_rng(SEED)
    chosen = np.zeros(len(views), np.bool_)
    thinned = np.ones(count)
    for code in range(count):
        members = items[codes == code]
        picked = even(members, grouping.group[members], most, random)
        chosen[picked] = True
        thinned[code] = len(members) / max(len(picked), 1)
    belongs = np.zeros((len(views), count), np.bool_)
    belongs[items, codes] = True
    importance = np.ones(len(views))
    if not labels.several:
        importance[items] = thinned[codes]
    rows = np.flatnonzero(chosen[item])
    of = item[rows].astype(np.int64)
    return Sample(
        features=from_fixed(fixed[rows]),
        weight=1 / views[of],
        belongs=belongs[of],
        importance=importance[of],
        group=grouping.group[of],
        item=of,
        part=grouping.part[of],
    )


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
