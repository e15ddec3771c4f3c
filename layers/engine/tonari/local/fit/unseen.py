"""What a fit is worth for classes that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tonari.local.fit.lda import measure_scatter, solve, usable_classes
from tonari.local.fit.measure import LEAST_GROUPS, compare, pool, unseen_metrics
from tonari.local.fit.projection import project, to_unit, weigh
from tonari.local.fit.split import deal_classes
from tonari.local.fit.trial import CLASS_FOLDS, LEAST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tonari.local.fit.choose import Parameters
    from tonari.local.fit.lda import Axes
    from tonari.local.fit.measure import Change, Metric, Parts
    from tonari.local.fit.sample import Sample


def ask_unseen(sample: Sample, parts: Parts, axes: Axes, parameters: Parameters, seed: int) -> list[Change]:
    """Leave each class of an attribute out of one of four fits, and ask that fit for the held-out views of it.

    The axes are those of the whole fit part; they know no labels.

    Returns
    -------
    Recall@1 and mAP@R of each attribute with :data:`LEAST_CLASSES` classes or more.
    """
    fit = sample.take(parts.known)
    rows = axes.along(fit.features)
    backbone = to_unit(sample.features)
    changes: list[Change] = []
    for name, codes in fit.labels.items():
        classes = usable_classes(codes, fit.item).tolist()
        before: list[list[Metric]] = []
        after: list[list[Metric]] = []
        for unseen in deal_classes(classes, CLASS_FOLDS, seed) if len(classes) >= LEAST_CLASSES else []:
            seen = np.flatnonzero(~np.isin(codes, unseen))
            vectors = _fit_to(fit.take(seen), rows[seen], axes, parameters, sample.features)
            if vectors is not None:
                before.append(unseen_metrics(backbone, name, sample, parts.held, unseen))
                after.append(unseen_metrics(vectors, name, sample, parts.held, unseen))
        changes += compare(_enough(before), _enough(after), seed)
    return changes


def _fit_to(
    seen: Sample, rows: NDArray[np.float64], axes: Axes, parameters: Parameters, features: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    scatter = measure_scatter(rows, seen.item, seen.labels, features.shape[1])
    if scatter.attributes is None and scatter.items is None:
        return None
    found = solve(rows, scatter, parameters.shrinkage, parameters.item_share)
    return project(axes, weigh(found, parameters.weights)).apply(features)


def _enough(folds: Sequence[Sequence[Metric]]) -> list[Metric]:
    return [metric for metric in pool(folds).values() if len(np.unique(metric.group)) >= LEAST_GROUPS]
