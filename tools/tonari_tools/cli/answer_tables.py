"""Answers of the API and the audit of a snapshot -> tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET
from rich.console import RenderableType

from tonari.contract.answers import FoundItem, Plan, PredictAnswer, Prediction, RankedClass, SearchAnswer
from tonari.contract.artefacts import Regression
from tonari.contract.findings import Audit, ItemGroups
from tonari.contract.health import HealthAnswer
from tonari_tools.tables import Columns, facts, score_bar, text_of

MOST_ROWS = 40
KINDS = {"same": "same picture", "variants": "variants"}


def contradicted_table(audit: Audit) -> list[RenderableType]:
    """Lay out the labels that both methods contradict."""
    found = audit.contradicted
    names = ["id", "attribute", "label", "rather", "worth", "probability", "vote", "neighbours"]
    rows = [
        [
            label.id,
            label.attribute,
            label.label,
            label.discriminant.value,
            f"{label.worth:.2f}",
            f"{label.discriminant.probability:.2f}",
            f"{label.vote.share:.2f}",
            label.neighbours,
        ]
        for label in found.items[:MOST_ROWS]
    ]
    head = f"Doubtful labels: {found.count} of {found.checked} checked, those most worth a look first"
    remedy = "Look at each picture, then correct the document or leave it."
    return _section(head, Columns(names, rows), len(found.items), found.count, remedy)


def duplicates_table(audit: Audit) -> list[RenderableType]:
    """Lay out the groups of items that show the same picture."""
    found = audit.duplicates
    names = ["items", "kind", "differ in", "least cosine", "ids"]
    rows = [
        [group.size, KINDS[group.kind], group.differ, f"{group.score:.3f}", group.ids]
        for group in found.items[:MOST_ROWS]
    ]
    head = (
        f"Near-duplicate pictures: {found.count} groups among {found.checked} views, from cosine {found.threshold:.3f}"
    )
    remedy = (
        "Same picture: give each item a picture of its own, or merge the items. "
        "Variants, one design in another colour say, may stay: set split_by to the field that they share."
    )
    return _section(head, Columns(names, rows), len(found.items), found.count, remedy)


def missing_table(audit: Audit) -> list[RenderableType]:
    """Lay out what could be filled in."""
    found = audit.missing
    names = ["id", "attribute", "could be", "probability", "the vote"]
    rows = [
        [gap.id, gap.attribute, gap.value, f"{gap.probability:.2f}", "agrees" if gap.agree else "differs"]
        for gap in found.items[:MOST_ROWS]
    ]
    head = f"Missing attributes: {found.checked}, of which {found.count} are predicted with certainty"
    remedy = "If a value is right, add it to the document: tonari never writes documents."
    return _section(head, Columns(names, rows), len(found.items), found.count, remedy)


TABLES: dict[str, Callable[[Audit], list[RenderableType]]] = {
    "contradicted": contradicted_table,
    "duplicates": duplicates_table,
    "missing": missing_table,
}


def _section(head: str, table: Columns, listed: int, count: int, remedy: str) -> list[RenderableType]:
    if not table.rows:
        return [head]
    lines: list[RenderableType] = [head, "", table, ""]
    if hidden := listed - len(table.rows):
        lines.append(f"{hidden} more with --json.")
    if count > listed:
        lines.append(f"{count - listed} more are not listed: settle these, then rebuild.")
    return [*lines, remedy]


MOST_FIELDS = 6
MOST_ALTERNATIVES = 3
MOST_PASSAGE = 120
HEARSAY = {True: "neighbours agree: ", False: "neighbours say ", None: "neighbours are not sure: "}
"""What other items say of a label."""
FIRST = ("name", "category", "color", "colour", "price", "brand")


def search_table(answer: SearchAnswer) -> list[RenderableType]:
    """Lay out what a search found, and how it was found."""
    plan = answer.plan
    foot = (
        f"{len(answer.items)} of {plan.matching} matching items; compared {plan.scanned} views ({plan.path})"
        f"{_fusion(plan)}; "
        f"{_milliseconds(answer.took_ms)}"
    )
    strange = _strange(answer)
    if answer.shifted is not UNSET:
        foot += f"; moved to cosine {answer.shifted.cosine:.2f} of the query"
    if answer.reranked is not UNSET and not answer.reranked.complete:
        foot += f"; only the nearest {answer.reranked.candidates} were ranked by boosts"
    if not answer.items:
        return [*strange, foot]
    names = _main_fields(answer.items)
    words = any(item.bm25 is not UNSET for item in answer.items)
    worded = all(item.score is None for item in answer.items)
    passages = any(item.passage is not UNSET for item in answer.items)
    ranked = any(item.ranked_by is not UNSET or item.placed is not UNSET for item in answer.items)
    rows = [
        [
            item.id,
            *([] if worded else ["" if item.score is None else f"{item.score:.3f}", score_bar(item.score or 0.0)]),
            *([_words(item)] if words else []),
            *([_rank(item)] if ranked else []),
            *([_view(item)] if passages else []),
            *(_fields(item).get(name) for name in names),
        ]
        for item in answer.items
    ]
    columns = [
        "id",
        *([] if worded else ["score", ""]),
        *(["words"] if words else []),
        *(["ranked by"] if ranked else []),
        *(["passage"] if passages else []),
        *names,
    ]
    return [*strange, Columns(columns, rows), "", foot]


def _words(item: FoundItem) -> str:
    """Say how well an item's texts answer the words, and where it stands in each list."""
    bm25 = "" if item.bm25 is UNSET else f"{item.bm25:.2f}"
    if item.ranks is UNSET:
        return bm25
    places = ", ".join(f"{name} {rank}" for name, rank in item.ranks.items())
    return f"{bm25} ({places})".strip()


