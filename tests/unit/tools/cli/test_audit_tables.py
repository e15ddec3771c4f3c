from __future__ import annotations

from typing import Any

from tonari_tools.cli.audit_tables import MOST_ROWS, TABLES, cell
from tonari_tools.cli.tables import status_table

CONTRADICTED = {
    "id": "a",
    "attribute": "color",
    "label": "red",
    "discriminant": {"value": "blue", "probability": 0.987},
    "vote": {"value": "blue", "share": 0.75},
    "neighbours": ["n1", "n2", "n3", "n4", "n5"],
}


def found(items: list[dict[str, Any]], count: int, checked: int = 900) -> dict[str, Any]:
    return {"checked": checked, "suspected": count, "count": count, "threshold": 0.96, "items": items}


def test_labels_that_are_contradicted() -> None:
    assert TABLES["contradicted"](found([CONTRADICTED], 1)) == (
        "labels contradicted: 1 of 900 checked\n\n"
        "id  attribute  label  rather  probability  vote  neighbours\n"
        "a   color      red    blue    0.99         0.75  n1, n2, n3, n4\n\n"
        "Look at the picture, then correct the document or leave it."
    )


def test_how_many_are_not_shown_is_said() -> None:
    text = TABLES["contradicted"](found([CONTRADICTED] * (MOST_ROWS + 3), 2000))

    assert text.count("color") == MOST_ROWS
    assert "\n3 more with --json.\n" in text
    assert f"\n{2000 - MOST_ROWS - 3} more are not listed" in text


def test_duplicates() -> None:
    group = {"ids": list("abcdef"), "images": [], "score": 0.9712, "size": 600}

    text = TABLES["duplicates"](found([group], 1))

    assert text.startswith("near-duplicate pictures: 1 groups among 900 views, from cosine 0.960\n")
    assert "600    0.971         a, b, c, d, …" in text


def test_gaps() -> None:
    items = [
        {"id": "a", "attribute": "color", "value": "red", "probability": 0.9, "agree": True},
        {"id": "b", "attribute": "tags", "value": ["x", "y"], "probability": 0.8, "agree": False},
    ]

    lines = TABLES["missing"](found(items, 2, 7)).splitlines()

    assert lines[0] == "attributes missing: 7; predicted with certainty: 2"
    assert lines[3].split() == ["a", "color", "red", "0.90", "agrees"]
    assert lines[4].split() == ["b", "tags", "x,", "y", "0.80", "differs"]


def test_nothing_found_is_one_line() -> None:
    assert all("\n" not in lay_out(found([], 0)) for lay_out in TABLES.values())


def test_a_long_value_is_cut() -> None:
    assert cell("x" * 100) == "x" * 39 + "…"
    assert cell("two\n lines") == "two lines"


def test_a_refusal_stands_in_the_status() -> None:
    fall = {"what": "recall at 0.01", "live": 0.99, "now": 0.9, "margin": 0.01, "held_out": None}
    health = {
        "status": "ok",
        "version": "0.1.0",
        "generation": 3,
        "snapshot": "s",
        "encoder": {"id": "f" * 64, "name": "e", "dimensions": 256},
        "items": 5,
        "views": 9,
        "segments": 1,
        "attributes": {},
        "refused": {"id": "t", "at": "2026-01-01T00:00:00+00:00", "live": "s", "falls": [fall]},
    }

    text = status_table(health, "http://here")

    assert "refused   the snapshot t, built 2026-01-01T00:00:00+00:00: it would be worse than what is live" in text
    assert "recall at 0.01: 0.990 -> 0.900, at most -0.010" in text
    assert "tonari rebuild --accept" in text
