"""What the figures of an attribute mean, and what to do about them, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tonari.attributes.support import least_support
from tonari.contract.findings import AttributeQuality, MethodQuality
from tonari_tools.report.charts import commonest
from tonari_tools.report.wording import count, percent, say

LEAST_HELD_OUT = 100
WORTH_IT = 0.01
WELL_CALIBRATED = 0.05
FEW = 20
NAMED = 5


def advise(attribute: AttributeQuality) -> Iterator[str]:
    """Say what is worth knowing of an attribute, one sentence or two at a time."""
    if not attribute.methods:
        yield (
            f"Not measured: fewer than {LEAST_HELD_OUT} items with a picture and a label could be held out, or there "
            "are fewer than two classes. Predictions are made all the same, but how often they are right is unknown: "
            "their scores are not probabilities, and even doubtful values are given. Label more items."
        )
    else:
        yield from _advise_method(attribute)
    yield from _few(attribute)


def _advise_method(attribute: AttributeQuality) -> Iterator[str]:
    accuracy = {name: method.accuracy for name, method in attribute.methods.items()}
    best = max(accuracy, key=lambda name: accuracy[name])
    usual = attribute.default if attribute.default in attribute.methods else best
    figures = attribute.methods[usual]
    what = "the best tag is right" if attribute.several else "right"
    yield f"{usual.capitalize()} (the default): {what} for {percent(figures.accuracy)} of {figures.held_out:,} items."
    lead = accuracy[best] - figures.accuracy
    if lead >= WORTH_IT:
        yield f'{best.capitalize()} is right more often by {percent(lead)}: ask for it with "method": "{best}".'
    yield from _futile(figures)
    yield _calibration(figures)
    yield _coverage(figures)


def _futile(figures: MethodQuality) -> Iterator[str]:
    if not figures.confusion:
        return
    value, share = commonest(figures.confusion)
    if figures.accuracy < share + WORTH_IT:
        yield (
            f"That is no better than always saying “{say(value)}” ({percent(share)}): the pictures do not show this "
            'attribute. Set "attribute": false for it in schema.json, or fit an encoder.'
        )


def _calibration(figures: MethodQuality) -> str:
    gap = percent(figures.calibration_error)
    if figures.calibration_error <= WELL_CALIBRATED:
        return f"Its probabilities can be trusted: they are off by {gap} on average."
    return f"Its probabilities are off by {gap} on average: use them to compare predictions, not as exact figures."


def _coverage(figures: MethodQuality) -> str:
    asked = percent(figures.precision)
    if figures.threshold > 1:
        least = least_support(figures.precision)
        takes = (
            f"That takes at least {least:,.0f} held-out answers that are all right, and more if some are wrong. "
            if math.isfinite(least)
            else "No number of items can show that a value is never wrong. "
        )
        return (
            f"Never sure enough: held-out items do not show at any confidence that {asked} of the values are right, so "
            f"every value is withheld and only alternatives are given. {takes}Lower “precision” of the field in "
            "schema.json, or label more items."
        )
    if figures.coverage >= 1:
        return f"Every item is given a value: even so, more than the {asked} asked for are right."
    return (
        f"A value is given where its probability is at least {figures.threshold:.2f}, else it is withheld. That gives "
        f"{percent(figures.coverage)} of the items a value, and {asked} of the given values or more are right: that "
        f"rests on {count(round(figures.support), 'independent held-out answer')}."
    )


def _few(attribute: AttributeQuality) -> Iterator[str]:
    few = sorted((number, position) for position, number in enumerate(attribute.sampled) if number < FEW)
    if few:
        names = ", ".join(f"“{say(attribute.classes[position])}” ({number})" for number, position in few[:NAMED])
        more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
        yield (
            f"{count(len(few), 'class was', 'classes were')} learned from fewer than {FEW} items: {names}{more}. "
            "Label more of them, or merge them."
        )
