"""A query moved towards wanted classes: "like this, but red", in the metric of the discriminant.

With class means ``m``, their middle ``c`` and the discriminant's weights ``W = S⁻¹ m``, the query ``x`` gets the class
scores of a point on the ray from the middle through the mean of the wanted class: ``W (x + d) = W (c + b (m - c))``.
The shortest such ``d`` by Mahalanobis's distance, ``d' S⁻¹ d``, lies in the span of the differences of class means, so
no covariance is needed: ``d = D' (W D')⁻¹ r``, with the differences ``D`` and what the scores lack, ``r``. The classes
of other attributes shall keep their scores: they are rows of ``W`` and ``D`` too, and lack nothing. Moving along the
difference of two means alone is the analogy of word vectors [Mikolov, Yih and Zweig, NAACL 2013].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.learn import AttributeModel

REACH = 2.0
"""``b``: how far beyond the middle the query is moved, in units of the way to the wanted class's mean."""
LEAST_COSINE = 0.7
"""Between the query and where it is moved to: a longer way is cut short."""
MOST_SHARED = 0.5
"""Of the way to the wanted class, the share that an attribute which keeps its scores may claim as its own direction."""
MOST_CLASSES = 64
"""Of an attribute that is shifted: the wanted class, and those that the queries are most like."""
CUT = 1e-3
"""Singular values below this share of the largest count as 0."""
HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Moved:
    """Queries moved towards classes.

    Parameters
    ----------
    embeddings : (Q, D) float32, rows of length 1
    cosines : (Q,) float64
        Between each query and where it was moved to.
    kept
        Positions, among the other attributes, of those that kept their scores.
    """

    embeddings: NDArray[np.float32]
    cosines: NDArray[np.float64]
    kept: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Axes:
    """The classes of one attribute, about their middle.

    Parameters
    ----------
    middle : (D,) float64
    directions, weights : (n, D) float64
        Means of the classes less their middle, and their weight vectors less the mean of those; on a scale on which
        the product of a class's two rows is 1 in the mean.
    """

    middle: NDArray[np.float64]
    directions: NDArray[np.float64]
    weights: NDArray[np.float64]


def move(
    queries: NDArray[np.float32], wanted: Sequence[tuple[AttributeModel, Any]], others: Sequence[AttributeModel]
) -> Moved:
    """Move queries towards classes.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
    wanted
        Attributes, each with one of its classes.
    others
        Attributes that keep their scores, unless they say much the same as a wanted one: :data:`MOST_SHARED`.
    """
    rows = queries.astype(np.float64)
    ways = [_way(model, value) for model, value in wanted]
    axes = [_axes(model, _taking_part(queries, model, value)) for model, value in wanted]
    free = [
        (number, one) for number, one in enumerate(map(_axes, others)) if not any(_shares(one, *way) for way in ways)
    ]
    lacking = [(one.middle + REACH * way[1] - rows) @ one.weights.T for one, way in zip(axes, ways, strict=True)]
    lacking += [np.zeros((len(rows), len(one.weights))) for _, one in free]
    every = [*axes, *(one for _, one in free)]
    weights = np.concatenate([one.weights for one in every])
    directions = np.concatenate([one.directions for one in every])
    solved = np.linalg.pinv(weights @ directions.T, rcond=CUT)
    moved, cosines = _bounded(rows, np.concatenate(lacking, axis=1) @ solved.T @ directions)
    return Moved(moved.astype(np.float32), cosines, tuple(number for number, _ in free))


def _means(model: AttributeModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give mean and weight vector of each class, (C, D) each; of several weight vectors their mean."""
    place = {value: number for number, value in enumerate(model.means.classes)}
    weights = model.discriminant
    count = np.diff(weights.first, append=len(weights.bias))
    by_class = np.add.reduceat(weights.weights.astype(np.float64), weights.first) / count[:, None]
    means = model.means.weights[[place[value] for value in weights.classes]].astype(np.float64)
    return means, by_class


def _taking_part(queries: NDArray[np.float32], model: AttributeModel, value: Any) -> list[int]:
    """Choose the classes of an attribute whose scores are set; of tags only the wanted one, the others are free."""
    chosen = model.discriminant.classes.index(value)
    if model.several:
        return [chosen]
    likely = np.argsort(-model.discriminant.scores(queries), kind="stable").tolist()
    return [chosen, *(code for code in likely if code != chosen)][:MOST_CLASSES]


def _axes(model: AttributeModel, classes: Sequence[int] | None = None) -> _Axes:
    """Lay out the classes of an attribute, or some of them."""
    means, weights = _means(model)
    middle = means.mean(axis=0)
    directions = means - middle
    if not model.several:
        weights = weights - weights.mean(axis=0)
    if classes is not None:
        directions, weights = directions[classes], weights[classes]
    scale = max(float(np.abs(np.einsum("nd,nd->n", directions, weights)).mean()), np.finfo(np.float64).tiny) ** -0.5
    return _Axes(middle, directions * scale, weights * scale)


def _way(model: AttributeModel, value: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the weight vector of a class, and the way from the middle to its mean."""
    means, weights = _means(model)
    chosen = model.discriminant.classes.index(value)
    return weights[chosen] - weights.mean(axis=0), means[chosen] - means.mean(axis=0)


def _shares(other: _Axes, weights: NDArray[np.float64], way: NDArray[np.float64]) -> bool:
    """Tell whether more than :data:`MOST_SHARED` of a way's length, squared, lies in the directions of an attribute."""
    gram = other.weights @ other.directions.T
    within = (other.directions @ weights) @ np.linalg.pinv(gram, rcond=CUT) @ (other.weights @ way)
    return bool(within > MOST_SHARED * float(weights @ way))


def _bounded(rows: NDArray[np.float64], ways: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Go each way as far as :data:`LEAST_COSINE` lets it: (Q, D) of length 1, and (Q,) cosines."""
    whole = np.ones(len(rows))
    far = _gone(rows, ways, whole)[1] < LEAST_COSINE
    least, most = np.where(far, 0.0, 1.0), whole
    for _ in range(HALVINGS if far.any() else 0):
        middle = (least + most) / 2
        near = _gone(rows, ways, middle)[1] >= LEAST_COSINE
        least, most = np.where(near, middle, least), np.where(near, most, middle)
    return _gone(rows, ways, least)


def _gone(
    rows: NDArray[np.float64], ways: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    moved = rows + share[:, None] * ways
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return moved, np.einsum("qd,qd->q", moved, rows)
