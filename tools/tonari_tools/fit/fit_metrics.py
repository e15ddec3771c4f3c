"""How good an embedding is on held-out views, a value per query, and the score by which one is chosen."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.fit_sample import Sample
from tonari_tools.fit.lda import usable_classes
from tonari_tools.fit.neighbours import by_mean, by_vote, class_precision, find_voters, rank_others, same_item_rank

MOST_QUERIES = 2_000
LEAST_GROUPS = 8
LOSS = 2.0
SAME_ITEM = "same item"
UNSEEN = ", unseen classes"

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
class Parts:
    """Which rows teach and which are asked about.

    Parameters
    ----------
    known, held : (n,) int64
        Ascending.
    """

    known: NDArray[np.int64]
    held: NDArray[np.int64]


def choose_asked(held: NDArray[np.int64], seed: int, most: int = MOST_QUERIES) -> NDArray[np.int64]:
    """Choose ``most`` of the held-out rows where there are more; ascending."""
    if len(held) <= most:
        return held
    return np.sort(np.random.default_rng(seed).choice(held, most, replace=False))


def measure(vectors: NDArray[np.float32], sample: Sample, parts: Parts, asked: NDArray[np.int64]) -> list[Metric]:
    """Measure an embedding.

    Same item and mAP@R look among the held-out views alone; mean and vote judge held-out views by the known ones.
    Views whose class the known part lacks are no queries of mean and vote. Neighbours are sorted once for all
    attributes, so that one attribute more costs little.

    Parameters
    ----------
    vectors : (N, D) float32, rows of length 1
    asked : (Q,) int64
        Those of the held-out rows that are queries.
    """
    held = vectors[parts.held]
    metrics = _same_item(held, sample, parts.held, asked)
    if not sample.labels:
        return metrics
    ranked = rank_others(held, sample.item[parts.held], np.searchsorted(parts.held, asked))
    voters = _Voters(vectors, asked)
    for name in sample.labels:
        metrics += class_metrics(name, ranked, sample, parts.held, asked)[1:]
        metrics += _predictions(name, vectors, sample, parts.known, asked, voters)
    return metrics


class _Voters:
    """The known views that vote on each query, found once for all attributes that the same views have."""

    def __init__(self, vectors: NDArray[np.float32], asked: NDArray[np.int64]) -> None:
        self._vectors, self._asked = vectors, asked
        self._found: dict[bytes, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}

    def among(self, known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Give positions in ``known`` and likeness, (Q, V) each."""
        key = known.tobytes()
        if key not in self._found:
            self._found[key] = find_voters(self._vectors[known], self._vectors[self._asked])
        return self._found[key]


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
    rank = same_item_rank(vectors, sample.item[held], np.searchsorted(held, rows))
    group = sample.group[rows]
    return [Metric(SAME_ITEM, f"hit@{k}", np.asarray(rank < k, np.float64), group) for k in (1, 10)]


def class_metrics(
    name: str, ranked: NDArray[np.int32], sample: Sample, held: NDArray[np.int64], asked: NDArray[np.int64]
) -> list[Metric]:
    """Recall@1 and mAP@R of held-out views, among all that have the attribute; nothing if none can be asked.

    Parameters
    ----------
    ranked : (Q, H) int32
        Held-out views by their likeness to each query, as :func:`rank_others` gives them.
    held, asked : (H,) and (Q,) int64
        Rows of the sample.
    """
    codes = sample.labels[name]
    labelled = codes[asked] >= 0
    if not labelled.all():
        ranked, asked = ranked[labelled], asked[labelled]
    recall, precision = class_precision(ranked, codes[held], codes[asked])
    possible = ~np.isnan(precision)
    if not possible.any():
        return []
    group = sample.group[asked][possible]
    return [Metric(name, "recall@1", recall[possible], group), Metric(name, "mAP@R", precision[possible], group)]


def _predictions(
    name: str,
    vectors: NDArray[np.float32],
    sample: Sample,
    known: NDArray[np.int64],
    asked: NDArray[np.int64],
    voters: _Voters,
) -> list[Metric]:
    codes = sample.labels[name]
    known = known[codes[known] >= 0]
    possible = np.isin(codes[asked], np.unique(codes[known]))
    if not possible.any() or len(usable_classes(codes[known], sample.item[known])) < 2:
        return []
    asked, group = asked[possible], sample.group[asked[possible]]
    chosen, likeness = voters.among(known)
    return [
        Metric(name, "nearest mean", by_mean(vectors[known], codes[known], vectors[asked], codes[asked]), group),
        Metric(name, "9-NN vote", by_vote(chosen[possible], likeness[possible], codes[known], codes[asked]), group),
    ]


def unseen_metrics(
    name: str,
    ranked: NDArray[np.int32],
    sample: Sample,
    held: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> list[Metric]:
    """Recall@1 and mAP@R of held-out views of classes that the fit has not seen, among all held-out views.

    Parameters
    ----------
    ranked, held, asked
        As of :func:`class_metrics`; all of ``asked`` have classes that the fit has not seen.
    """
    found = class_metrics(name, ranked, sample, held, asked) if len(asked) else []
    return [replace(metric, name=f"{metric.name}{UNSEEN}") for metric in found]


def by_group(before: Metric, after: Metric) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
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
    already is not put at risk. Metrics of classes unseen in the fit are of few queries. They earn nothing: the mean of
    a task's is charged, and only for what is lost beyond one standard error, :data:`LOSS` times.
    """
    tasks: dict[str, list[float]] = {}
    charged: dict[str, list[float]] = {}
    for (task, name), one in before.items():
        mean, error = _gain(one, after[task, name])
        if name.endswith(UNSEEN):
            charged.setdefault(task, []).append(LOSS * min(0.0, mean + error))
        else:
            tasks.setdefault(task, []).append(mean - LOSS * max(0.0, error - mean))
    seen, unseen = (sum(float(np.mean(values)) for values in of.values()) for of in (tasks, charged))
    return (seen + unseen) / len(tasks.keys() | charged.keys())


def _gain(before: Metric, after: Metric) -> tuple[float, float]:
    """Mean difference and its standard error, groups being what is drawn (a ratio estimate)."""
    counts, sums = by_group(before, after)
    mean = float(sums.sum() / counts.sum())
    spread = np.square(sums - mean * counts).sum() * len(counts) / max(len(counts) - 1, 1)
    return mean, float(np.sqrt(spread) / counts.sum())
