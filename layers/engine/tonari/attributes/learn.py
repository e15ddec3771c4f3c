"""A sample of one attribute -> its model: tuned and calibrated on held-out items, then fitted to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tonari.attributes.calibrate import Calibration, Evidence, calibrate, calibrate_vote
from tonari.attributes.crossfit import USUAL, choose_form, score_held_out
from tonari.attributes.discriminant import Form, class_statistics, discriminant
from tonari.attributes.labels import Labels, Sample
from tonari.attributes.weights import ClassWeights, plain_means
from tonari.contract.findings import (
    AttributeQuality,
    ConfusionCount,
    CoveragePoint,
    Method,
    MethodQuality,
    QualityReport,
    ReliabilityBin,
)

LEAST_TRIED = 30
LEAST_HELD_OUT = 100
PRECISION = 0.9
DECIMALS = 4


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
class CrossValidated:
    """A model, and the evidence for its figures, by method."""

    model: AttributeModel
    evidence: Mapping[Method, Evidence]


def learn(sample: Sample, classes: tuple[Any, ...], *, several: bool, precision: float = PRECISION) -> AttributeModel:
    """Fit one attribute: the model of :func:`study`."""
    return study(sample, classes, several=several, precision=precision).model


def study(sample: Sample, classes: tuple[Any, ...], *, several: bool, precision: float = PRECISION) -> CrossValidated:
    """Fit one attribute, and keep the evidence for its figures.

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
    figures: dict[Method, tuple[Calibration, Evidence]] = {}
    held_out = score_held_out(sample, len(classes), several=several)
    if held_out.items >= LEAST_TRIED and len(classes) > 1:
        form = choose_form(held_out, several=several)
    if held_out.items >= LEAST_HELD_OUT and len(classes) > 1:
        figures = {
            "discriminant": calibrate(held_out, held_out.scores[form], precision, several=several),
            "means": calibrate(held_out, held_out.scores["means"], precision, several=several),
            "vote": calibrate_vote(sample, precision, several=several),
        }
    weights = discriminant(class_statistics(sample, several=several), classes, form)
    calibrations = {method: calibration for method, (calibration, _) in figures.items()}
    model = AttributeModel(several, plain_means(sample, classes), weights, form, calibrations)
    return CrossValidated(model, {method: evidence for method, (_, evidence) in figures.items()})


def quality_report(studied: Mapping[str, CrossValidated], labels: Mapping[str, Labels]) -> QualityReport:
    """Tell how good predictions are, and the evidence for it; both by attribute."""
    return QualityReport({name: _attribute_quality(one, labels[name].classes) for name, one in studied.items()})


def _attribute_quality(one: CrossValidated, classes: tuple[Any, ...]) -> AttributeQuality:
    methods = {
        method: _method_quality(calibration, one.evidence[method], classes)
        for method, calibration in one.model.calibrations.items()
    }
    sampled = tuple(one.model.discriminant.sampled.tolist())
    return AttributeQuality(one.model.several, one.model.classes, sampled, methods)


def _method_quality(calibration: Calibration, evidence: Evidence, classes: tuple[Any, ...]) -> MethodQuality:
    return MethodQuality(
        held_out=calibration.held_out,
        accuracy=calibration.accuracy,
        macro_f1=calibration.macro_f1,
        calibration_error=calibration.calibration_error,
        coverage=calibration.coverage,
        threshold=calibration.threshold,
        precision=calibration.precision,
        reliability=tuple(
            ReliabilityBin(_round(one.confidence), _round(one.right), _round(one.share)) for one in evidence.reliability
        ),
        curve=tuple(CoveragePoint(one.threshold, _round(one.coverage), _round(one.accuracy)) for one in evidence.curve),
        confusion=tuple(
            ConfusionCount(classes[one.truth], classes[one.predicted], _round(one.items)) for one in evidence.confusion
        ),
    )


def _round(value: float) -> float:
    return round(value, DECIMALS)
