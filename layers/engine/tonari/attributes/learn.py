"""A sample of one attribute -> its model: tuned and calibrated on held-out items, then fitted to all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.calibrate import Calibration, calibrate
from tonari.attributes.choice import choose_default, choose_form, choose_strength, temperature_of
from tonari.attributes.crossfit import (
    USUAL,
    Fold,
    HeldOutScores,
    held_out_scores,
    leave_out,
    rows_of,
    score_held_out,
    score_refined,
)
from tonari.attributes.discriminant import Form, class_statistics
from tonari.attributes.held_out_vote import vote_of_other_folds
from tonari.attributes.labels import Sample
from tonari.attributes.refine import fit_form
from tonari.attributes.vote import share_to_score
from tonari.attributes.weights import ClassWeights, plain_means
from tonari.contract.findings import AttributeQuality, MethodQuality
from tonari.contract.requests import Method

DEFAULT: Method = "discriminant"
LEAST_TRIED = 30
TOO_FEW = f"Fewer than {LEAST_TRIED} items could be held out: no methods were compared."
LEAST_HELD_OUT = 100
PRECISION = 0.9
MOST_REFINED = 20_000 * 150 * 1536
"""Views times classes times dimensions: beyond that the discriminant stays as it is, for want of time."""


@dataclass(frozen=True, slots=True)
class AttributeModel:
    """All that is needed to predict one attribute.

    Parameters
    ----------
    several
        Whether an item may have more than one class.
    means, discriminant
        Weights of the classes that have items with views.
    form
        Of the discriminant, as chosen on held-out items.
    calibrations
        By method; empty where fewer than 100 items could be held out.
    default
        The method that answers unless another is asked for.
    reason
        Why it does.
    """

    several: bool
    means: ClassWeights
    discriminant: ClassWeights
    form: Form
    calibrations: Mapping[Method, Calibration]
    default: Method = "discriminant"
    reason: str = ""

    @property
    def classes(self) -> tuple[Any, ...]:
        """``C`` values."""
        return self.discriminant.classes

    def report(self) -> dict[str, Any]:
        """Give the figures as JSON."""
        return {
            "classes": len(self.classes),
            "sampled": int(self.discriminant.sampled.sum()),
            **asdict(self.form),
            "methods": {method: asdict(calibration) for method, calibration in self.calibrations.items()},
        }


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """A model, and what is reported of it: its figures, and the evidence for them."""

    model: AttributeModel
    quality: AttributeQuality


def study(sample: Sample, classes: tuple[Any, ...], *, several: bool, precision: float = PRECISION) -> CrossValidated:
    """Fit one attribute, and tell how good it is on items that it had not seen.

    Each fifth of the groups, by their hash, is held out in turn; each tenth, where there are fewer views than
    dimensions; each thirtieth, where classes are small besides. By what the others teach, the form of the discriminant
    is chosen, how far it is refined, and whether the vote is better; scales are fitted to the same scores. The weights
    are then fitted again to all.

    Parameters
    ----------
    several
        The classes are tags: items may have more than one.
    precision
        How often values that are given shall be right.
    """
    count = len(classes)
    form, default = USUAL, DEFAULT
    reason = "There is only one class." if count < 2 else TOO_FEW
    figures: dict[Method, tuple[Calibration, MethodQuality]] = {}
    folds = tuple(leave_out(sample, several=several))
    held_out = score_held_out(sample, folds, count, several=several)
    if held_out.items >= LEAST_TRIED and count > 1:
        form, scores = _choose(sample, folds, held_out, count, several=several)
        rows, shares = vote_of_other_folds(sample)
        votes = share_to_score(shares, several=several)
        asked = held_out_scores(sample, rows, {})
        default, reason = choose_default(asked, scores[np.argsort(rows_of(folds))[rows]], votes)
        if held_out.items >= LEAST_HELD_OUT:
            plain = held_out.scores["means"].astype(np.float64)
            figures = {
                "discriminant": calibrate(held_out, scores, classes, precision, several=several),
                "means": calibrate(held_out, plain, classes, precision, several=several),
                "vote": calibrate(asked, votes, classes, precision, several=several),
            }
    statistics = class_statistics(sample, several=several)
    weights = fit_form(sample, statistics, classes, form, several=several)
    means = plain_means(statistics.item_means, statistics.sampled, classes)
    known = np.flatnonzero(statistics.sampled > 0).tolist()
    calibrations = {method: calibration.of(known) for method, (calibration, _) in figures.items()}
    model = AttributeModel(several, means, weights, form, calibrations, default, reason)
    sampled = tuple(weights.sampled.tolist())
    methods = {method: quality for method, (_, quality) in figures.items()}
    return CrossValidated(model, AttributeQuality(several, model.classes, sampled, methods, default, reason))


def _choose(
    sample: Sample, folds: Sequence[Fold], held_out: HeldOutScores, count: int, *, several: bool
) -> tuple[Form, NDArray[np.float64]]:
    """Choose a form and how far it is refined; give its scores with it."""
    form = choose_form(held_out, several=several)
    if form.subclasses != "classes" or len(sample) * count * sample.features.shape[1] > MOST_REFINED:
        return form, held_out.scores[form].astype(np.float64)
    start = replace(form, temperature=temperature_of(held_out, form, several=several))
    refined = score_refined(sample, folds, count, start, several=several)
    return choose_strength(held_out, form, refined, several=several)
