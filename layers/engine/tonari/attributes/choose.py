"""Which shrinkage and prior a discriminant gets: what was best, or as good, on items unseen in the fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tonari.attributes.probability import fit_sigmoid, sigmoid_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tonari.attributes.unseen import Unseen

SHRINKAGE, PRIOR = 0.5, 0.0


def choose(unseen: Unseen, *, several: bool) -> tuple[float, float]:
    """Choose shrinkage and prior by the rule of one standard error [Breiman et al., CART, 1984].

    Of all that are not surely worse than the best, the one nearest to the middle: a best figure alone may be luck.
    """
    worth = {
        key: _worth(unseen, scores, several=several) for key, scores in unseen.scores.items() if isinstance(key, tuple)
    }
    share = unseen.weight / float(unseen.weight.sum())
    best: NDArray[np.float64] = max(worth.values(), key=lambda one: float(share @ one))

    def surely_worse(one: NDArray[np.float64]) -> bool:
        lost = best - one
        mean = float(share @ lost)
        return mean > float(np.sqrt(share**2 @ (lost - mean) ** 2))

    good = [key for key, one in worth.items() if not surely_worse(one)]
    return min(good, key=lambda key: (abs(key[0] - SHRINKAGE), abs(key[1] - PRIOR)))


def _worth(unseen: Unseen, scores: NDArray[np.float64], *, several: bool) -> NDArray[np.float64]:
    """Tell for each row whether its best class is right; for tags, how likely they are made, in nats."""
    if several:
        scale = fit_sigmoid(scores, unseen.belongs, unseen.weight)
        return -sigmoid_losses(scores, unseen.belongs, scale)
    right: NDArray[np.bool_] = unseen.belongs[np.arange(len(scores)), scores.argmax(axis=1)]
    return right.astype(np.float64)
