"""The head in closed form: shrunk discriminant directions, filled up by whitened components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.choose import Parameters, choose
from tonari_tools.fit.lda import Axes, measure_scatter, principal_axes, solve
from tonari_tools.fit.projection import Projection, project, weigh
from tonari_tools.fit.sample import Sample
from tonari_tools.fit.solution import Solution


def discriminate(fit: Sample, dimensions: Sequence[int], seed: int) -> Solution:
    """Choose by folds of the fit part, then solve; without labels and items of several views, principal components.

    Parameters
    ----------
    fit
        The fit part.
    dimensions
        Those that may be chosen, ascending; capped by the number of axes.
    """
    axes = principal_axes(fit.features)
    rows = axes.along(fit.features)
    reachable = sorted({min(size, rows.shape[1]) for size in dimensions})
    parameters = choose(fit, rows, reachable, seed)

    def refit(some: NDArray[np.int64]) -> Projection | None:
        return _solve(fit.take(some), rows[some], axes, parameters) if parameters else None

    found = _solve(fit, rows, axes, parameters) if parameters else None
    return Solution(found or project(axes, np.eye(rows.shape[1])[:, : reachable[-1]]), parameters, refit)


def _solve(taught: Sample, rows: NDArray[np.float64], axes: Axes, parameters: Parameters) -> Projection | None:
    scatter = measure_scatter(rows, taught.item, taught.labels, taught.features.shape[1])
    if scatter.attributes is None and scatter.items is None:
        return None
    found = solve(rows, scatter, parameters.shrinkage, parameters.item_share)
    return project(axes, weigh(found, parameters.weights))
