"""A sample of one attribute -> its weights: tuned and calibrated on items unseen in the fit, then fitted to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tonari.attributes.calibrate import Calibration, Method, calibrate, calibrate_vote
from tonari.attributes.choose import USUAL, choose
from tonari.attributes.discriminant import Form, discriminant
from tonari.attributes.evidence import Evidence
from tonari.attributes.labels import Sample
from tonari.attributes.spread import measure_spread
from tonari.attributes.unseen import score_unseen
from tonari.attributes.weights import ClassWeights, plain_means

LEAST_TRIED = 30
LEAST_HELD_OUT = 100
PRECISION = 0.9


@dataclass(frozen=True, slots=True)
class Learned:
    """All that is known about one attribute.

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
    """

    several: bool
    means: ClassWeights
    discriminant: ClassWeights
    form: Form
    calibrations: Mapping[Method, Calibration]

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
class Studied:
    """What was learned, and the evidence for its figures, by method."""

    learned: Learned
    evidence: Mapping[Method, Evidence]


def learn(sample: Sample, classes: tuple[Any, ...], *, several: bool, precision: float = PRECISION) -> Learned:
    """Fit one attribute: what :func:`study` learns."""
    return study(sample, classes, several=several, precision=precision).learned


def study(sample: Sample, classes: tuple[Any, ...], *, several: bool, precision: float = PRECISION) -> Studied:
    """Fit one attribute.

    Each fifth of the groups, by their hash, is held out in turn: each tenth, where there are fewer views than
    dimensions. Shrinkage and prior are chosen by how often they are right there (for tags: by the likelihood), kinds by
    the likelihood, scales are fitted to the same scores; the weights are then fitted again to all.

    Parameters
    ----------
    several
        The classes are tags: items may have more than one.
    precision
        How often values that are given shall be right.
    """
    form = USUAL
    figures: dict[Method, tuple[Calibration, Evidence]] = {}
    unseen = score_unseen(sample, len(classes), several=several)
    if unseen.items >= LEAST_TRIED and len(classes) > 1:
        form = choose(unseen, several=several)
    if unseen.items >= LEAST_HELD_OUT and len(classes) > 1:
        figures = {
            "discriminant": calibrate(unseen, unseen.scores[form], precision, several=several),
            "means": calibrate(unseen, unseen.scores["means"], precision, several=several),
            "vote": calibrate_vote(sample, precision, several=several),
        }
    weights = discriminant(measure_spread(sample, several=several), classes, form)
    calibrations = {method: calibration for method, (calibration, _) in figures.items()}
    learned = Learned(several, plain_means(sample, classes), weights, form, calibrations)
    return Studied(learned, {method: evidence for method, (_, evidence) in figures.items()})
