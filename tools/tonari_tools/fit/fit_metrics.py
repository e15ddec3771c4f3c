"""How good an embedding is on held-out views, a value per query, and what two embeddings differ by."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_sample import Sample
from tonari_tools.fit.lda import usable_classes

VOTERS = 9
BLOCK = 512
MOST_QUERIES = 2_000
LEAST_GROUPS = 8
RESAMPLES = 1_000
LEVEL = 95.0
LOSS = 2.0
SAME_ITEM = "same item"
UNSEEN = ", unseen classes"
NOT_JUDGED = f"recall@1{UNSEEN}"
"""Printed, but no ground for choice or refusal: mAP@R says the same of all the neighbours, not of one."""


Key = tuple[str, str]
"""Task and name of a metric."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, a value per query.

    Parameters
    ----------
    task
        Attribute, or :data:`SAME_ITEM`.
    name
        Such as ``hit@1``.
    values : (Q,) float64
    group : (Q,) int64
        Queries of one group are resampled together.
    """

    task: str
    name: str
    values: NDArray[np.float64]
    group: NDArray[np.int64]

    @property
    def key(self) -> Key:
        """Task and name."""
        return self.task, self.name


@dataclass(frozen=True, slots=True)
class Change:
    """A metric before and after, with the interval of the difference that resampling of groups gives."""

    task: str
    name: str
    before: float
    after: float
    low: float
    high: float
    queries: int
    groups: int

    @property
    def worse(self) -> bool:
        """Whether the whole interval lies below zero."""
        return self.high < 0

    @property
    def judged(self) -> bool:
        """Whether it is a ground for refusal to be worse here."""
        return self.name != NOT_JUDGED

    @property
    def better(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Parts:
    """Which rows teach and which are asked about.

    Parameters
    ----------
    known, held : (n,) int64
        Ascending.
    """

    known: NDArray[np.int64]
    held: NDArray[np.int64]


def measure(vectors: NDArray[np.float32], sample: Sample, parts: Parts, seed: int) -> list[Metric]:
    """Measure an embedding.

    Same item and mAP@R look among the held-out views alone; mean and vote judge held-out views by the known ones.
    Views whose class the known part lacks are no queries of mean and vote.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    seed
        Chooses :data:`MOST_QUERIES` queries where there are more.
    """
    asked = parts.held
    if len(asked) > MOST_QUERIES:
        asked = np.sort(np.random.default_rng(seed).choice(asked, MOST_QUERIES, replace=False))
    metrics = _same_item(vectors, sample, parts.held, asked)
    for name, codes in sample.labels.items():
        metrics += class_metrics(name, vectors, sample, parts.held, asked[codes[asked] >= 0])[1:]
        metrics += _predictions(name, vectors, sample, parts.known, asked)
    return metrics


def enough(metrics: Iterable[Metric]) -> list[Metric]:
    """Keep the metrics whose queries come from :data:`LEAST_GROUPS` groups or more; fewer say nothing."""
    return [metric for metric in metrics if len(np.unique(metric.group)) >= LEAST_GROUPS]


def _same_item(
    vectors: NDArray[np.float32], sample: Sample, held: NDArray[np.int64], asked: NDArray[np.int64]
) -> list[Metric]:
    items, counts = np.unique(sample.item[held], return_counts=True)
    rows = asked[np.isin(sample.item[asked], items[counts > 1])]
    if not len(rows):
        return []
    rank = same_item_rank(vectors[held], sample.item[held], np.searchsorted(held, rows))
    group = sample.group[rows]
    return [Metric(SAME_ITEM, f"hit@{k}", np.asarray(rank < k, np.float64), group) for k in (1, 10)]


def class_metrics(
    name: str, vectors: NDArray[np.float32], sample: Sample, held: NDArray[np.int64], asked: NDArray[np.int64]
) -> list[Metric]:
    """Recall@1 and mAP@R of some held-out views, among all that have the attribute; nothing if none can be asked."""
    codes = sample.labels[name]
    held = held[codes[held] >= 0]
    recall, precision = class_precision(vectors[held], codes[held], sample.item[held], np.searchsorted(held, asked))
    possible = ~np.isnan(precision)
    if not possible.any():
        return []
    group = sample.group[asked][possible]
    return [Metric(name, "recall@1", recall[possible], group), Metric(name, "mAP@R", precision[possible], group)]


def _predictions(
    name: str, vectors: NDArray[np.float32], sample: Sample, known: NDArray[np.int64], asked: NDArray[np.int64]
) -> list[Metric]:
    codes = sample.labels[name]
    known = known[codes[known] >= 0]
    asked = asked[np.isin(codes[asked], np.unique(codes[known]))]
    if len(usable_classes(codes[known], sample.item[known])) < 2 or not len(asked):
        return []
    given = vectors[known], codes[known], vectors[asked], codes[asked]
    group = sample.group[asked]
    return [Metric(name, "nearest mean", by_mean(*given), group), Metric(name, "9-NN vote", by_vote(*given), group)]


def unseen_metrics(
    vectors: NDArray[np.float32], name: str, sample: Sample, held: NDArray[np.int64], classes: Sequence[int]
) -> list[Metric]:
    """Recall@1 and mAP@R of held-out views of classes that the fit has not seen, among all held-out views."""
    asked = held[np.isin(sample.labels[name][held], classes)]
    found = class_metrics(name, vectors, sample, held, asked) if len(asked) else []
    return [replace(metric, name=f"{metric.name}{UNSEEN}") for metric in found]


def compare(before: Iterable[Metric], after: Iterable[Metric], seed: int) -> list[Change]:
    """Pair metrics of the same queries and give the difference a 95 % interval by bootstrap over groups."""
    return [_compare(one, other, seed) for one, other in zip(before, after, strict=True)]


def _compare(before: Metric, after: Metric, seed: int) -> Change:
    counts, sums = _by_group(before, after)
    random = np.random.default_rng(seed)
    drawn = [
        np.bincount(random.integers(len(counts), size=len(counts)), minlength=len(counts)) for _ in range(RESAMPLES)
    ]
    differences = [times @ sums / (times @ counts) for times in drawn]
    low, high = np.percentile(differences, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    means = float(before.values.mean()), float(after.values.mean())
    return Change(before.task, before.name, *means, float(low), float(high), len(before.values), len(counts))


def _by_group(before: Metric, after: Metric) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each group, how many queries it has, and the sum of their differences."""
    _, place = np.unique(before.group, return_inverse=True)
    return np.bincount(place), np.bincount(place, weights=after.values - before.values).astype(np.float64)