def _view(item: FoundItem) -> str:
    """Give the beginning of the passage that was found, or the name of the picture."""
    if item.passage is UNSET:
        return text_of(item.view)
    text = text_of(item.passage.text or item.passage.title)
    return text if len(text) <= MOST_PASSAGE else f"{text[: MOST_PASSAGE - 1]}…"


def _fusion(plan: Plan) -> str:
    """Say which lists were ranked together."""
    if plan.fusion is UNSET:
        return ""
    return f", {plan.fusion.lexical} by words and {plan.fusion.dense} by embedding ranked together"


def _strange(answer: SearchAnswer | PredictAnswer) -> list[RenderableType]:
    """Say so if the query is like nothing in the catalogue."""
    nearest, level = answer.likeness.nearest, answer.likeness.level
    if answer.familiar is not False:
        return []
    compared = (
        ""
        if nearest is None or level is None
        else (f": the nearest item has similarity {nearest:.3f}, 98.5 % of what belongs here has {level:.3f} or more")
    )
    return [f"Like nothing in this catalogue{compared}.", ""]


def _rank(item: FoundItem) -> str:
    """Say why an item stands where it stands: it was placed there, or its boosts."""
    if item.placed is not UNSET:
        return item.placed
    if item.ranked_by is UNSET:
        return ""
    if item.boosts is UNSET:
        return f"{item.ranked_by:.3f}"
    added = ", ".join(f"{text_of(name)} {added:+.3f}" for name, added in item.boosts.items())
    return f"{item.ranked_by:.3f} ({added})"


def prediction_table(answer: PredictAnswer) -> list[RenderableType]:
    """Lay out what is predicted, with the alternatives."""
    rows = [_prediction(name, predicted) for name, predicted in answer.predictions.items()]
    by = {one.method for one in answer.predictions.values()}
    foot = f"method {answer.method or ', '.join(sorted(by))}; {_milliseconds(answer.took_ms)}"
    if not rows:
        return ["No attribute can be predicted: no field of the catalogue has labels to learn from.", "", foot]
    names = ["attribute", "value", "score", "", "or", "for", "against"]
    shown = [at for at, name in enumerate(names) if name not in ("for", "against") or any(row[at] for row in rows)]
    table = Columns([names[at] for at in shown], [[row[at] for at in shown] for row in rows])
    return [*_strange(answer), table, "", foot]


def _prediction(name: str, predicted: Prediction) -> list[Any]:
    alternatives, value = predicted.alternatives, predicted.value
    evidence = [[one.id for one in voters] for voters in (predicted.supporting, predicted.against)]
    if predicted.abstained_because == "unfamiliar":
        return [name, "(unfamiliar)", "", "", "", "", ""]
    if predicted.method == "label":
        rest = _alternatives(HEARSAY[predicted.agree], alternatives)
        return [name, f"{text_of(value)} (its label)", "", "", rest, *evidence]
    if predicted.abstained and alternatives:
        value, alternatives = f"perhaps {text_of(alternatives[0].value)}", alternatives[1:]
    score = predicted.score or 0.0
    return [name, value, f"{score:.3f}", score_bar(score), _alternatives("", alternatives), *evidence]


