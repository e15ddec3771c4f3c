"""Classes that are described in words, until items are labelled with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.attributes.learn import AttributeModel, CrossValidated
from tonari.attributes.weights import ClassWeights

Descriptions = Mapping[str, NDArray[np.float32]]
"""Embedding of what is said of a class, (D,) of length 1, by class."""


@dataclass(frozen=True, slots=True)
class Described:
    """The classes of an attribute that have no labelled items.

    Parameters
    ----------
    named
        All classes that are described in words.
    vectors
        Of them; none where the encoder knows no words.
    """

    named: Sequence[str]
    vectors: Descriptions


def with_described(studied: CrossValidated, described: Described) -> CrossValidated:
    """Add the classes that are known by words alone to those that were learned from items.

    A class with a labelled item that has a view is learned from such alone. The others have the embedding of their
    description as a weight vector. Pictures and texts of a joint encoder lie apart, by nearly the same vector for all
    [Liang et al., Mind the gap, NeurIPS 2022]: where some described classes have items, the mean difference of these
    classes' means and descriptions is added. Of a model in which words speak for a class the means answer, and nothing
    is calibrated.
    """
    model = studied.model
    known = dict(zip(model.means.classes, model.means.weights, strict=True))
    missing = sorted(one for one in described.named if one not in known)
    if not missing:
        return studied
    if not described.vectors:
        reason = (
            f"{len(missing)} of its classes are described in words alone, and the encoder knows no words: label items, "
            "or use an encoder of texts."
        )
        return _with(studied, replace(model, reason=f"{model.reason} {reason}".strip()), ())
    both = [known[one] - described.vectors[one] for one in described.named if one in known]
    gap = np.mean(both, axis=0) if both else np.zeros_like(described.vectors[missing[0]])
    vectors = known | {one: described.vectors[one] + gap for one in missing}
    sampled = dict(zip(model.means.classes, model.means.sampled.tolist(), strict=True))
    means = _weights(vectors, sampled)
    reason = (
        f"{len(missing)} of {len(vectors)} classes have no labelled item yet: what is said of them in words answers, "
        "without probabilities."
    )
    mixed = AttributeModel(model.several, means, means, model.form, {}, "means", reason)
    return _with(studied, mixed, tuple(missing))


def _weights(vectors: Mapping[Any, NDArray[np.float32]], sampled: Mapping[Any, int]) -> ClassWeights:
    """Lay vectors out as :func:`tonari.attributes.weights.plain_means` does."""
    classes = tuple(sorted(vectors, key=str))
    rounded = np.stack([vectors[one] for one in classes]).astype(np.float16).astype(np.float32)
    bias = 0.5 - 0.5 * np.einsum("cd,cd->c", rounded, rounded)
    counts = np.array([sampled.get(one, 0) for one in classes], np.int64)
    return ClassWeights(classes, rounded, bias.astype(np.float32), counts, np.arange(len(classes)))


def _with(studied: CrossValidated, model: AttributeModel, described: tuple[str, ...]) -> CrossValidated:
    """Give a model with what is reported of it."""
    quality = msgspec.structs.replace(
        studied.quality,
        classes=model.classes,
        sampled=tuple(model.discriminant.sampled.tolist()),
        methods=studied.quality.methods if model.calibrations else {},
        default=model.default,
        reason=model.reason,
        described=described,
    )
    return CrossValidated(model, quality)