def pool(folds: Iterable[Iterable[Metric]]) -> dict[Key, Metric]:
    """Join the metrics of several folds, each with queries of its own."""
    gathered: dict[Key, list[Metric]] = {}
    for metric in itertools.chain.from_iterable(folds):
        gathered.setdefault(metric.key, []).append(metric)
    return {
        key: Metric(*key, np.concatenate([one.values for one in many]), np.concatenate([one.group for one in many]))
        for key, many in gathered.items()
    }


def score(before: Mapping[Key, Metric], after: Mapping[Key, Metric]) -> float:
    """One number: the mean over tasks of the mean over their metrics, so that no task counts by its many metrics.

    A metric counts by its gain, less :data:`LOSS` times what that lacks to one standard error: what the backbone can do
    already is not put at risk.
    """
    tasks: dict[str, list[float]] = {}
    for key, metric in before.items():
        if key[1] != NOT_JUDGED:
            mean, error = _gain(metric, after[key])
            tasks.setdefault(key[0], []).append(mean - LOSS * max(0.0, error - mean))
    return float(np.mean([np.mean(values) for values in tasks.values()]))


def _gain(before: Metric, after: Metric) -> tuple[float, float]:
    """Mean difference and its standard error, groups being what is drawn (a ratio estimate)."""
    counts, sums = _by_group(before, after)
    mean = float(sums.sum() / counts.sum())
    spread = np.square(sums - mean * counts).sum() * len(counts) / max(len(counts) - 1, 1)
    return mean, float(np.sqrt(spread) / counts.sum())