def _alternatives(said: str, classes: Sequence[RankedClass]) -> str:
    listed = ", ".join(f"{text_of(other.value)} {other.score:.2f}" for other in classes[:MOST_ALTERNATIVES])
    return f"{said}{listed}" if listed else ""


def status_table(health: HealthAnswer, url: str) -> list[RenderableType]:
    """Lay out what is live."""
    encoder, refused = health.encoder, health.refused
    rows = [
        ("url", url),
        ("status", f"{health.status}, version {health.version}"),
        ("snapshot", f"{health.snapshot}, generation {health.generation}, {health.segments} delta segments"),
        ("encoder", f"{encoder.name}, {encoder.dimensions} dimensions, {encoder.id[:12]}"),
        ("items", f"{health.items}, {health.views} views"),
        ("asked by", _queries(health)),
    ]
    rows += [(name, f"{len(classes)} classes{_method(health, name)}") for name, classes in health.attributes.items()]
    rows += [("not predicted", f"{text_of(name)}: {why}") for name, why in health.unpredicted.items()]
    if (level := health.familiarity.level) is not None:
        rows.append(("familiar", f"from similarity {level:.3f} on, learned from {health.familiarity.items} items"))
    if health.grouping.items:
        rows.append(("held out", _grouped(health.grouping)))
    rows += _left_out(health)
    if refused:
        rows.append(("refused", f"snapshot {refused.id}, built {refused.at}, is worse than the live one:"))
        rows += [("", _fall(fall)) for fall in refused.falls]
        rows.append(("", "publish it anyway: tonari rebuild --accept"))
    return [facts(rows)]


def _queries(health: HealthAnswer) -> str:
    """Say by what the catalogue can be searched."""
    asked = health.queries
    named = ["pictures"] if asked.image else []
    named += [] if asked.text is None else [f"texts ({asked.text})"]
    named += ["both together"] if asked.image_and_text else []
    return ", ".join([*named, "items"])


def _method(health: HealthAnswer, attribute: str) -> str:
    default = health.methods.get(attribute)
    return "" if default is None else f", by {default.method}{f': {default.reason}' if default.reason else ''}"


def _grouped(grouping: ItemGroups) -> str:
    """Say which items were held out together when accuracy was measured."""
    rules = ", ".join(f"{one.rule} ({text_of(one.how)}): {one.items}" for one in grouping.rules)
    return f"{grouping.items} items in {grouping.groups} groups, the largest of {grouping.largest}; by {rules}"


def _left_out(health: HealthAnswer) -> list[tuple[str, str]]:
    """Say what of the catalogue is not used, and why: keys as `repr` gives them, for they may hold anything."""
    rejected, ignored, unusable = health.rejected, health.ignored, health.unusable
    found = [
        ("rejected", rejected.count, "files", [f"{key!r}: {text_of(why)}" for key, why in rejected.first.items()]),
        (
            "ignored",
            ignored.count,
            "files, at the last rebuild",
            [f"{one.count}: {why} {', '.join(map(repr, one.examples))}" for why, one in ignored.reasons.items()],
        ),
        (
            "unusable",
            unusable.count,
            "values, at the last rebuild",
            [
                f"{text_of(name)}: {one.count}. {text_of(item)}: {text_of(why)}"
                for name, one in unusable.fields.items()
                for item, why in [*one.examples.items()][:1]
            ],
        ),
    ]
    cut = "passages have more tokens than the encoder takes: what is behind cannot be found by meaning"
    rows = [("cut", f"{health.cut} {cut}")] if health.cut else []
    for name, count, what, lines in found:
        rows += [(name, f"{count} {what}"), *(("", line) for line in lines)] if count else []
    return rows


def _fall(fall: Regression) -> str:
    on = "" if fall.held_out is None else f", on {fall.held_out} items held out"
    return f"{fall.what}: {fall.live:.3f} -> {fall.now:.3f}, allowed -{fall.margin:.3f}{on}"


def _fields(item: FoundItem) -> Mapping[str, Any]:
    return {} if item.fields is UNSET else item.fields


def _main_fields(items: Sequence[FoundItem]) -> list[str]:
    seen = dict.fromkeys(name for item in items for name in _fields(item) if name not in ("id", "images"))
    return sorted(seen, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))[:MOST_FIELDS]


def _milliseconds(took: Mapping[str, float]) -> str:
    return f"{sum(took.values()):.1f} ms ({', '.join(f'{name} {value:.1f}' for name, value in took.items())})"
