from __future__ import annotations

from msgspec import structs

from tonari.contract.findings import (
    Audit,
    ContradictedLabel,
    ContradictedLabels,
    DuplicateGroup,
    Duplicates,
    Guess,
    MissingValue,
    MissingValues,
    VoteShare,
)
from tonari_tools.cli.answer_tables import MOST_ROWS, TABLES
from tonari_tools.tables import plain

CONTRADICTED = ContradictedLabel(
    "a", "color", "red", Guess("blue", 0.987), VoteShare("blue", 0.75), ("n1", "n2", "n3", "n4", "n5"), 0.61
)
NOTHING = Audit(900, ContradictedLabels(900, 0, 0, ()), Duplicates(900, 0.96, 0, ()), MissingValues(0, 0, ()))


def test_labels_that_are_contradicted() -> None:
    audit = structs.replace(NOTHING, contradicted=ContradictedLabels(900, 1, 1, (CONTRADICTED,)))

    assert plain(*TABLES["contradicted"](audit)) == (
        "Doubtful labels: 1 of 900 checked, those most worth a look first\n\n"
        "id  attribute  label  rather  worth  probability  vote  neighbours\n"
        "a   color      red    blue    0.61   0.99         0.75  n1, n2, n3, n4, …\n\n"
        "Look at each picture, then correct the document or leave it."
    )


def test_how_many_are_not_shown_is_said() -> None:
    found = ContradictedLabels(9000, 2000, 2000, (CONTRADICTED,) * (MOST_ROWS + 3))

    text = plain(*TABLES["contradicted"](structs.replace(NOTHING, contradicted=found)))

    assert text.count("color") == MOST_ROWS
    assert "\n3 more with --json.\n" in text
    assert f"\n{2000 - MOST_ROWS - 3} more are not listed" in text


def test_duplicates() -> None:
    group = DuplicateGroup(tuple("abcdef"), tuple("abcdef"), 0.9712, 600, "variants", ("color",))

    text = plain(*TABLES["duplicates"](structs.replace(NOTHING, duplicates=Duplicates(900, 0.96, 1, (group,)))))

    assert text.startswith("Near-duplicate pictures: 1 groups among 900 views, from cosine 0.960\n")
    assert "600    variants  color      0.971         a, b, c, d, …" in text
    assert "Variants" in text.splitlines()[-1]


def test_gaps() -> None:
    items = (
        MissingValue("a", "color", "red", 0.9, agree=True),
        MissingValue("b", "tags", ["x", "y"], 0.8, agree=False),
    )

    lines = plain(*TABLES["missing"](structs.replace(NOTHING, missing=MissingValues(7, 2, items)))).splitlines()

    assert lines[0] == "Missing attributes: 7, of which 2 are predicted with certainty"
    assert lines[3].split() == ["a", "color", "red", "0.90", "agrees"]
    assert lines[4].split() == ["b", "tags", "x,", "y", "0.80", "differs"]


def test_nothing_found_is_one_line() -> None:
    assert all("\n" not in plain(*lay_out(NOTHING)) for lay_out in TABLES.values())
