"""Samples made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import ClassWeights, Grouping, Sample, draw, labels_of, plain_means
from tonari.attributes.discriminant import class_statistics
from tonari.fields.columns import ClassColumn


def sample_of(
    features: NDArray[np.floating], codes: Sequence[int], classes: int, item: Sequence[int] | None = None
) -> Sample:
    """Give each view one class, each item a group and one of ten parts of thirty."""
    of = np.arange(len(features)) if item is None else np.array(item)
    belongs = np.zeros((len(features), classes), np.bool_)
    belongs[np.arange(len(features)), codes] = True
    weight = 1 / np.bincount(of)[of]
    return Sample(features.astype(np.float32), weight, weight, belongs, np.ones(len(features)), of, of, of % 10 * 3)


def blobs(
    random: np.random.Generator, classes: int, each: int, dimensions: int, apart: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw classes of one covariance, far from round, about centres ``apart``."""
    centres = random.standard_normal((classes, dimensions)) * apart
    mixing = random.standard_normal((dimensions, dimensions)) * np.geomspace(1, 0.05, dimensions)
    codes = np.repeat(np.arange(classes), each)
    return centres[codes] + random.standard_normal((len(codes), dimensions)) @ mixing.T, codes


def lopsided(random: np.random.Generator, each: int) -> Sample:
    """Two classes, of which one has three tenths of its items far behind: their mean is not where most of it is."""
    near = 0.3 * random.standard_normal((each, 4))
    far = 0.3 * random.standard_normal((each, 4)) + (1.2, 0, 0, 0)
    far[: each * 3 // 10, 0] *= 10
    return sample_of(np.concatenate([near, far]), [0] * each + [1] * each, 2)


def class_means(item: NDArray[np.int32], fixed: NDArray[np.int16], column: ClassColumn) -> ClassWeights:
    """The plain means of a column's classes, every item a group of its own, as a build draws and stores them."""
    labels = labels_of(column)
    assert labels is not None
    count = 1 + max(int(item.max(initial=-1)), int(labels.items.max(initial=-1)))
    alone = Grouping(np.arange(count), np.zeros(count, np.int64))
    statistics = class_statistics(draw(labels, item, fixed, alone), several=labels.several)
    return plain_means(statistics.item_means, statistics.sampled, labels.classes)
