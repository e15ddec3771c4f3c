"""What ``report.json`` of a snapshot says of its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonari.attributes.evidence import Bin, Point
from tonari.errors import CorruptArtefactError

FORMAT = 1
METHODS = ("discriminant", "means", "vote")


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many held-out items of one class were said to be of another, or rightly of their own."""

    truth: Any
    said: Any
    items: float


@dataclass(frozen=True, slots=True)
class MethodFigures:
    """One way of predicting one attribute, measured on items that it had not seen.

    Parameters
    ----------
    held_out
        How many items that were.
    accuracy, macro_f1, calibration_error, coverage
        Shares of 1; ``coverage`` is that of predictions at or over the threshold.
    threshold
        Least probability that is given as the value; over 1 if ``precision`` is never reached.
    precision
        That was asked for.
    confusion
        Largest first, right ones included; empty for tags.
    """

    held_out: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    coverage: float
    threshold: float
    precision: float
    reliability: tuple[Bin, ...]
    curve: tuple[Point, ...]
    confusion: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class AttributeFigures:
    """One attribute.

    Parameters
    ----------
    several
        Whether an item may have more than one of its classes.
    classes, sampled
        All values, and from how many items each was learned.
    methods
        By name; empty where too few items could be held out.
    """

    name: str
    several: bool
    classes: tuple[Any, ...]
    sampled: tuple[int, ...]
    methods: Mapping[str, MethodFigures]


def parse_figures(raw: Any) -> tuple[AttributeFigures, ...]:
    """Read the value of ``report.json``.

    Raises
    ------
    CorruptArtefactError
        If it is not of the documented form or format.
    """
    try:
        if raw["format"] != FORMAT:
            raise CorruptArtefactError(f"report.json has format {raw['format']}, this version reads {FORMAT}: rebuild.")
        return tuple(_attribute(name, one) for name, one in raw["attributes"].items())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CorruptArtefactError(f"report.json is not of the documented form: {error!r}.") from error


def _attribute(name: str, raw: Mapping[str, Any]) -> AttributeFigures:
    methods = {method: _method(raw["methods"][method]) for method in METHODS if method in raw["methods"]}
    classes, sampled = tuple(raw["classes"]), tuple(int(count) for count in raw["sampled"])
    if len(classes) != len(sampled):
        raise ValueError(f"{len(classes)} classes, {len(sampled)} counts")
    return AttributeFigures(name, bool(raw["several"]), classes, sampled, methods)


def _method(raw: Mapping[str, Any]) -> MethodFigures:
    return MethodFigures(
        held_out=int(raw["held_out"]),
        accuracy=float(raw["accuracy"]),
        macro_f1=float(raw["macro_f1"]),
        calibration_error=float(raw["calibration_error"]),
        coverage=float(raw["coverage"]),
        threshold=float(raw["threshold"]),
        precision=float(raw["precision"]),
        reliability=tuple(Bin(*_floats(one, "confidence", "right", "share")) for one in raw["reliability"]),
        curve=tuple(Point(*_floats(one, "threshold", "coverage", "accuracy")) for one in raw["curve"]),
        confusion=tuple(Confusion(one["truth"], one["said"], float(one["items"])) for one in raw["confusion"]),
    )


def _floats(raw: Mapping[str, Any], *names: str) -> tuple[float, ...]:
    return tuple(float(raw[name]) for name in names)
