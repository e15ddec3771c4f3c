"""How worth looking at suspects are, and how many: both by comparison with planted errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_PLANTED = 20
"""Of fewer planted errors that are noticed, nothing can be said."""
LEAST_REACHED = 0.25
"""Share of the planted errors above the highest level at which suspects are counted: above it there are too few."""
LEVELS = 16
ERRORS = 2.0


def weakest(signs: NDArray[np.float64], planted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Judge suspects by their weakest sign: what share of the planted errors show it no more strongly.

    So no sign needs a scale or a weight, and one strong sign does not make up for another that is missing.

    Parameters
    ----------
    signs : (n, S) float64
        Of suspects; the greater, the more surely the label is wrong.
    planted : (p, S) float64
        Of planted errors, at least one.

    Returns
    -------
    (n,) float64
        0 to 1.
    """
    shares = [
        np.searchsorted(np.sort(known), sign, side="right") for sign, known in zip(signs.T, planted.T, strict=True)
    ]
    return np.asarray(np.min(shares, axis=0) / len(planted), np.float64)


def count_worth(suspects: NDArray[np.float64], planted: Sequence[NDArray[np.float64]]) -> int:
    """Tell how many suspects to list: as long as the next is rather wrong than right.

    Suspects are wrong labels, which are distributed as planted errors are, and right ones, which are not. There are no
    more wrong ones in all than what explains the suspects above each level, by two standard errors; the least of these
    bounds counts [the two groups of Efron, Large-Scale Inference, 2010, chapter 5]. The list ends where wrong labels
    expected less right ones expected is greatest. Of several kinds of errors, that one counts which explains more.

    Parameters
    ----------
    suspects : (n,) float64
        Their worth.
    planted
        Likewise of planted errors, by kind.
    """
    descending = np.sort(suspects)[::-1]
    wrong = np.zeros(len(suspects) + 1)
    for kind in planted:
        if len(kind) < LEAST_PLANTED:
            continue
        ascending = np.sort(kind)
        reached = np.linspace(LEAST_REACHED, 1, LEVELS)
        above = np.searchsorted(-descending, -np.quantile(ascending, 1 - reached), side="right")
        total = np.min((above + 1 + ERRORS * np.sqrt(above + 1)) / reached)
        share = 1 - np.searchsorted(ascending, descending) / len(ascending)
        wrong[1:] = np.maximum(wrong[1:], total * share)
    return int(np.argmax(wrong - np.arange(len(wrong)) / 2))
