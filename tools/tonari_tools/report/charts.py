"""The charts of a report, and the shares that they show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from tonari.contract.findings import AttributeQuality, ConfusionCount, MethodQuality
from tonari_tools.report.svg import INKS, drawing, inline
from tonari_tools.report.wording import percent, say, short


def mistakes(pairs: Sequence[ConfusionCount], most: int) -> list[tuple[ConfusionCount, float]]:
    """Give the most frequent mistakes, largest first, and what share of their class each is."""
    of_class = _totals(pairs)
    wrong = [pair for pair in pairs if pair.truth != pair.predicted and pair.items > 0]
    wrong.sort(key=lambda pair: -pair.items)
    return [(one, one.items / of_class[one.truth]) for one in wrong[:most]]


def matrix(classes: Sequence[Any], pairs: Sequence[ConfusionCount]) -> list[list[float]]:
    """Give the share of each class (row) that was predicted to be of each (column); a class without items is all 0."""
    of_class = _totals(pairs)
    number = {value: position for position, value in enumerate(classes)}
    shares = [[0.0] * len(classes) for _ in classes]
    for pair in pairs:
        if pair.truth in number and pair.predicted in number and of_class[pair.truth] > 0:
            shares[number[pair.truth]][number[pair.predicted]] += pair.items / of_class[pair.truth]
    return shares


def commonest(pairs: Sequence[ConfusionCount]) -> tuple[Any, float]:
    """Give the class that most items have, and the share of all that do: the accuracy of always predicting it."""
    of_class = _totals(pairs)
    value = max(of_class, key=lambda one: of_class[one])
    return value, of_class[value] / sum(of_class.values())


def _totals(pairs: Sequence[ConfusionCount]) -> dict[Any, float]:
    of_class: dict[Any, float] = defaultdict(float)
    for pair in pairs:
        of_class[pair.truth] += pair.items
    return of_class


MARKERS = {"discriminant": "o", "means": "s", "vote": "^"}
DASHES = {"discriminant": "-", "means": (0, (4, 2)), "vote": (0, (1.2, 1.6))}
MOST_CLASSES = 25
"""Of a matrix that can still be read."""
MOST_BARS = 30
BAR = 18
CELL = 22
LEAST_WRITTEN = 0.005


def by_selectivity(recall: Mapping[str, float]) -> list[tuple[float, float]]:
    """Give shares of the catalogue in range, ascending, and the recall of each."""
    return sorted((float(selectivity), value) for selectivity, value in recall.items())


def draw_recall(recall: Mapping[str, float]) -> Markup:
    """Recall@10 against the share of the catalogue that a filter lets through."""
    points = by_selectivity(recall)
    shares, values = zip(*points, strict=True)
    with drawing(400, 210) as axes:
        axes.plot(shares, values, color=INKS["discriminant"], marker="o", markersize=6)
        axes.set_xscale("log")
        axes.minorticks_off()
        room = [nearer / share >= 3 for share, nearer in pairwise(shares)]
        axes.set_xticks(shares, [percent(s) if fits else "" for s, fits in zip(shares, [*room, True], strict=True)])
        axes.set(ylim=(min(0.9, min(values) - 0.02), 1.005))
        axes.set(xlabel="share of the catalogue in range", ylabel="recall@10")
        axes.grid(axis="y")
        spoken = ", ".join(f"{value:.3f} at {percent(share)}" for share, value in points)
        return inline(axes, "recall", f"Recall at 10 by selectivity: {spoken}")


def draw_accuracies(attributes: Sequence[tuple[str, AttributeQuality]]) -> Markup:
    """Accuracy of each method, one row per attribute that was measured."""
    names, rows = zip(*reversed(attributes), strict=True)
    with drawing(460, 62 + 30 * len(rows)) as axes:
        for height, one in enumerate(rows):
            values = [method.accuracy for method in one.methods.values()]
            axes.plot([min(values), max(values)], [height, height], color=INKS["line"], linewidth=2, zorder=1)
            for name, method in one.methods.items():
                axes.plot(method.accuracy, height, MARKERS[name], color=INKS[name], markersize=8, zorder=2)
        lowest = min(method.accuracy for one in rows for method in one.methods.values())
        axes.set_xlim(max(0.0, np.floor(lowest * 10 - 0.5) / 10), 1.01)
        _name_rows(axes, names)
        axes.grid(axis="x")
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.set_xlabel("right on held-out items")
        return inline(axes, "accuracies", "Accuracy of each method by attribute; the table has the same figures")


def draw_reliability(figures: MethodQuality, method: str, name: str) -> Markup:
    """How often predictions of each confidence are right; stems show how far that is from the confidence."""
    bins = [one for one in figures.reliability if one.share > 0]
    with drawing(210, 212) as axes:
        axes.plot([0, 1], [0, 1], color=INKS["soft"], linewidth=1, linestyle=(0, (3, 3)), zorder=1)
        confidence, right = [one.confidence for one in bins], [one.right for one in bins]
        axes.vlines(confidence, confidence, right, color=INKS[method], linewidth=1.2, zorder=2)
        sizes = [12 + 300 * one.share for one in bins]
        axes.scatter(
            confidence, right, sizes, color=INKS[method], marker=MARKERS[method], alpha=0.75, zorder=3, clip_on=False
        )
        axes.set(xlabel="confidence", xlim=(-0.03, 1.05), xticks=(0, 0.5, 1), xticklabels=["0", "50 %", "100 %"])
        axes.set(ylabel="right", ylim=(-0.03, 1.05), yticks=(0, 0.5, 1), yticklabels=["0", "50 %", "100 %"])
        axes.set_aspect("equal")
        axes.grid()
        gap = percent(figures.calibration_error)
        return inline(axes, name, f"Reliability of {method}: confidence and share right differ by {gap} on average")


def draw_coverage(attribute: AttributeQuality, about: str, name: str) -> Markup:
    """Accuracy among predictions that reach a threshold, against how many do; a mark at the threshold in use."""
    with drawing(440, 260) as axes:
        lowest = 1.0
        for method, figures in reversed(attribute.methods.items()):
            points = sorted((point.coverage, point.accuracy) for point in figures.curve)
            if not points:
                continue
            covered, right = zip(*points, strict=True)
            lowest = min(lowest, *right)
            axes.plot(covered, right, color=INKS[method], linestyle=DASHES[method])
            if figures.coverage > 0:
                at = float(np.interp(figures.coverage, covered, right))
                axes.plot(figures.coverage, at, MARKERS[method], color=INKS[method], markersize=8)
        asked = next(iter(attribute.methods.values())).precision
        axes.axhline(asked, color=INKS["soft"], linewidth=1, linestyle=(0, (3, 3)))
        axes.annotate(f"asked for: {percent(asked)}", (0, asked), (2, 3), textcoords="offset points", fontsize=11)
        axes.set(xlim=(0, 1.02), ylim=(max(0.0, min(lowest, asked) - 0.05), 1.01))
        axes.set(xlabel="coverage: items that are given a value", ylabel="right among them")
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.grid(axis="y")
        return inline(axes, name, f"Accuracy against coverage of {about}, one line per method")


def draw_sampled(classes: Sequence[tuple[Any, int]], name: str) -> Markup:
    """From how many items each class was learned."""
    rows = list(reversed(classes[:MOST_BARS]))
    counts = [number for _, number in rows]
    with drawing(440, 20 + BAR * len(rows)) as axes:
        axes.barh(range(len(rows)), counts, height=0.62, color=INKS["bar"])
        for height, number in enumerate(counts):
            axes.annotate(f"{number:,}", (number, height), (4, 0), textcoords="offset points", va="center", fontsize=11)
        _name_rows(axes, [say(value) for value, _ in rows])
        axes.set_xlim(0, max(1, *counts) * 1.12)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        return inline(axes, name, f"Items sampled for each of {len(rows)} classes; the table has the same figures")


def draw_confusion(classes: Sequence[Any], shares: Sequence[Sequence[float]], name: str) -> Markup:
    """Draw what share of each class (row) was predicted to be of which (column): at most 25 of them."""
    labels = [short(say(one)) for one in classes]
    size = CELL * len(classes)
    with drawing(size + 170, size + 170) as axes:
        for row, line in enumerate(shares):
            for column, share in enumerate(line):
                ink = INKS["discriminant" if row == column else "means"]
                if share >= LEAST_WRITTEN:
                    corner = column - 0.47, row - 0.47
                    axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=ink, alpha=min(1.0, 0.08 + 0.92 * share)))
                    written = INKS["on" if share > 0.5 else "ink"]
                    axes.text(column, row, f"{share * 100:.0f}", color=written, ha="center", va="center", fontsize=9)
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), aspect="equal", xlabel="predicted")
        axes.set_xticks(range(len(classes)), labels, rotation=90)
        axes.set_yticks(range(len(classes)), labels)
        axes.tick_params(length=0, labelcolor=INKS["ink"])
        axes.spines[:].set_visible(False)
        return inline(
            axes, name, f"Confusion of {len(classes)} classes in percent of each row; a table names the worst"
        )


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(map(short, names)))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", length=0, labelcolor=INKS["ink"])
    axes.spines["left"].set_visible(False)
