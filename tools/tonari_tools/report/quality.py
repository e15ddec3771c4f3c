"""One section per attribute: how sure, how right, what is confused with what."""

from __future__ import annotations

from collections.abc import Sequence

from tonari_tools.report.advice import advise
from tonari_tools.report.blocks import chart, folded, section, table, words
from tonari_tools.report.charts import (
    MOST_BARS,
    MOST_CLASSES,
    draw_confusion,
    draw_coverage,
    draw_reliability,
    draw_sampled,
)
from tonari_tools.report.confusion import matrix, mistakes
from tonari_tools.report.figures import AttributeFigures
from tonari_tools.report.markup import Html, join, tag
from tonari_tools.report.overview import legend
from tonari_tools.report.say import count, fraction, percent, say

MOST_ATTRIBUTES = 12
MOST_MISTAKES = 12
MOST_LISTED = 200


def show_attributes(attributes: Sequence[AttributeFigures]) -> Html:
    """Show the first attributes in detail; the rest is in the summary."""
    shown = (_show(one, f"attribute-{number}") for number, one in enumerate(attributes[:MOST_ATTRIBUTES], 1))
    rest = len(attributes) - MOST_ATTRIBUTES
    return join(*shown, words(f"{rest} more attributes stand in the table above only.") if rest > 0 else None)


def _show(one: AttributeFigures, name: str) -> Html:
    sentences = tag("ul", *(tag("li", sentence) for sentence in advise(one)), class_="advice")
    kind = "tags" if one.several else "classes"
    about = tag("p", f"{len(one.classes):,} {kind}", class_="soft")
    measured = (_show_confidence(one, name), _show_confusion(one, name)) if one.methods else ()
    return section(name, one.name, about, sentences, *measured, _show_sampled(one, name))


def _show_confidence(one: AttributeFigures, name: str) -> Html:
    said = words(
        "Reliability, one panel per method: of the predictions made with so much confidence (across), how many are",
        "right (up). On the dashed line confidence is what it says, below it promises too much. The larger a mark, the",
        "more predictions it stands for; small ones are chance. Coverage: the surer predictions have to be, the fewer",
        "are given and the more of these are right. The mark is at the threshold in use.",
    )
    panels = tag(
        "div",
        *(
            chart(draw_reliability(figures, method, f"{name}-{method}"), method, "chart small")
            for method, figures in one.methods.items()
        ),
        class_="panels",
    )
    coverage = chart(draw_coverage(one, f"{name}-coverage"), "coverage")
    reliability = [
        (method, percent(place.confidence), percent(place.right), percent(place.share))
        for method, figures in one.methods.items()
        for place in figures.reliability
        if place.share > 0
    ]
    curve = [
        (method, f"{point.threshold:.2f}", percent(point.coverage), percent(point.accuracy))
        for method, figures in one.methods.items()
        for point in figures.curve
    ]
    numbers = folded(
        "The numbers of these charts",
        table("Reliability", ("method", "confidence", "right", "of all"), reliability),
        table("Accuracy against coverage", ("method", "threshold", "coverage", "right"), curve),
    )
    heading = tag("h3", "How sure, and how right")
    explained = folded("How to read these charts", said)
    return join(heading, explained, legend(), tag("div", panels, coverage, class_="confidence"), numbers)


def _show_confusion(one: AttributeFigures, name: str) -> Html:
    heading = tag("h3", "What is taken for what")
    if one.several:
        return join(heading, words("An item may have several tags, so none is taken for another."))
    method = next(iter(one.methods))
    pairs = one.methods[method].confusion
    rows = [
        (say(wrong.truth), say(wrong.said), fraction(wrong.items), percent(wrong.share))
        for wrong in mistakes(pairs, MOST_MISTAKES)
    ]
    if not rows:
        return join(heading, words(f"By {method} no held-out item was taken for another class."))
    worst = table("Most frequent confusions", ("is", "said to be", "items", "share"), rows, texts=2)
    said = words(
        f"By {method}, on held-out items. Classes that are taken for each other may be one class with two names, or",
        "labels may be wrong: see the audit below. Else more labelled items of both help, or tonari encoder fit.",
    )
    if len(one.classes) > MOST_CLASSES:
        also = words(f"A matrix of {len(one.classes):,} classes could not be read; these are its worst entries.")
        return join(heading, said, also, worst)
    also = words("Each row is a class, each number the percentage of it that was said to be of the column's.")
    drawn = chart(draw_confusion(one.classes, matrix(one.classes, pairs), f"{name}-confusion"))
    return join(heading, said, also, tag("div", drawn, worst, class_="beside two"))


def _show_sampled(one: AttributeFigures, name: str) -> Html:
    ordered = sorted(zip(one.classes, one.sampled, strict=True), key=lambda pair: -pair[1])
    said = words("From how many items each class was learned: at most 1,000, so that no class drowns another.")
    if not ordered:
        return join()
    cut = len(ordered) > MOST_BARS
    also = words(f"Drawn are the {MOST_BARS} with most.") if cut else None
    rows = [(say(value), f"{number:,}") for value, number in ordered[:MOST_LISTED]]
    rest = words(f"And {count(len(ordered) - MOST_LISTED, 'more class', 'more classes')}.")
    listed = table("Items sampled per class", ("class", "items"), rows)
    numbers = folded("The numbers of this chart", listed, *((rest,) if len(ordered) > MOST_LISTED else ()))
    return join(tag("h3", "Learned from"), said, also, chart(draw_sampled(ordered, f"{name}-sampled")), numbers)
