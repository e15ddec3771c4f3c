"""Which of the nearest items make an answer: at most so many of a group, and varied among themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_VARIED = 50
VARIED_PER_ITEM = 5


class Groups:
    """Counts items by group, and lets at most so many of each pass; an item of no group (None) always passes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count: Counter[Hashable] = Counter()
        self._filled: list[Any] = []

    def admit(self, value: Any) -> bool:
        """Tell whether an item of a group passes, and count it if it does."""
        if value is None:
            return True
        if self._count[value] == self._most:
            return False
        self._count[value] += 1
        if self._count[value] == self._most:
            self._filled.append(value)
        return True

    def take_filled(self) -> tuple[Any, ...]:
        """Give the groups that were filled since this was last asked."""
        filled, self._filled = tuple(self._filled), []
        return filled


def varied_candidates(k: int) -> int:
    """Choose among how many of the nearest items a varied answer is looked for."""
    return max(LEAST_VARIED, VARIED_PER_ITEM * k)


def vary(scores: NDArray[np.floating], embeddings: NDArray[np.floating], k: int, diversity: float) -> NDArray[np.int64]:
    """Choose by maximal marginal relevance [Carbonell and Goldstein, SIGIR 1998].

    Each time the candidate is taken for which ``(1 - diversity) * score - diversity * s`` is highest, ``s`` being its
    similarity to the most similar one taken so far, 0 at first. The first of equals is taken.

    Parameters
    ----------
    scores : (n,)
        Similarity to the query, best first.
    embeddings : (n, D), rows of length 1
    diversity
        From 0, the nearest, to 1, the nearest and then whatever is unlike it.

    Returns
    -------
    (min(k, n),) int64
        Positions, in the order in which they were taken.
    """
    relevance = (1 - diversity) * scores.astype(np.float64)
    wide = embeddings.astype(np.float32)
    taken = np.empty(min(k, len(scores)), np.int64)
    likeness = np.full(len(scores), -np.inf)
    for place in range(len(taken)):
        worth = relevance - diversity * (likeness if place else 0)
        worth[taken[:place]] = -np.inf
        taken[place] = np.argmax(worth)
        np.maximum(likeness, wide @ wide[taken[place]], out=likeness)
    return taken
