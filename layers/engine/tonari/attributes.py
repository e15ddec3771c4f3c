"""Class means as weight vectors, and the k-NN vote: two ways to an attribute's value."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tonari.fields.columns import ClassColumn

SAMPLED_ITEMS = 1000
SEED = 20


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """One attribute's linear classifier: scores are ``weights @ embedding + bias``.

    Parameters
    ----------
    classes
        ``C`` values.
    weights : (C, D) float32
    bias : (C,) float32
    sampled : (C,) int64
        From how many items each was computed.
    """

    classes: tuple[Any, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    sampled: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A value and its score, which is comparable within one prediction only."""

    value: Any
    score: float


def class_means(item: NDArray[np.int32], embeddings: NDArray[np.float16], column: ClassColumn) -> ClassWeights:
    """Take the mean embedding of up to 1,000 sampled items of each class as its weight vector.

    The nearest mean in Euclidean distance wins: with means ``m``, ``argmin |x - m|² = argmax x·m - |m|²/2``
    [Rocchio's classifier; Manning, Raghavan and Schütze, Introduction to Information Retrieval, 14.2]. Half is added,
    so that a score is ``1 - |x - m|²/2``, the cosine similarity where ``m`` is of length 1.

    Parameters
    ----------
    item : (N,) int32
        The item of each view; an item counts once, however many views it has.
    embeddings : (N, D) float16
    column
        The attribute's class per item; classes without a view get no weights.
    """
    order = np.argsort(item, kind="stable")
    items, first, views = np.unique(item[order], return_index=True, return_counts=True)
    codes = column.codes[items]
    random = np.random.default_rng(SEED)
    kept, weights, sampled = [], [], []
    for code, value in enumerate(column.classes):
        members = np.flatnonzero(codes == code)
        if not len(members):
            continue
        if len(members) > SAMPLED_ITEMS:
            members = np.sort(random.choice(members, SAMPLED_ITEMS, replace=False))
        means = [
            embeddings[order[first[member] : first[member] + views[member]]].astype(np.float32).mean(axis=0)
            for member in members
        ]
        kept.append(value)
        weights.append(np.mean(means, axis=0, dtype=np.float32))
        sampled.append(len(members))
    matrix = np.array(weights, np.float32).reshape(len(kept), embeddings.shape[1])
    bias = 0.5 - 0.5 * np.einsum("cd,cd->c", matrix, matrix)
    return ClassWeights(tuple(kept), matrix, bias.astype(np.float32), np.array(sampled, np.int64))


def predict_by_means(queries: NDArray[np.float32], weights: ClassWeights) -> list[Ranked]:
    """Rank all classes by their score, best first; several queries are averaged.

    Parameters
    ----------
    queries : (Q, D) float32
    """
    scores = (queries @ weights.weights.T).mean(axis=0) + weights.bias
    order = np.argsort(-scores, kind="stable")
    return [Ranked(weights.classes[code], float(scores[code])) for code in order]


def predict_by_vote(values: Sequence[Any], scores: Sequence[float]) -> list[Ranked]:
    """Let the nearest items vote, one vote each; ties go to the class with the nearest item.

    Parameters
    ----------
    values
        The neighbours' values, nearest first.
    scores
        Their cosine similarities.

    Returns
    -------
    Classes by share of the votes, best first.
    """
    votes: dict[Any, int] = defaultdict(int)
    nearness: dict[Any, float] = defaultdict(lambda: -2.0)
    for value, score in zip(values, scores, strict=True):
        votes[value] += 1
        nearness[value] = max(nearness[value], score)
    order = sorted(votes, key=lambda value: (-votes[value], -nearness[value]))
    return [Ranked(value, votes[value] / len(values)) for value in order]


def weights_to_arrays(weights: Mapping[str, ClassWeights]) -> dict[str, Any]:
    """Lay class weights out as plain arrays for an ``.npz`` file."""
    about = [{"attribute": name, "classes": one.classes} for name, one in weights.items()]
    arrays: dict[str, Any] = {"attributes": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for position, one in enumerate(weights.values()):
        arrays |= {f"weights{position}": one.weights, f"bias{position}": one.bias, f"sampled{position}": one.sampled}
    return arrays


def weights_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, ClassWeights]:
    """Undo :func:`weights_to_arrays`."""
    return {
        about["attribute"]: ClassWeights(
            tuple(about["classes"]),
            arrays[f"weights{position}"],
            arrays[f"bias{position}"],
            arrays[f"sampled{position}"],
        )
        for position, about in enumerate(json.loads(arrays["attributes"].tobytes()))
    }