def _blocks(count: int) -> Iterator[slice]:
    """Slices of at most :data:`BLOCK` queries."""
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))


def same_item_rank(
    vectors: NDArray[np.float32], item: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Tell how many other items are at least as near to a view as the other views of its own item.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    item : (N,) int64
    asked : (Q,) int64
        Rows whose item has two views or more.

    Returns
    -------
    (Q,) int64
        0 where the item's own view comes first; ties count against it.
    """
    order = np.argsort(item, kind="stable")
    names, first = np.unique(item[order], return_index=True)
    ranks = np.empty(len(asked), np.int64)
    for block in _blocks(len(asked)):
        rows = asked[block]
        likeness = vectors[rows] @ vectors[order].T
        likeness[rows[:, None] == order[None]] = -np.inf
        best = np.maximum.reduceat(likeness, first, axis=1)
        own = np.searchsorted(names, item[rows])
        mine = np.take_along_axis(best, own[:, None], axis=1)
        ranks[block] = (best >= mine).sum(axis=1) - 1
    return ranks


def class_precision(
    vectors: NDArray[np.float32], codes: NDArray[np.int64], item: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall@1 and average precision at R, over the views of other items.

    R is how many of them have the query's class [Musgrave, Belongie and Lim, A Metric Learning Reality Check,
    arXiv:2003.08505]. Views of the query's own item are passed over: they would be found by looks alone.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    codes, item : (N,) int64
    asked : (Q,) int64

    Returns
    -------
    recall, precision : (Q,) float64
        NaN where no other item has the class.
    """
    recall, precision = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    for block in _blocks(len(asked)):
        rows = asked[block]
        likeness = vectors[rows] @ vectors.T
        own = item[rows][:, None] == item[None]
        likeness[own] = -np.inf
        right = (codes[rows][:, None] == codes[None]) & ~own
        nearest = np.argsort(-likeness, axis=1, kind="stable")
        hits = np.take_along_axis(right, nearest, axis=1)
        relevant = right.sum(axis=1)
        steps = np.arange(1, hits.shape[1] + 1)
        counted = hits & (steps[None] <= relevant[:, None])
        summed = (np.cumsum(hits, axis=1) / steps * counted).sum(axis=1)
        possible = relevant > 0
        recall[block][possible] = hits[possible, 0]
        precision[block][possible] = summed[possible] / relevant[possible]
    return recall, precision


def by_mean(
    known: NDArray[np.float32], codes: NDArray[np.int64], asked: NDArray[np.float32], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether the class of the nearest mean is right: ``(Q,)``, 1 where it is, 0 where it is not.

    Parameters
    ----------
    known, codes : (N, D) float32, (N,) int64
    asked, truth : (Q, D) float32, (Q,) int64
    """
    order = np.argsort(codes, kind="stable")
    classes, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    means = np.add.reduceat(known[order].astype(np.float64), first) / counts[:, None]
    scores = asked @ means.T - np.square(means).sum(axis=1) / 2
    return np.asarray(classes[scores.argmax(axis=1)] == truth, np.float64)


def by_vote(
    known: NDArray[np.float32], codes: NDArray[np.int64], asked: NDArray[np.float32], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whether the class that most of the nine nearest have is right; equal counts go to the nearer ones.

    Parameters and result are those of :func:`by_mean`.
    """
    classes, place = np.unique(codes, return_inverse=True)
    right = np.empty(len(asked))
    voters = min(VOTERS, len(known))
    for block in _blocks(len(asked)):
        likeness = asked[block] @ known.T
        nearest = np.argpartition(-likeness, voters - 1, axis=1)[:, :voters]
        votes = np.zeros((len(nearest), len(classes)))
        weights = 1 + 1e-3 * np.take_along_axis(likeness, nearest, axis=1)
        np.add.at(votes, (np.arange(len(nearest))[:, None], place[nearest]), weights)
        right[block] = classes[votes.argmax(axis=1)] == truth[block]
    return right
