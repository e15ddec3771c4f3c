"""Which form a discriminant gets: what was best, or as good, on items unseen in the fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.discriminant import Form
from tonari.attributes.probability import SMALLEST, fit_sigmoid, fit_softmax, sigmoid_losses
from tonari.attributes.unseen import KINDS, Unseen, truth_of

USUAL = Form(0.5, 0.0)


def choose(unseen: Unseen, *, several: bool) -> Form:
    """Choose by the rule of one standard error [Breiman et al., CART, 1984].

    Of all shrinkages and priors that are not surely worse than the best, those nearest to the middle: a best figure
    alone may be luck. Classes are parted into kinds where that is surely better.
    """
    worth = {
        form: _worth(unseen, scores, several=several)
        for form, scores in unseen.scores.items()
        if isinstance(form, Form) and form not in KINDS
    }
    share = unseen.weight / float(unseen.weight.sum())
    best: NDArray[np.float64] = max(worth.values(), key=lambda one: float(share @ one))

    def surely_worse(one: NDArray[np.float64]) -> bool:
        lost = best - one
        mean = float(share @ lost)
        return mean > float(np.sqrt(share**2 @ (lost - mean) ** 2))

    good = [form for form, one in worth.items() if not surely_worse(one)]
    chosen = min(good, key=lambda form: (abs(form.shrinkage - USUAL.shrinkage), abs(form.prior - USUAL.prior)))
    return _part(unseen, chosen, [form for form in KINDS if form in unseen.scores])


def _part(unseen: Unseen, chosen: Form, kinds: Sequence[Form]) -> Form:
    """Take kinds if they make the labels likelier by more than a standard error, groups being what is drawn.

    Likelihood tells more than the number of right answers, where there are few.
    """
    if not kinds:
        return chosen
    truth = truth_of(unseen, unseen.scores[chosen])
    share = unseen.weight * (truth >= 0)
    share /= max(float(share.sum()), SMALLEST)
    likely = {form: _log_odds(unseen, form, truth) for form in (chosen, *kinds)}
    best = max(kinds, key=lambda form: float(share @ likely[form]))
    gain = likely[best] - likely[chosen]
    mean = float(share @ gain)
    _, place = np.unique(unseen.group, return_inverse=True)
    error = float(np.sqrt(np.square(np.bincount(place, share * (gain - mean))).sum()))
    return best if mean > error else chosen


def _log_odds(unseen: Unseen, form: Form, truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log probability of each row's class, (n,), calibrated."""
    scores = unseen.scores[form]
    odds = fit_softmax(scores, truth, unseen.weight).softmax(scores)
    return np.asarray(np.log(np.maximum(odds[np.arange(len(truth)), truth], SMALLEST)))


def _worth(unseen: Unseen, scores: NDArray[np.float64], *, several: bool) -> NDArray[np.float64]:
    """Tell for each row whether its best class is right; for tags, how likely they are made, in nats."""
    if several:
        scale = fit_sigmoid(scores, unseen.belongs, unseen.weight)
        return -sigmoid_losses(scores, unseen.belongs, scale)
    right: NDArray[np.bool_] = unseen.belongs[np.arange(len(scores)), scores.argmax(axis=1)]
    return right.astype(np.float64)
