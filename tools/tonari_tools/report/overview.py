"""The first sections: what the snapshot is, how well it predicts, how well it is searched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tonari_tools.report.blocks import chart, folded, section, table, words
from tonari_tools.report.charts import MARKERS, draw_accuracies, draw_recall
from tonari_tools.report.figures import AttributeFigures
from tonari_tools.report.markup import Html, join, tag
from tonari_tools.report.material import Facts
from tonari_tools.report.say import count, percent

MOST_REJECTED = 50
MOST_DRAWN = 40
SIGNS = {"o": "●", "s": "■", "^": "▲"}
SHORT_ID = 12


def show_facts(facts: Facts) -> Html:
    """Show what the snapshot is."""
    built = facts.built
    rows = (
        ("items", f"{facts.items:,}"),
        ("pictures", f"{facts.views:,}"),
        ("rejected", f"{len(facts.rejected):,}"),
        ("built", f"{built:%d %B %Y, %H:%M} UTC" if built else "unknown"),
        ("encoder", f"{facts.encoder_name or 'unnamed'}, {facts.dimensions} dimensions ({facts.encoder[:SHORT_ID]})"),
        ("snapshot", f"{facts.snapshot}, generation {facts.generation}"),
    )
    cells = (tag("div", tag("dt", name), tag("dd", value)) for name, value in rows)
    later = (
        words(f"Later changes lie over it ({count(facts.segments, 'delta segment')}); this report leaves them out.")
        if facts.segments
        else None
    )
    return section("snapshot", "The snapshot", tag("dl", *cells, class_="facts"), later, _rejected(facts))


def _rejected(facts: Facts) -> Html | None:
    if not facts.rejected:
        return None
    reasons = Counter(facts.rejected.values())
    rows = [(key, reason) for key, reason in list(facts.rejected.items())[:MOST_REJECTED]]
    rest = len(facts.rejected) - len(rows)
    objects = table("Objects that could not be used", ("key", "reason"), rows, texts=2)
    summary = f"{count(len(facts.rejected), 'object')} rejected, for {count(len(reasons), 'reason')}"
    return folded(summary, objects, words(f"And {rest:,} more: see rejected.json in the snapshot.") if rest else join())


def show_summary(attributes: Sequence[AttributeFigures], facts: Facts) -> Html:
    """Compare all attributes and methods."""
    if not attributes:
        return section(
            "prediction",
            "Prediction",
            words(
                "No field is an attribute, so nothing is predicted.",
                'Name one in schema.json: {"fields": {"color": {"type": "string", "attribute": true}}}.',
            ),
        )
    measured = [one for one in attributes if one.methods][:MOST_DRAWN]
    split = f"items of one “{facts.split_by}” together" if facts.split_by else "item by item"
    explained = words(
        f"Each figure rests on items that were held out ({split}): weights that had not seen them predicted them.",
        "Accuracy is how often the first guess is right, macro-F1 the same with each class counting alike.",
        "The calibration error is the gap between the confidence that is stated and how often it is right;",
        "coverage the share of items that are given a value, because their confidence reaches the threshold.",
    )
    heads = ("attribute", "method", "held out", "accuracy", "macro-F1", "calibration error", "coverage", "threshold")
    numbers = table("Predictions on held-out items", heads, _rows(attributes), texts=2)
    drawn = join(legend(), chart(draw_accuracies(measured))) if measured else None
    return section("prediction", "Prediction", explained, tag("div", drawn, numbers, class_="beside"))


def _rows(attributes: Sequence[AttributeFigures]) -> Iterator[tuple[str, ...]]:
    for one in attributes:
        for method, figures in one.methods.items():
            yield (
                one.name,
                method,
                f"{figures.held_out:,}",
                percent(figures.accuracy),
                percent(figures.macro_f1),
                percent(figures.calibration_error),
                percent(figures.coverage),
                "never" if figures.threshold > 1 else f"{figures.threshold:.2f}",
            )
        if not one.methods:
            yield (one.name, "not measured", *["-"] * 6)


def legend() -> Html:
    """Say which method has which colour and mark."""
    entries = (
        tag("li", tag("span", SIGNS[marker], class_=f"sign {name}", aria_hidden="true"), name)
        for name, marker in MARKERS.items()
    )
    return tag("ul", *entries, class_="legend")


def show_recall(facts: Facts) -> Html:
    """Show how many of the true neighbours a search finds."""
    if not facts.recall:
        return section("recall", "Search", words("Recall was not measured: there are too few items to search among."))
    explained = words(
        "Of the ten items that are truly nearest, how many a search returns: measured when the snapshot was built, on",
        "queries whose own item was left out, under filters that let through so much of the catalogue.",
    )
    least = min(facts.recall.values())
    verdict = (
        "Nothing needs to be done."
        if least >= 0.99
        else 'Below 0.99 true neighbours are missed: ask with "exact": true where each one counts, or rebuild.'
    )
    rows = [
        (percent(float(selectivity)), f"{value:.4f}")
        for selectivity, value in sorted(facts.recall.items(), key=lambda one: -float(one[0]))
    ]
    numbers = table("Recall@10 by selectivity", ("in range", "recall@10"), rows)
    drawn = chart(draw_recall(facts.recall))
    return section("recall", "Search", explained, words(verdict), tag("div", drawn, numbers, class_="beside two"))
