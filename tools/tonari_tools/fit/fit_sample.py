"""What a fit learns from: views with their features, items and labels; which of many are taken; their folds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.errors import TonariError


class FitRefusedError(TonariError):
    """The catalogue teaches no better metric: there is too little of it, or what was learned is worse."""

    slug = "fit-refused"
    title = "No better metric was learned"


MOST_VIEWS = 20_000
MOST_VIEWS_PER_ITEM = 12


@dataclass(frozen=True, slots=True)
class Sample:
    """N views of the catalogue.

    Parameters
    ----------
    features : (N, F) float64
        The backbone's embeddings, rows of length 1.
    item : (N,) int64
        The item of each view.
    group : (N,) int64
        Items of one group are held out together, and resampled together.
    labels : (N,) int64 each
        By attribute: the view's class, -1 where its item lacks the field.
    """

    features: NDArray[np.float64]
    item: NDArray[np.int64]
    group: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        """``N``."""
        return len(self.item)

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """Keep some of the views."""
        labels = {name: codes[rows] for name, codes in self.labels.items()}
        return Sample(self.features[rows], self.item[rows], self.group[rows], labels)


def choose_items(views: Sequence[int], strata: Sequence[Sequence[int]], limit: int, seed: int) -> list[int]:
    """Choose items so that rare classes are taken whole and frequent ones share what is left.

    The strata take turns; each gives its next item in random order, unless another stratum has given it already.

    Parameters
    ----------
    views
        Of each item how many views it has.
    strata
        Of each class of each attribute its items.
    limit
        How many views at most.

    Returns
    -------
    Items, ascending; all of them where their views are no more than ``limit``.
    """
    if sum(views) <= limit:
        return list(range(len(views)))
    random = np.random.default_rng(seed)
    known = {item for stratum in strata for item in stratum}
    unlabelled = [item for item in range(len(views)) if item not in known]
    queues = [deque(random.permutation(np.array(stratum)).tolist()) for stratum in (*strata, unlabelled) if stratum]
    chosen: set[int] = set()
    left = limit
    while queues:
        for queue in queues:
            item = _next(queue, chosen)
            if item is None:
                continue
            left -= views[item]
            if left < 0:
                return sorted(chosen)
            chosen.add(item)
        queues = [queue for queue in queues if queue]
    return sorted(chosen)


def _next(queue: deque[int], chosen: set[int]) -> int | None:
    while queue:
        item = queue.popleft()
        if item not in chosen:
            return item
    return None


def folds(group: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Deal groups out to ``count`` folds of like many groups.

    Returns
    -------
    (N,) int64
        The fold of each view; views of one group share it.
    """
    groups, codes = np.unique(group, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(groups)) % count
    return np.asarray(dealt[codes], np.int64)


def deal_classes(classes: Sequence[int], count: int, seed: int) -> list[list[int]]:
    """Deal the classes of an attribute out to ``count`` lists."""
    order = np.random.default_rng(seed).permutation(np.array(classes, np.int64)).tolist()
    return [sorted(order[start::count]) for start in range(count)]
