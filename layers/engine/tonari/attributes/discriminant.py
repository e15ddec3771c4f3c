"""Fisher's discriminant: class means seen through the shrunk within-class covariance.

With ``S`` the pooled within-class covariance of ``D`` dimensions and ``t`` its mean variance, ``trace(S)/D``, the
covariance in use is ``(1 - a) S + a t I`` [Friedman, Regularized discriminant analysis, JASA 84, 1989; Ledoit and Wolf,
A well-conditioned estimator for large-dimensional covariance matrices, JMVA 88, 2004]. Classes score
``W x + b`` with ``W = S⁻¹ m`` and ``b = -m' S⁻¹ m / 2 + p log(share)``. One eigendecomposition serves every ``a``.

Tags are told one against the rest: the mean of those that have the tag against the mean of the others. ``S`` is then
the covariance about the mean of all, from which that within one tag's two sides differs by one rank, so that Sherman
and Morrison's formula gives its inverse for the price of a product.

A class may be made of unlike kinds: a kitchen of kettles and toasters. Where there are few groups (products), or items,
a class may have a vector for each of them instead of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.spread import Kinds, Spread
from tonari.attributes.weights import ClassWeights

MOST_EXPLAINED = 0.95


@dataclass(frozen=True, slots=True)
class Form:
    """What a discriminant leaves open.

    Parameters
    ----------
    shrinkage
        ``a`` above, over 0 and at most 1, where only the means count.
    prior
        ``p`` above: 0 takes all classes for equally frequent, 1 as frequent as in the catalogue.
    kinds
        What has a vector of its own; ``prior`` is 0 where that is not the class.
    temperature
        At which the vectors of a class are mixed.
    """

    shrinkage: float
    prior: float
    kinds: Kinds = "classes"
    temperature: float = 1.0


def discriminant(spread: Spread, classes: tuple[Any, ...], form: Form) -> ClassWeights:
    """Solve for the weight vectors of the classes that the sample has."""
    known = np.flatnonzero(spread.sampled > 0)
    means, share = spread.means[known], np.clip(spread.share[known], 1e-12, 1 - 1e-12)
    first = np.arange(len(known))
    if len(spread.others):
        weights, bias = _against_the_rest(spread, known, share, form.shrinkage)
        bias += form.prior * np.log(share / (1 - share))
    elif form.kinds != "classes":
        kinds, of_class = spread.kinds[form.kinds]
        weights, bias = _about_means(spread, kinds, form.shrinkage)
        first = np.searchsorted(of_class, known)
    else:
        weights, bias = _about_means(spread, means, form.shrinkage)
        bias += form.prior * np.log(share)
    return ClassWeights(
        tuple(classes[code] for code in known),
        weights.astype(np.float32),
        bias.astype(np.float32),
        spread.sampled[known],
        first,
        form.temperature,
    )


def _about_means(
    spread: Spread, means: NDArray[np.float64], shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weights = spread.through(means, shrinkage)
    return weights, -0.5 * np.einsum("cd,cd->c", means, weights)


def _against_the_rest(
    spread: Spread, known: NDArray[np.int64], share: NDArray[np.float64], shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    apart = spread.means[known] - spread.others[known]
    weights = spread.through(apart, shrinkage)
    explained = share * (1 - share) * np.einsum("cd,cd->c", apart, weights)
    weights /= 1 - np.minimum(explained, MOST_EXPLAINED)[:, None]
    middle = (spread.means[known] + spread.others[known]) / 2
    return weights, -np.einsum("cd,cd->c", middle, weights)
