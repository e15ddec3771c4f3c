"""Sums over views: all that class means and a covariance need, read once, in blocks; sums of two parts add up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.labels import BLOCK, Sample

Block = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]
"""Embeddings of views, (n, D); their weights and how much they teach, (n,) each; their classes, (n, C)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Weighted sums over views; all float64.

    Parameters
    ----------
    items : ()
        How many items the views are of.
    class_items : (C,)
    class_sum : (C, D)
        Sum of the views of each class, every item counted once.
    weight : ()
        Of all views together, as they teach.
    vector : (D,)
        Sum of all views.
    class_weight : (C,)
    class_vector : (C, D)
        Sum of the views of each class, as they teach.
    moment : (D, D)
        Sum of the outer products of all views.
    """

    items: NDArray[np.float64]
    class_items: NDArray[np.float64]
    class_sum: NDArray[np.float64]
    weight: NDArray[np.float64]
    vector: NDArray[np.float64]
    class_weight: NDArray[np.float64]
    class_vector: NDArray[np.float64]
    moment: NDArray[np.float64]

    def __add__(self, other: Totals) -> Totals:
        """Give the sums over both parts."""
        names = [one.name for one in fields(self)]
        return Totals(*(getattr(self, name) + getattr(other, name) for name in names))


def sum_up(blocks: Iterable[Block], dimensions: int, classes: int) -> Totals:
    """Sum up views; products of each block in float32, their sums in float64."""
    moment = np.zeros((dimensions, dimensions))
    class_vector, class_sum = np.zeros((2, classes, dimensions))
    vector = np.zeros(dimensions)
    class_weight, class_items = np.zeros(classes), np.zeros(classes)
    total, items = 0.0, 0.0
    for features, weight, teaching, belongs in blocks:
        heavy = teaching.astype(np.float32)
        rows = features * np.sqrt(heavy)[:, None]
        moment += rows.T @ rows
        class_vector += (belongs.T * heavy) @ features
        class_sum += (belongs.T * weight.astype(np.float32)) @ features
        vector += heavy @ features
        class_weight += teaching @ belongs
        class_items += weight @ belongs
        total += float(teaching.sum())
        items += float(weight.sum())
    return Totals(np.array(items), class_items, class_sum, np.array(total), vector, class_weight, class_vector, moment)


def totals_of(sample: Sample, parts: Collection[int] | None = None) -> Totals:
    """Sum up a sample and its rest, or only what is of some parts."""
    return sum_up(_blocks(sample, parts), sample.features.shape[1], sample.belongs.shape[1])


def _blocks(sample: Sample, parts: Collection[int] | None) -> Iterator[Block]:
    def among(part: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.arange(len(part)) if parts is None else np.flatnonzero(np.isin(part, list(parts)))

    drawn = among(sample.part)
    for start in range(0, len(drawn), BLOCK):
        rows = drawn[start : start + BLOCK]
        yield sample.features[rows], sample.weight[rows], sample.teaching[rows], sample.belongs[rows]
    if sample.rest is not None:
        for rows, features in sample.rest.blocks(among(sample.rest.part)):
            yield features, sample.rest.weight[rows], sample.rest.teaching[rows], sample.rest.belongs[rows]


def add_up(parts: Iterable[Totals]) -> Totals:
    """Give the sums over all parts, of which there is at least one."""
    return reduce(Totals.__add__, parts)
