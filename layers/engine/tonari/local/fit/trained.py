"""The head by gradient descent: a linear map that a loss shapes, begun at the principal components. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tonari.local.fit.choose import TOLERANCE
from tonari.local.fit.lda import axes_about_origin, usable_classes
from tonari.local.fit.losses import ArcFace, SupCon
from tonari.local.fit.measure import Parts, enough, measure, pool, score, unseen_metrics
from tonari.local.fit.projection import to_unit
from tonari.local.fit.refusal import FitRefusedError
from tonari.local.fit.solution import Solution
from tonari.local.fit.split import deal_classes, folds
from tonari.local.fit.training import Training, find_tasks, train
from tonari.local.fit.trial import CLASS_FOLDS, LEAST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tonari.local.fit.measure import Metric
    from tonari.local.fit.projection import Projection
    from tonari.local.fit.sample import Sample
    from tonari.local.fit.solution import Teach
    from tonari.local.fit.training import MakeLoss

MARKS = (10, 25, 50, 100, 200, 400, 800)
"""Numbers of steps that may be chosen."""
PATIENCE = 2
"""After so many of them without a better score the rest is not tried."""
INNER_FOLDS = 3
LOSSES: Mapping[str, MakeLoss] = {"supcon": SupCon, "arcface": ArcFace}


def teacher(loss: str) -> Teach:
    """Give the way to a head by one of :data:`LOSSES`."""
    return partial(teach, loss, LOSSES[loss])


def teach(name: str, make: MakeLoss, fit: Sample, dimensions: Sequence[int], seed: int) -> Solution:
    """Choose steps and dimensions on an inner split of the fit part, then train on all of it.

    Parameters
    ----------
    name
        Of the loss.
    fit
        The fit part.
    dimensions
        Those that may be chosen, ascending; capped by the number of axes.
    seed
        Draws batches, proxies and the inner split; on one machine the same gives the same map.

    Raises
    ------
    FitRefusedError
        If labels and items teach nothing, or there are too few groups to choose by.
    """
    if not find_tasks(fit).shape[1]:
        raise FitRefusedError(
            f"Neither a class of two items nor an item of two views: {name} has nothing to learn from. Use --head lda, "
            "which then gives principal components alone."
        )
    axes = axes_about_origin(fit.features)
    reachable = sorted({min(size, axes.directions.shape[1]) for size in dimensions})
    training = _choose(name, make, fit, reachable, seed)

    def head(taught: Sample) -> Projection:
        ((_, projection),) = train(make, taught, axes, training.dimensions, (training.steps,), seed)
        return projection

    def refit(some: NDArray[np.int64]) -> Projection | None:
        taught = fit.take(some)
        return head(taught) if find_tasks(taught).shape[1] else None

    return Solution(head(fit), training, refit)


@dataclass(frozen=True, slots=True)
class _Inner:
    """An inner split of the fit part, and of its known rows those that lack a quarter of each attribute's classes.

    Without the latter a training that tells the fit's own classes apart at the cost of all others would win.
    """

    fit: Sample
    parts: Parts
    seen: NDArray[np.int64]
    unseen: Mapping[str, list[int]]

    def measure(
        self, whole: NDArray[np.float32], lacking: NDArray[np.float32], seed: int
    ) -> Mapping[tuple[str, str], Metric]:
        """Measure what all known rows taught, and on the classes that the others lack what those taught.

        Nothing if there are too few groups for any metric of the former.
        """
        metrics = enough(measure(whole, self.fit, self.parts, seed))
        for name, classes in self.unseen.items() if metrics else ():
            metrics += unseen_metrics(lacking, name, self.fit, self.parts.held, classes)
        return pool([metrics])

    def train(
        self, make: MakeLoss, size: int, seed: int
    ) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
        """Train on all known rows and on those that lack classes; give what :meth:`measure` takes at each mark."""
        known = self.fit.take(self.parts.known)
        axes = axes_about_origin(known.features)
        trainings = [train(make, known, axes, size, MARKS, seed)]
        if self.unseen:
            trainings.append(train(make, self.fit.take(self.seen), axes, size, MARKS, seed))
        for found in zip(*trainings, strict=True):
            vectors = [projection.apply(self.fit.features) for _, projection in found]
            yield found[0][0], vectors[0], vectors[-1]


def _split(fit: Sample, seed: int) -> _Inner:
    dealt = folds(fit.group, INNER_FOLDS, seed)
    parts = Parts(np.flatnonzero(dealt != 0), np.flatnonzero(dealt == 0))
    unseen, seen = {}, parts.known
    for name, codes in fit.labels.items():
        classes = usable_classes(codes[parts.known], fit.item[parts.known]).tolist()
        if len(classes) >= LEAST_CLASSES:
            unseen[name] = deal_classes(classes, CLASS_FOLDS, seed)[0]
            seen = seen[~np.isin(codes[seen], unseen[name])]
    return _Inner(fit, parts, seen, unseen if find_tasks(fit.take(seen)).shape[1] else {})


def _choose(name: str, make: MakeLoss, fit: Sample, dimensions: Sequence[int], seed: int) -> Training:
    inner = _split(fit, seed)
    backbone = to_unit(fit.features)
    before = inner.measure(backbone, backbone, seed)
    if not before or not find_tasks(fit.take(inner.parts.known)).shape[1]:
        raise FitRefusedError(
            f"The fit part is too small for steps and dimensions of {name} to be chosen within it: push more items, or "
            "use --head lda."
        )
    scores = {}
    for size in dimensions:
        best, waited = -np.inf, 0
        for steps, whole, lacking in inner.train(make, size, seed):
            found = scores[Training(name, size, steps)] = score(before, inner.measure(whole, lacking, seed))
            best, waited = (found, 0) if found > best else (best, waited + 1)
            if waited == PATIENCE:
                break
    least = max(scores.values()) - TOLERANCE
    fewest = min(one.dimensions for one, found in scores.items() if found >= least)
    return max((one for one in scores if one.dimensions == fewest), key=lambda one: (scores[one], -one.steps))
