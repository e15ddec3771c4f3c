"""How near a shrunk encoder's embeddings are to the original's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.encoders.image import Encoder


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines between two embeddings of one photograph, over several.

    Parameters
    ----------
    mean, p1, least
        ``p1``: one in a hundred is below.
    photographs
        How many.
    """

    mean: float
    p1: float
    least: float
    photographs: int


def measure_agreement(original: Encoder, shrunk: Encoder, views: Iterable[NDArray[np.generic]]) -> Agreement:
    """Encode each view by both; without views the agreement is 0.

    Raises
    ------
    InvalidEncoderError
        If one of them fails on a view.
    """
    cosines = [_cosine(original, shrunk, view) for view in views]
    if not cosines:
        return Agreement(0, 0, 0, 0)
    mean, p1, least = np.mean(cosines), np.quantile(cosines, 0.01), np.min(cosines)
    return Agreement(float(mean), float(p1), float(least), len(cosines))


def _cosine(original: Encoder, shrunk: Encoder, view: NDArray[np.generic]) -> float:
    first, second = (encoder.embed([view])[0].astype(np.float64) for encoder in (original, shrunk))
    return float(first @ second / np.sqrt(first @ first * (second @ second)))
