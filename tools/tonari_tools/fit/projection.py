"""The linear map that a fit gives, as the graph stores it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.lda import Axes, Directions

LEAST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Projection:
    """``l2(embedding @ matrix + offset)``.

    Parameters
    ----------
    matrix : (F, D) float16
    offset : (D,) float32
    """

    matrix: NDArray[np.float16]
    offset: NDArray[np.float32]

    @property
    def dimensions(self) -> int:
        """``D``."""
        return int(self.matrix.shape[1])

    def apply(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Project embeddings of length 1.

        Parameters
        ----------
        embeddings : (N, F)

        Returns
        -------
        (N, D) float32, rows of length 1
        """
        return to_unit(embeddings.astype(np.float64) @ self.matrix.astype(np.float64) + self.offset)


@dataclass(frozen=True, slots=True, order=True)
class Weights:
    """How much each direction counts.

    Parameters
    ----------
    fill
        Weight of the filling directions.
    attributes
        Weight of the directions of each attribute, by name.
    dimensions
        How many directions there are.
    """

    fill: float
    attributes: tuple[tuple[str, float], ...]
    dimensions: int


def to_unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give rows ``(N, D)`` length 1; rows of zeros stay."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def weigh(directions: Directions, weights: Weights) -> NDArray[np.float64]:
    """Lay the attributes' directions and the filling ones side by side, each times its weight.

    The attributes' directions are first made orthonormal with the least change to each [Löwdin, J. Chem. Phys. 18
    (1950) 365], so that equal weights treat all that tells classes apart alike. Then they are turned so that the first
    columns tell most: those stay where there are more than ``dimensions``.

    Returns
    -------
    (R, d) float64
        ``d`` is ``dimensions``, or fewer where there are not as many directions.
    """
    chosen = dict(weights.attributes)
    names = [name for name, columns in directions.attributes.items() for _ in columns.T]
    together = np.hstack([np.empty((len(directions.whiten), 0)), *directions.attributes.values()])
    axes, shares, turn = np.linalg.svd(together, full_matrices=False)
    own = axes[:, shares > LEAST_SHARE] @ turn[shares > LEAST_SHARE]
    telling = own * np.array([chosen[name] for name in names])
    _, strength, turn = np.linalg.svd(directions.between @ telling, full_matrices=False)
    kept = (telling @ turn[strength > LEAST_SHARE * strength.max(initial=0)].T)[:, : weights.dimensions]
    filling = weights.fill * directions.filling[:, : weights.dimensions - kept.shape[1]]
    return np.asarray(directions.whiten @ np.hstack([kept, filling]))


def project(axes: Axes, weighed: NDArray[np.float64]) -> Projection:
    """Make the map from features to the weighed directions ``(R, D)`` of their axes.

    The scale does not matter, for the result is given length 1: the largest entry becomes 1, which float16 holds well.
    The offset is computed from the rounded matrix, so that the mean of the features still goes to the origin.
    """
    matrix = axes.directions @ weighed
    rounded = (matrix / np.abs(matrix).max()).astype(np.float16)
    return Projection(rounded, (-axes.mean @ rounded.astype(np.float64)).astype(np.float32))
