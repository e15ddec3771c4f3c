"""Linear weights of classes: what they are, plain means as such, and how they score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """One attribute's linear classifier: scores are ``weights @ embedding + bias``.

    Usually each class has one weight vector. One of several vectors has the logarithm of the mean of their
    exponentials, the density of a mixture [Hastie and Tibshirani, Discriminant analysis by Gaussian mixtures, JRSS B
    58, 1996].

    Parameters
    ----------
    classes
        ``C`` values.
    weights : (V, D) float32
    bias : (V,) float32
    sampled : (C,) int64
        From how many items each class was computed.
    first : (C,) int64
        Where the vectors of each class begin; those of one class lie together.
    temperature
        By which scores are divided before they are mixed.
    """

    classes: tuple[Any, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    sampled: NDArray[np.int64]
    first: NDArray[np.int64]
    temperature: float = 1.0

    def scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score all classes; several queries are averaged: (Q, D) -> (C,)."""
        query = queries[0] if len(queries) == 1 else queries.mean(axis=0)
        return np.asarray(self._by_class((self.weights @ query + self.bias)[None])[0])

    def score_all(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score all classes for each row: (n, D) -> (n, C)."""
        return self._by_class(features @ self.weights.T + self.bias)

    def _by_class(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Join the scores of each class's vectors: (n, V) -> (n, C)."""
        if len(self.first) == len(self.bias):
            return scores
        count = np.diff(self.first, append=len(self.bias))
        most = np.maximum.reduceat(scores, self.first, axis=1)
        near = np.exp((scores - most.repeat(count, axis=1)) / self.temperature)
        share = np.add.reduceat(near, self.first, axis=1) / count
        return np.asarray(most + self.temperature * np.log(share), np.float32)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A value and its score, which is comparable within one prediction only unless it is calibrated."""

    value: Any
    score: float


def plain_means(means: NDArray[np.float64], sampled: NDArray[np.int64], classes: tuple[Any, ...]) -> ClassWeights:
    """Take the mean of each class as its weight vector, rounded to float16 as it is stored.

    The nearest mean in Euclidean distance wins: with means ``m``, ``argmin |x - m|² = argmax x·m - |m|²/2``
    [Rocchio's classifier; Manning, Raghavan and Schütze, Introduction to Information Retrieval, 14.2]. Half is added,
    so that a score is ``1 - |x - m|²/2``, the cosine similarity where ``m`` is of length 1.

    Parameters
    ----------
    means : (C, D) float64
    sampled : (C,) int64
        From how many items each was taken; classes without any are left out.
    """
    known = np.flatnonzero(sampled > 0)
    rounded = means[known].astype(np.float16).astype(np.float32)
    bias = 0.5 - 0.5 * np.einsum("cd,cd->c", rounded, rounded)
    named = tuple(classes[code] for code in known)
    return ClassWeights(named, rounded, bias.astype(np.float32), sampled[known], np.arange(len(known)))
