"""Which texts are labels, by kinds of texts: what a limit leaves out says so."""

from __future__ import annotations

import pytest

from tonari.fields.label_like import MOST_CLASSES, MOST_NUMBERS, judge


def of_each(texts: list[str], items: int = 5) -> dict[str, int]:
    return dict.fromkeys(texts, items)


@pytest.mark.parametrize(
    "texts",
    [
        ["red", "blue"],
        [f"type {number}" for number in range(142)],
        [f"brand {number}" for number in range(MOST_CLASSES)],
        ["S", "M", "L", "XL"],
        [str(number) for number in range(10)],
        [str(year) for year in range(2000, 2000 + MOST_NUMBERS)],
        ["36", "37", "38", "38.5", "39"],
        ["500 g", "1 kg", "2 kg"],
        ["3-seat", "2-seat", "1-seat"],
        ["100% cotton", "50% wool"],
        ["7UP", "3M", "4711"],
    ],
)
def test_labels(texts: list[str]) -> None:
    verdict = judge(of_each(texts))

    assert verdict.labels
    assert verdict.reason == f"{len(texts):,} values, 5 items each"


@pytest.mark.parametrize(
    "texts",
    [
        ["19.99", "24.99", "29.99"],
        ["19,99", "24,99", "29,99"],
        ["$20", "$25", "$1,299"],
        ["20 €", "25 €", "1.299 €"],
        ["USD 20", "USD 25.50"],
        ["20 CHF", "25 CHF"],
        ["10%", "20 %", "55%"],
        ["0.1234", "-0.5", ".25"],
        ["9.99", "12.50", "on request"],
    ],
)
def test_amounts_are_no_labels(texts: list[str]) -> None:
    verdict = judge(of_each(texts))

    assert not verdict.labels
    assert verdict.repeated
    assert verdict.reason.startswith("prices or other amounts, such as '")


def test_many_whole_numbers_are_no_labels() -> None:
    prices = [str(100 + 7 * number) for number in range(MOST_NUMBERS + 1)]

    assert judge(of_each(prices)).reason == f"numbers, and {len(prices)} of them: more than {MOST_NUMBERS}"


@pytest.mark.parametrize(
    ("counts", "reason", "repeated"),
    [
        (of_each([f"b{n}" for n in range(MOST_CLASSES + 1)]), "301 values: more than 300", True),
        (of_each(["a", "b", "c"], 3), "3 values, 3.0 items each: fewer than 5", True),
        (of_each(["a" * 65, "b"]), "texts of more than 64 letters", True),
        (of_each(["a", "b"], 1), "every value is different", False),
        ({"a": 1, "b": 1, "c": 2}, "3 values, 1.3 items each: fewer than 5", False),
        ({"a": 9}, "all items have the same value", False),
        ({}, "no item has a value", False),
    ],
)
def test_what_a_limit_leaves_out(counts: dict[str, int], reason: str, repeated: bool) -> None:  # noqa: FBT001
    verdict = judge(counts)

    assert (verdict.labels, verdict.reason, verdict.repeated) == (False, reason, repeated)
