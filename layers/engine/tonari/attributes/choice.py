"""Which form of the discriminant, how far refined, and which method by default: what held-out items say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.crossfit import MIXTURE_FORMS, PLAIN_FORMS, HeldOutScores, truth_of
from tonari.attributes.discriminant import Form
from tonari.attributes.probability import SMALLEST, fit_sigmoid, fit_softmax, sigmoid_losses
from tonari.contract.requests import Method

SURELY, ABOUT = 1.5, 0.5
"""Standard errors: what is surely better, and what is about as good."""
PATIENCE = 2
LEAST_TEMPERATURE = 0.1
MOST_SCALED = 4_000
"""Rows that the scale of a comparison is fitted to; all rows are compared."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How good scores are for each held-out view, (n,).

    Parameters
    ----------
    right
        1 where the best class is one of the item's, else 0.
    likely
        Log probability of the item's class in nats, after calibration; for tags, the mean over all tags.
    """

    right: NDArray[np.float64]
    likely: NDArray[np.float64]


def judge(held_out: HeldOutScores, scores: NDArray[np.floating], *, several: bool) -> Judged:
    """Judge scores (n, C) of held-out views; those whose class the fit could not know have no likelihood: 0."""
    scores = scores.astype(np.float64)
    right = _is_right(held_out, scores)
    some = slice(None, None, -(-len(scores) // MOST_SCALED))
    weight = held_out.weight[some]
    if several:
        scale = fit_sigmoid(scores[some], held_out.belongs[some], weight)
        return Judged(right, -sigmoid_losses(scores, held_out.belongs, scale))
    truth = truth_of(held_out, scores)
    probabilities = fit_softmax(scores[some], truth[some], weight).softmax(scores)
    likely = np.log(np.maximum(probabilities[np.arange(len(truth)), truth], SMALLEST))
    return Judged(right, np.where(truth >= 0, likely, 0.0))


def compare(held_out: HeldOutScores, one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    """Give the mean of ``one - other`` (n,) over views and its standard error: views of a group go together."""
    share = held_out.weight / max(float(held_out.weight.sum()), SMALLEST)
    gain = one - other
    mean = float(share @ gain)
    _, group = np.unique(held_out.group, return_inverse=True)
    return mean, float(np.sqrt(np.square(np.bincount(group, share * (gain - mean))).sum()))


def choose_form(held_out: HeldOutScores, *, several: bool) -> Form:
    """Choose shrinkage and prior, and whether classes are parted into subclasses.

    Of the forms that are right as often as the best one, but for half a standard error, the one that makes the labels
    likeliest is taken: the number of right answers alone is too coarse to choose by. Of tags only the likelihood
    decides. Subclasses are used if they raise
    the likelihood by more than a standard error.
    """
    candidates = PLAIN_FORMS if several else _often_right(held_out)
    judged = {form: judge(held_out, held_out.scores[form], several=several) for form in candidates}
    chosen = max(judged, key=lambda form: float(held_out.weight @ judged[form].likely))
    mixtures = [form for form in MIXTURE_FORMS if form in held_out.scores]
    if mixtures:
        parted = {form: judge(held_out, held_out.scores[form], several=several) for form in mixtures}
        best = max(parted, key=lambda form: compare(held_out, parted[form].likely, judged[chosen].likely)[0])
        gain, error = compare(held_out, parted[best].likely, judged[chosen].likely)
        if gain > error:
            return best
    return chosen


def _often_right(held_out: HeldOutScores) -> list[Form]:
    """Find the forms whose best class is right as often as that of the best form, but for half a standard error."""
    right = {form: _is_right(held_out, held_out.scores[form]) for form in PLAIN_FORMS}
    best = max(right.values(), key=lambda one: float(held_out.weight @ one))
    lost = {form: compare(held_out, best, one) for form, one in right.items()}
    return [form for form, (mean, error) in lost.items() if mean <= ABOUT * error]


def _is_right(held_out: HeldOutScores, scores: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(held_out.belongs[np.arange(len(scores)), scores.argmax(axis=1)], np.float64)


def temperature_of(held_out: HeldOutScores, form: Form, *, several: bool) -> float:
    """Find by what the scores of a form must be divided to mean logarithms of odds; 0.1 at least.

    Scores that part the classes without error would be multiplied without end.
    """
    some = slice(None, None, -(-len(held_out.weight) // MOST_SCALED))
    scores, weight = held_out.scores[form], held_out.weight[some]
    if several:
        found = fit_sigmoid(scores[some], held_out.belongs[some], weight).temperature
    else:
        found = fit_softmax(scores[some], truth_of(held_out, scores)[some], weight).temperature
    return max(found, LEAST_TEMPERATURE)


def choose_strength(
    held_out: HeldOutScores,
    form: Form,
    refined: Iterable[tuple[Form, NDArray[np.floating]]],
    *,
    several: bool,
) -> tuple[Form, NDArray[np.float64]]:
    """Refine a form as long as the labels become likelier; keep that only where it is surely better than the form.

    Returns
    -------
    The form, and its scores (n, C).
    """
    given: NDArray[np.floating] = held_out.scores[form]
    plain = judge(held_out, given, several=several)
    best, best_scores, best_judged = form, given, plain
    waited = 0
    for one, scores in refined:
        judged = judge(held_out, scores, several=several)
        if compare(held_out, judged.likely, best_judged.likely)[0] > 0:
            best, best_scores, best_judged, waited = one, scores, judged, 0
        else:
            waited += 1
            if waited == PATIENCE:
                break
    gain, error = compare(held_out, best_judged.likely, plain.likely)
    lost, noise = compare(held_out, plain.right, best_judged.right)
    if gain > error and lost <= noise:
        return best, best_scores.astype(np.float64)
    return form, given.astype(np.float64)


def choose_default(
    held_out: HeldOutScores, discriminant: NDArray[np.float64], vote: NDArray[np.float64]
) -> tuple[Method, str]:
    """Take the vote only where it is surely right more often on the same views; scores are (n, C). And say why."""
    weighed, voted = _is_right(held_out, discriminant), _is_right(held_out, vote)
    gain, error = compare(held_out, voted, weighed)
    ours, theirs = (float(np.average(one, weights=held_out.weight)) for one in (weighed, voted))
    if gain > SURELY * error:
        said = f"{theirs:.2f} against {ours:.2f}"
        return "vote", f"The vote of the nearest items is right more often on held-out items: {said}."
    if gain > 0:
        said = f"{theirs:.2f} against {ours:.2f}"
        return "discriminant", f"The vote of the nearest items is not surely better on held-out items: {said}."
    said = f"{ours:.2f} against {theirs:.2f}"
    return "discriminant", f"It is right at least as often as the vote of the nearest items on held-out items: {said}."
