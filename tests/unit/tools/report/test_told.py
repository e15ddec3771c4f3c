"""Reading what a build tells, and choosing what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from tonari.errors import CorruptArtefactError
from tonari.index.vectors import from_fixed
from tonari_tools.report.compose import compose
from tonari_tools.report.confusion import commonest, matrix, mistakes
from tonari_tools.report.examples import EXAMPLES, NEIGHBOURS, choose_examples
from tonari_tools.report.figures import Confusion, parse_figures
from tonari_tools.report.findings import parse_findings
from tonari_tools.report.material import MOST_GROUPS, MOST_MISSING, MOST_OF_GROUP, pictures
from tonari_tools.report.thumbnails import MOST
from unit.tools.report.stock import reported, stock

PAIRS = [
    Confusion("a", "a", 6.0),
    Confusion("b", "a", 3.0),
    Confusion("a", "b", 2.0),
    Confusion("b", "b", 1.0),
    Confusion("c", "gone", 1.0),
]


def test_a_build_is_read_whole() -> None:
    _, _, report, audit = reported()
    color = next(one for one in parse_figures(report) if one.name == "color")
    assert list(color.methods) == ["discriminant", "means", "vote"]
    raw = report["attributes"]["color"]["methods"]["vote"]
    assert color.methods["vote"].accuracy == raw["accuracy"]
    assert len(color.methods["vote"].curve) == len(raw["curve"])
    assert sum(one.share for one in color.methods["vote"].reliability) == pytest.approx(1, abs=0.01)
    found = parse_findings(audit)
    assert found.duplicates.items[0].size == 2
    assert found.suspected >= found.contradicted.count


@pytest.mark.parametrize("read", [parse_figures, parse_findings])
@pytest.mark.parametrize("raw", [{}, [], None, {"format": 1}, {"format": 1, "attributes": {"a": {}}}])
def test_another_form_is_refused(read: Any, raw: Any) -> None:
    with pytest.raises(CorruptArtefactError, match=r"not of the documented form"):
        read(raw)


@pytest.mark.parametrize("read", [parse_figures, parse_findings])
def test_another_format_is_refused_with_the_remedy(read: Any) -> None:
    with pytest.raises(CorruptArtefactError, match=r"has format 9, this version reads 1: rebuild"):
        read({"format": 9})


def test_mistakes_are_the_wrong_ones_largest_first() -> None:
    found = mistakes(PAIRS, 2)
    assert [(one.truth, one.said, one.items, one.share) for one in found] == [("b", "a", 3, 0.75), ("a", "b", 2, 0.25)]


def test_the_commonest_class_is_what_guessing_comes_to() -> None:
    assert commonest(PAIRS) == ("a", 8 / 13)


def test_the_rows_of_a_matrix_are_shares_of_their_class() -> None:
    assert matrix(["a", "b", "c", "d"], PAIRS) == [[0.75, 0.25, 0, 0], [0.75, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_examples_cover_classes_and_their_neighbours_are_the_nearest_others() -> None:
    table = stock().table
    chosen = choose_examples(table, ("color", "tags"), 5)
    assert len(chosen) == EXAMPLES == len({one.goods.id for one in chosen})
    assert {label for one in chosen for label in one.goods.labels["color"]} == set(table.columns["color"].classes)  # type: ignore[union-attr]
    assert chosen == choose_examples(table, ("color", "tags"), 5)
    assert chosen != choose_examples(table, ("color", "tags"), 6)
    rows = {
        table.id(position): from_fixed(table.views.fixed[table.rows(position)[0]]).astype(float)
        for position in range(len(table))
    }
    for one in chosen:
        query = rows.pop(one.goods.id)
        best = sorted((round(min(1, float(row @ query)), 6) for row in rows.values()), reverse=True)[:NEIGHBOURS]
        assert [near.score for near in one.neighbours] == pytest.approx(best, abs=2e-6)
        rows[one.goods.id] = query


def test_two_items_are_each_others_only_neighbour_and_one_has_none() -> None:
    assert [len(one.neighbours) for one in choose_examples(stock(2).table, ("color",), 0)] == [1, 1]
    assert [one.neighbours for one in choose_examples(stock(1).table, ("color",), 0)] == [()]


def test_what_is_shown_is_bounded_and_the_counts_are_of_all() -> None:
    facts, table, report, audit = reported()
    ids = [table.id(position) for position in range(len(table))]
    names = list(report["attributes"])
    many = [
        {"id": one, "attribute": name, "value": 1, "probability": 1, "agree": True} for name in names for one in ids
    ]
    group = {"ids": ids[:50], "images": [f"images/{one}/a.jpg" for one in ids[:50]], "score": 0.99, "size": 200}
    wrong = {
        "id": ids[0],
        "attribute": "color",
        "label": "red",
        "discriminant": {"value": "a", "probability": 1},
        "vote": {"value": "a", "share": 1},
        "neighbours": ids[:9],
    }
    audit = {
        "format": 1,
        "contradicted": {
            "checked": 9,
            "count": 500,
            "suspected": 600,
            "items": [{**wrong, "id": one, "neighbours": ids[at : at + 9]} for at, one in enumerate(ids)],
        },
        "duplicates": {"checked": 9, "count": 500, "threshold": 0.96, "items": [group] * 500},
        "missing": {"checked": 9, "count": len(many), "items": many},
    }
    material = compose(facts, table, report, audit, 0)
    assert len(material.findings.duplicates.items) == MOST_GROUPS
    assert material.findings.duplicates.count == 500
    assert len(material.findings.missing.items) == MOST_MISSING
    assert {one.attribute for one in material.findings.missing.items} == set(names)
    keys = list(pictures(material.examples, material.findings, material.goods))
    assert MOST_GROUPS * MOST_OF_GROUP < len(keys) <= MOST
