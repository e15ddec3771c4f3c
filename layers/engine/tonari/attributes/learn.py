"""A sample of one attribute -> its model: tuned and calibrated on held-out items, then fitted to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tonari.attributes.calibrate import Calibration, calibrate, calibrate_vote
from tonari.attributes.crossfit import USUAL, choose_form, score_held_out
from tonari.attributes.discriminant import Form, class_statistics, discriminant
from tonari.attributes.labels import Sample
from tonari.attributes.weights import ClassWeights, plain_means
from tonari.contract.findings import AttributeQuality, MethodQuality
from tonari.contract.requests import Method

LEAST_TRIED = 30
LEAST_HELD_OUT = 100
PRECISION = 0.9


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

    Each fifth of the groups, by their hash, is held out in turn: each tenth, where there are fewer views than
    dimensions. Shrinkage and prior are chosen by how often they are right there (for tags: by the likelihood),
    subclasses by the likelihood, scales are fitted to the same scores; the weights are then fitted again to all.

    Parameters
    ----------
    several
        The classes are tags: items may have more than one.
    precision
        How often values that are given shall be right.
    """
    form = USUAL
    figures: dict[Method, tuple[Calibration, MethodQuality]] = {}
    held_out = score_held_out(sample, len(classes), several=several)
    if held_out.items >= LEAST_TRIED and len(classes) > 1:
        form = choose_form(held_out, several=several)
    if held_out.items >= LEAST_HELD_OUT and len(classes) > 1:
        figures = {
            "discriminant": calibrate(held_out, held_out.scores[form], classes, precision, several=several),
            "means": calibrate(held_out, held_out.scores["means"], classes, precision, several=several),
            "vote": calibrate_vote(sample, classes, precision, several=several),
        }
    weights = discriminant(class_statistics(sample, several=several), classes, form)
    calibrations = {method: calibration for method, (calibration, _) in figures.items()}
    model = AttributeModel(several, plain_means(sample, classes), weights, form, calibrations)
    sampled = tuple(weights.sampled.tolist())
    methods = {method: quality for method, (_, quality) in figures.items()}
    return CrossValidated(model, AttributeQuality(several, model.classes, sampled, methods))
