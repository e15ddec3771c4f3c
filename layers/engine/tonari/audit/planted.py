"""Errors planted among labels that are held out: what a wrong label would look like in this catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonari.audit.separation import Separation

SEED = 33
MOST_TRIED = 600
LEAST_TRIED = 100
MOST_SCORES = 1 << 21


class Planting:
    """Gives items whose label the discriminant confirms another label; the item is judged without it as it was before.

    There are two kinds of errors, for nobody knows which a catalogue has: any other class, and the class whose
    items are taken most often for that of the item. Of tags there is one kind: the tag is taken away.

    Parameters
    ----------
    items : (n,) int64
        All that can be judged. Up to 600 of them are tried.
    count
        ``C``.
    several
        The classes are tags.
    """

    def __init__(self, items: NDArray[np.int64], count: int, *, several: bool) -> None:
        self._several = several
        self._random = np.random.default_rng(SEED)
        most = int(np.clip(MOST_SCORES // max(count, 1), LEAST_TRIED, MOST_TRIED))
        self._tried = np.sort(self._random.permutation(items)[:most])
        self._found: list[tuple[int, int, NDArray[np.float32]]] = []

    def add(self, items: NDArray[np.int64], probabilities: NDArray[np.float64], confirmed: NDArray[np.bool_]) -> None:
        """Add items, (n,), with the probability of each class and whether it is a label that is confirmed, (n, C)."""
        for row in np.flatnonzero(np.isin(items, self._tried)).tolist():
            for code in np.flatnonzero(confirmed[row]).tolist():
                self._found.append((int(items[row]), code, probabilities[row].astype(np.float32)))

    def errors(self, separation: Separation) -> tuple[NDArray[np.float64], ...]:
        """Give item, code, planted label, probability and that of the planted label, (n, 5), for each kind."""
        if self._several:
            return (_table([(item, code, code, row[code], 0.0) for item, code, row in self._found]),)
        kinds: tuple[list[tuple[float, ...]], ...] = ([], [])
        for item, code, row in self._found:
            others = np.delete(np.arange(len(row)), code)
            if not len(others):
                continue
            any_other = int(self._random.choice(others))
            likeliest = separation.likeliest(code)
            for kind, label in zip(kinds, (any_other, any_other if likeliest is None else likeliest), strict=True):
                kind.append((item, code, label, row[code], row[label]))
        return tuple(_table(kind) for kind in kinds)


def _table(rows: list[tuple[float, ...]]) -> NDArray[np.float64]:
    return np.array(rows, np.float64).reshape(-1, 5)
