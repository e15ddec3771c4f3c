"""Whether items that a name or a field puts together are more alike than others of the same class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.grouping.joining import sizes
from tonari.index.vectors import from_fixed

SEED = 31
ASKED = 2000
OTHERS = 20
ERRORS = 2.0
NEARER = 0.7
"""Mates must be nearer than this share of the others of their class, by two standard errors: for others it is 0.5."""
LEAST_ASKED = 10
LEAST_GROUPS = 10
CLASSES_TIMES = 1.5
LEAST_JOINED = 0.02
MOST_SHARE = 0.1
LEAST_LARGEST = 12
LEAST_CLASS = 10
MOST_OF_CLASS = 0.5


@dataclass(frozen=True, slots=True)
class Looks:
    """One embedding of each item, and its classes.

    Parameters
    ----------
    fixed : (N, D) int16
    row : (I,) int64
        A view of each item, -1 where it has none.
    labels
        By attribute: class of each item, (I,), -1 where it has none.
    """

    fixed: NDArray[np.int16]
    row: NDArray[np.int64]
    labels: Sequence[NDArray[np.int64]]

    def cosine(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of pairs of items, (n,) each."""
        found = np.empty(len(one), np.float32)
        for start in range(0, len(one), ASKED):
            left, right = (self.fixed[self.row[of[start : start + ASKED]]] for of in (one, other))
            found[start : start + ASKED] = np.einsum("ij,ij->i", from_fixed(left), from_fixed(right))
        return found


def is_bounded(group: NDArray[np.int64], labels: Sequence[NDArray[np.int64]]) -> bool:
    """Tell whether a partition of I items joins some, and neither most of them into few groups nor whole classes."""
    size = sizes(group)
    joined = np.count_nonzero(size > 1)
    return bool(
        joined >= max(LEAST_ASKED, LEAST_JOINED * len(group))
        and size.max(initial=0) <= max(LEAST_LARGEST, MOST_SHARE * len(group))
        and leaves_classes(group, labels)
    )


def leaves_classes(group: NDArray[np.int64], labels: Sequence[NDArray[np.int64]]) -> bool:
    """Tell whether half as many groups again as classes remain: with fewer, a class would be held out whole."""
    classes = max((len(np.unique(of[of >= 0])) for of in labels), default=0)
    return len(np.unique(group)) >= max(LEAST_GROUPS, CLASSES_TIMES * classes)


def without_classes(
    finer: NDArray[np.int64], group: NDArray[np.int64], labels: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Take apart the groups that hold more than half of a class, and little else: ``t-shirt-004`` names a class.

    Held out together, such items could never be predicted, and their errors would be blamed on the classifier. Classes
    of fewer than ten items are left alone: they may be one product.

    Parameters
    ----------
    finer, group : (I,) int64
        The number of each item's group. Groups that are taken apart become those of ``finer``.

    Returns
    -------
    (I,) int64
    """
    _, which, size = np.unique(group, return_inverse=True, return_counts=True)
    swallows = np.zeros(len(size), np.bool_)
    for label in labels:
        known = np.flatnonzero(label >= 0)
        total = np.bincount(label[known], minlength=1)
        (of, kind), both = np.unique(np.stack([which[known], label[known]]), axis=1, return_counts=True)
        whole = (total[kind] >= LEAST_CLASS) & (both > MOST_OF_CLASS * total[kind]) & (both > MOST_OF_CLASS * size[of])
        swallows[of[whole]] = True
    return np.where(swallows[which], group.max(initial=0) + 1 + finer, group)


def are_mates(looks: Looks, finer: NDArray[np.int64], coarser: NDArray[np.int64]) -> bool | None:
    """Judge whether items that only the coarser of two partitions joins belong together; None where too few say.

    Each is asked about one such mate: is it nearer than others that have the item's class, but are no mates? That is a
    share of 0.5 where the partition means nothing beyond the class, whatever the encoder; the attribute by which it is
    least decides.

    Parameters
    ----------
    finer, coarser : (I,) int64
        The number of each item's group.
    """
    random = np.random.default_rng(SEED)
    order = np.lexsort((finer, coarser))
    begin = np.flatnonzero(np.diff(coarser[order], prepend=-1))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    which = np.searchsorted(begin, place, side="right") - 1
    first, last = begin[which], np.append(begin, len(order))[which + 1]
    able = np.flatnonzero((last - first > 1) & (looks.row >= 0))
    asked = able[np.sort(random.permutation(len(able))[: 4 * ASKED])]
    mate = order[first[asked] + (random.random(len(asked)) * (last - first)[asked]).astype(np.int64)]
    good = (finer[mate] != finer[asked]) & (mate != asked) & (looks.row[mate] >= 0)
    asked, mate = asked[good][:ASKED], mate[good][:ASKED]
    if len(asked) < LEAST_ASKED:
        return None
    cosine = looks.cosine(asked, mate)
    worst: bool | None = None
    for label in looks.labels or (np.zeros(len(coarser), np.int64),):
        share = _nearer(looks, asked, cosine, coarser, label, random)
        if len(share) >= LEAST_ASKED:
            least = float(share.mean() - ERRORS * share.std() / np.sqrt(len(share)))
            worst = least >= NEARER and worst is not False
    return worst


def _nearer(
    looks: Looks,
    asked: NDArray[np.int64],
    cosine: NDArray[np.float32],
    group: NDArray[np.int64],
    label: NDArray[np.int64],
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Tell the share of the others of the class that are farther away than the mate, for those who have others."""
    order = np.argsort(label, kind="stable")
    begin, end = np.searchsorted(label[order], label[asked]), np.searchsorted(label[order], label[asked], side="right")
    won, counted = np.zeros(len(asked)), np.zeros(len(asked))
    for _ in range(OTHERS):
        other = order[begin + (random.random(len(asked)) * (end - begin)).astype(np.int64)]
        good = np.flatnonzero((group[other] != group[asked]) & (label[asked] >= 0) & (looks.row[other] >= 0))
        against = looks.cosine(asked[good], other[good])
        won[good] += (cosine[good] > against) + 0.5 * (cosine[good] == against)
        counted[good] += 1
    some = counted > 0
    return np.asarray(won[some] / counted[some])
