"""The fit part in folds, of groups and of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
