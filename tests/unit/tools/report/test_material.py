"""Choosing what is shown of what a build found."""

from __future__ import annotations

import pytest
from msgspec import structs

from tonari.contract.findings import (
    ConfusionCount,
    ContradictedLabel,
    ContradictedLabels,
    DuplicateGroup,
    Duplicates,
    Guess,
    MissingValue,
    MissingValues,
    VoteShare,
)
from tonari.index.vectors import from_fixed
from tonari_tools.report.charts import commonest, matrix, mistakes
from tonari_tools.report.material import (
    EXAMPLES,
    MOST_GROUPS,
    MOST_MISSING,
    MOST_NEIGHBOURS,
    MOST_OF_GROUP,
    NEIGHBOURS,
    choose_examples,
    pictures,
    select,
)
from tonari_tools.report.thumbnails import MOST
from unit.tools.report.stock import reported, stock

PAIRS = [
    ConfusionCount("a", "a", 6.0),
    ConfusionCount("b", "a", 3.0),
    ConfusionCount("a", "b", 2.0),
    ConfusionCount("b", "b", 1.0),
    ConfusionCount("c", "gone", 1.0),
]


def test_mistakes_are_the_wrong_ones_largest_first() -> None:
    found = mistakes(PAIRS, 2)
    assert [(one.truth, one.predicted, one.items, share) for one, share in found] == [
        ("b", "a", 3, 0.75),
        ("a", "b", 2, 0.25),
    ]


def test_the_commonest_class_and_its_share() -> None:
    assert commonest(PAIRS) == ("a", 8 / 13)


def test_the_rows_of_a_matrix_are_shares_of_their_class() -> None:
    assert matrix(["a", "b", "c", "d"], PAIRS) == [[0.75, 0.25, 0, 0], [0.75, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_examples_cover_classes_and_their_neighbours_are_the_nearest_others() -> None:
    table = stock().table
    chosen = choose_examples(table, ("color", "tags"), 5)
    assert len(chosen) == EXAMPLES == len({one.item.id for one in chosen})
    assert {label for one in chosen for label in one.item.labels["color"]} == set(table.columns["color"].classes)  # type: ignore[union-attr]
    assert chosen == choose_examples(table, ("color", "tags"), 5)
    assert chosen != choose_examples(table, ("color", "tags"), 6)
    rows = {
        table.id(position): from_fixed(table.views.fixed[table.rows(position)[0]]).astype(float)
        for position in range(len(table))
    }
    for one in chosen:
        query = rows.pop(one.item.id)
        best = sorted((round(min(1, float(row @ query)), 6) for row in rows.values()), reverse=True)[:NEIGHBOURS]
        assert [score for _, score in one.neighbours] == pytest.approx(best, abs=2e-6)
        rows[one.item.id] = query


def test_two_items_are_each_others_only_neighbour_and_one_has_none() -> None:
    assert [len(one.neighbours) for one in choose_examples(stock(2).table, ("color",), 0)] == [1, 1]
    assert [one.neighbours for one in choose_examples(stock(1).table, ("color",), 0)] == [()]


def test_what_is_shown_is_bounded_and_the_counts_are_of_all() -> None:
    head, snapshot, encoder_name, quality, audit = reported()
    table = snapshot.table
    ids = tuple(table.id(position) for position in range(len(table)))
    names = list(quality.attributes)
    missing = tuple(MissingValue(one, name, 1, 1.0, agree=True) for name in names for one in ids)
    group = DuplicateGroup(ids[:50], tuple(f"images/{one}/a.jpg" for one in ids[:50]), 0.99, 200, "same", ())
    contradicted = tuple(
        ContradictedLabel(one, "color", "red", Guess("a", 1.0), VoteShare("a", 1.0), ids[at : at + 9], 0.9)
        for at, one in enumerate(ids)
    )
    much = structs.replace(
        audit,
        contradicted=ContradictedLabels(9, 600, 500, contradicted),
        duplicates=Duplicates(9, 0.96, 500, (group,) * 500),
        missing=MissingValues(9, len(missing), missing),
    )

    material = select(head, snapshot, encoder_name, quality, much, 0)

    assert len(material.audit.duplicates.items) == MOST_GROUPS
    assert {len(one.images) for one in material.audit.duplicates.items} == {MOST_OF_GROUP}
    assert material.audit.duplicates.count == 500
    assert material.audit.duplicates.items[0].size == 200
    assert max(len(one.neighbours) for one in material.audit.contradicted.items) == MOST_NEIGHBOURS
    assert len(material.audit.missing.items) == MOST_MISSING
    assert {one.attribute for one in material.audit.missing.items} == set(names)
    keys = list(pictures(material))
    assert MOST_GROUPS * MOST_OF_GROUP < len(keys) <= MOST
