"""A sample of the catalogue -> the metric, and what it is worth on items that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.choose import DIMENSIONS, Parameters
from tonari_tools.fit.discriminant import discriminate
from tonari_tools.fit.measure import LEAST_GROUPS, Change, Parts, compare, enough, measure
from tonari_tools.fit.projection import Projection, to_unit
from tonari_tools.fit.refusal import FitRefusedError
from tonari_tools.fit.sample import Sample
from tonari_tools.fit.unseen import ask_unseen

LEAST_ITEMS = 40
LEAST_SPREAD = 1e-6
KEPT = 10


@dataclass(frozen=True, slots=True)
class Learned:
    """What a fit gives.

    Parameters
    ----------
    projection
        Fitted on the fit part alone: the figures are those of this very map.
    parameters
        None if there was nothing to choose by: plain principal components.
    changes
        On held-out items.
    unseen
        The same on held-out items of classes that a fit for this purpose had not seen.
    kept
        Share of a held-out view's ten nearest neighbours that are the backbone's.
    seconds
        That choosing, fitting and measuring took.
    """

    projection: Projection
    parameters: Parameters | None
    changes: tuple[Change, ...]
    unseen: tuple[Change, ...]
    kept: float
    seconds: float


def learn(
    sample: Sample,
    held_out: NDArray[np.bool_],
    dimensions: Sequence[int] = DIMENSIONS,
    seed: int = 0,
) -> Learned:
    """Choose and fit on the fit part, measure on the held-out part.

    Parameters
    ----------
    held_out : (N,) bool
        Whole groups of views.
    dimensions
        Those that may be chosen, ascending.

    Raises
    ------
    FitRefusedError
        If there are too few items or groups, or all features are the same, or nothing can be learned from them.
    """
    started = time.monotonic()
    parts = Parts(np.flatnonzero(~held_out), np.flatnonzero(held_out))
    _check_size(sample, parts)
    fit = sample.take(parts.known)
    if np.ptp(fit.features, axis=0).max() < LEAST_SPREAD:
        raise FitRefusedError("All views have the same embedding: check the encoder with `tonari encoder check`.")
    found = discriminate(fit, dimensions, seed)
    projection = found.projection
    before, after = to_unit(sample.features), projection.apply(sample.features)
    old, new = (enough(measure(vectors, sample, parts, seed)) for vectors in (before, after))
    changes = compare(old, new, seed)
    unseen = ask_unseen(sample, parts, found, seed)
    kept = neighbours_kept(before[parts.held], after[parts.held])
    return Learned(projection, found.parameters, tuple(changes), tuple(unseen), kept, time.monotonic() - started)


def _check_size(sample: Sample, parts: Parts) -> None:
    items = len(np.unique(sample.item))
    if items < LEAST_ITEMS:
        raise FitRefusedError(
            f"The catalogue has {items} items with usable views, at least {LEAST_ITEMS} are needed to learn a metric: "
            "use the encoder as it is, or push more items."
        )
    for name, rows in (("fit", parts.known), ("held-out", parts.held)):
        groups = len(np.unique(sample.group[rows]))
        if groups < LEAST_GROUPS:
            raise FitRefusedError(
                f"The {name} part has {groups} groups of items, at least {LEAST_GROUPS} are needed: push more items, "
                "or let split_by in schema.json name a field with more values."
            )


def neighbours_kept(before: NDArray[np.float32], after: NDArray[np.float32], most: int = 500) -> float:
    """Share of a view's ten nearest that two embeddings have in common, the mean over at most ``most`` views."""
    count = min(KEPT, len(before) - 1)
    shared = []
    for row in range(0, len(before), -(-len(before) // most)):
        nearest = []
        for vectors in (before, after):
            likeness = vectors @ vectors[row]
            likeness[row] = -np.inf
            nearest.append(set(np.argpartition(-likeness, count - 1)[:count].tolist()))
        shared.append(len(nearest[0] & nearest[1]) / count)
    return float(np.mean(shared))
