"""How well the discriminant tells classes apart, counted on items that it has not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonari.audit.classifiers import LEAST_SURE

EXPECTED_WRONG = 0.05
"""Share of labels whose being wrong is not held against the pair of classes that they are wrong between."""


class Separation:
    """Counts, over all items, which of each two classes an item's own score prefers.

    Parameters
    ----------
    count
        ``C``.
    several
        The classes are tags: each is told from its absence.
    """

    def __init__(self, count: int, *, several: bool) -> None:
        self._several = several
        self._lost = np.zeros((count, count))
        self._having = np.zeros(count)
        self._lacking = np.zeros(count)
        self._lost_lacking = np.zeros(count)

    def add(self, probabilities: NDArray[np.float64], row: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
        """Add items by their probabilities, (n, C); those in ``row`` have ``codes``."""
        np.add.at(self._having, codes, 1)
        if not self._several:
            beaten = probabilities[row] > probabilities[row, codes][:, None]
            np.add.at(self._lost, codes, beaten)
            return
        has = np.zeros(probabilities.shape, np.bool_)
        has[row, codes] = True
        said = probabilities >= LEAST_SURE
        np.add.at(self._lost, (codes, codes), ~said[row, codes])
        self._lacking += (~has).sum(axis=0)
        self._lost_lacking += (said & ~has).sum(axis=0)

    def likeliest(self, code: int) -> int | None:
        """Name the class whose items are taken for this one most often; None if none ever are. Not for tags."""
        lost = self._lost[:, code].copy()
        lost[code] = 0
        return int(lost.argmax()) if lost.any() else None

    def apart(self, label: NDArray[np.int64], code: NDArray[np.int64]) -> NDArray[np.float64]:
        """Tell for pairs of classes how well they are told apart: 0 by chance, 1 always.

        Twice the mean of both recalls less one, a twentieth of wrong labels forgiven.
        """
        if self._several:
            missed = self._lost[code, code] / np.maximum(self._having[code], 1)
            made_up = np.where(
                self._lacking[code] > 0, self._lost_lacking[code] / np.maximum(self._lacking[code], 1), 1.0
            )
        else:
            missed = self._lost[label, code] / np.maximum(self._having[label], 1)
            made_up = self._lost[code, label] / np.maximum(self._having[code], 1)
        right = 1 - (missed + made_up) / 2 + EXPECTED_WRONG
        return np.asarray(np.clip(2 * right - 1, 0, 1))
