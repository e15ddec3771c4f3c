"""A sample of the catalogue -> the metric, and what it is worth on items and classes that it has not seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.snapshots.snapshot import Progress
from tonari_tools.fit.changes import CHANCE, Change, compare
from tonari_tools.fit.cross_validation import DIMENSIONS, Parameters, choose, silent
from tonari_tools.fit.fit_folds import CLASS_FOLDS, LEAST_CLASSES
from tonari_tools.fit.fit_metrics import (
    LEAST_GROUPS,
    Metric,
    Parts,
    choose_asked,
    enough,
    measure,
    pool,
    unseen_metrics,
)
from tonari_tools.fit.fit_sample import FitRefusedError, Sample, deal_classes
from tonari_tools.fit.lda import (
    Projection,
    condense,
    measure_scatter,
    principal_axes,
    project,
    solve,
    to_unit,
    usable_classes,
)
from tonari_tools.fit.neighbours import rank_others
from tonari_tools.tables import align

LEAST_SHOWN = 0.001
HEAD = ["held-out items", "", "before", "after", "difference", "95 % interval", "queries", ""]


def describe(learned: Learned) -> str:
    """Lay out the metrics before and after, what was chosen, and the time it took."""
    changes, size, chosen = [*learned.changes, *learned.unseen], learned.projection.dimensions, learned.parameters
    lines = [
        align([HEAD, *map(_row, changes)])
        if changes
        else "Neither labels nor items of several views: there is nothing to measure a metric by.",
        "",
        *([_judged(len(changes))] if changes else []),
        f"chosen within the fit part: {size} dimensions, {chosen.summary}"
        if chosen
        else f"principal components alone: {size} dimensions",
        f"of a view's 10 nearest neighbours {learned.kept:.0%} are those of the backbone",
        f"choosing, fitting and measuring took {learned.seconds:.1f} s",
    ]
    return "\n".join(lines)


def _judged(figures: int) -> str:
    """Say when a fit is refused."""
    return (
        f"Worse is a loss that chance would show in at most {CHANCE:.1%} of fits, counting all {figures} figures; "
        "one such figure refuses the fit. Within chance: the interval lies below zero, as a few of many do by chance."
    )


def _row(change: Change) -> list[str]:
    mark = "better" if change.better else "worse" if change.worse else "within chance" if change.below else ""
    return [
        change.task,
        change.name,
        f"{change.before:.3f}",
        f"{change.after:.3f}",
        f"{change.after - change.before:+.3f}",
        f"[{change.low:+.3f}, {change.high:+.3f}]",
        str(change.queries),
        mark,
    ]


def losses(changes: Sequence[Change]) -> list[str]:
    """Say of each figure whose loss is more than chance by how much it is worse."""
    return [
        f"{change.task} {change.name} {change.before:.3f} -> {change.after:.3f} [{change.low:+.3f}, {change.high:+.3f}]"
        f" (by chance in {_share(change.chance)} of fits)"
        for change in changes
        if change.worse
    ]


def _share(chance: float) -> str:
    """Say a share; one that would round to nothing is not called 0, which no number of draws can show."""
    return f"{chance:.1%}" if chance >= LEAST_SHOWN else f"less than {LEAST_SHOWN:.1%}"


@dataclass(frozen=True, slots=True)
class Solution:
    """A map, and how it came about.

    Parameters
    ----------
    projection
        Fitted on the whole fit part.
    parameters
        Chosen within the fit part; None if there was nothing to choose by: plain principal components.
    refit
        Gives the map that the same choice makes of some rows of the fit part, ascending; None if they teach nothing.
    """

    projection: Projection
    parameters: Parameters | None
    refit: Callable[[NDArray[np.int64]], Projection | None]


def discriminate(fit: Sample, dimensions: Sequence[int], seed: int, progress: Progress = silent) -> Solution:
    """Choose by folds of the fit part, then solve; without labels and items of several views, principal components.

    Parameters
    ----------
    fit
        The fit part.
    dimensions
        Those that may be chosen, ascending; capped by the number of axes.
    progress
        Is told what is being done, and how far it is.
    """
    progress("principal axes", 0, 0)
    axes = principal_axes(fit.features)
    rows = axes.along(fit.features)
    reachable = sorted({min(size, rows.shape[1]) for size in dimensions})
    parameters = choose(fit, rows, reachable, seed, progress)

    def refit(some: NDArray[np.int64]) -> Projection | None:
        scatter = measure_scatter(rows[some], fit.take(some)) if parameters else None
        if parameters is None or scatter is None:
            return None
        found = solve(scatter, parameters.shrinkage, parameters.item_share)
        return project(axes, condense(found, parameters.weights))

    found = refit(np.arange(len(fit)))
    return Solution(found or project(axes, np.eye(rows.shape[1])[:, : reachable[-1]]), parameters, refit)


def ask_unseen(
    sample: Sample, parts: Parts, found: Solution, seed: int, progress: Progress = silent
) -> tuple[list[Metric], list[Metric]]:
    """Leave each class of an attribute out of one of four fits, and ask that fit for the held-out views of it.

    Returns
    -------
    Recall@1 and mAP@R, of the backbone and of these fits, of each attribute with :data:`LEAST_CLASSES` classes or more;
    nothing if nothing was chosen.
    """
    if found.parameters is None:
        return [], []
    fit, held, asked = sample.take(parts.known), parts.held, choose_asked(parts.held, seed)
    features, item = sample.features[held], sample.item[held]
    backbone = rank_others(to_unit(features), item, np.searchsorted(held, asked))
    before: list[Metric] = []
    after: list[Metric] = []
    for name, codes in fit.labels.items():
        classes = usable_classes(codes, fit.item).tolist()
        left_out = deal_classes(classes, CLASS_FOLDS, seed) if len(classes) >= LEAST_CLASSES else []
        measured: tuple[list[list[Metric]], list[list[Metric]]] = [], []
        for number, unseen in enumerate(left_out):
            progress(f"classes of {name} left out", number, len(left_out))
            projection = found.refit(np.flatnonzero(~np.isin(codes, unseen)))
            chosen = np.isin(sample.labels[name][asked], unseen)
            if projection is None or not chosen.any():
                continue
            rows = asked[chosen]
            fitted = rank_others(projection.apply(features), item, np.searchsorted(held, rows))
            for gathered, ranked in zip(measured, (backbone[chosen], fitted), strict=True):
                gathered.append(unseen_metrics(name, ranked, sample, held, rows))
        before += enough(pool(measured[0]).values())
        after += enough(pool(measured[1]).values())
    return before, after


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
    progress: Progress = silent,
) -> Learned:
    """Choose and fit on the fit part, measure on the held-out part.

    Parameters
    ----------
    held_out : (N,) bool
        Whole groups of views.
    dimensions
        Those that may be chosen, ascending.
    progress
        Is told what is being done, and how far it is.

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
    found = discriminate(fit, dimensions, seed, progress)
    projection = found.projection
    progress("held-out items", 0, 0)
    asked = choose_asked(parts.held, seed)
    before, after = to_unit(sample.features), projection.apply(sample.features)
    old, new = (enough(measure(vectors, sample, parts, asked)) for vectors in (before, after))
    kept = neighbours_kept(before[parts.held], after[parts.held])
    del before, after  # as large as the sample, and not needed by the fits to come
    old_unseen, new_unseen = ask_unseen(sample, parts, found, seed, progress)
    changes = compare([*old, *old_unseen], [*new, *new_unseen], seed)
    seen, unseen = tuple(changes[: len(old)]), tuple(changes[len(old) :])
    return Learned(projection, found.parameters, seen, unseen, kept, time.monotonic() - started)


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
