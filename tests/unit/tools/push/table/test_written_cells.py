"""Cells of a column -> values and what was decided."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari_tools.push.table.written_cells import ColumnReading, look_at, read_column, unescape


def read(*cells: str, bar: str = "|") -> tuple[list[Any], ColumnReading]:
    return read_column(look_at("x", cells, lambda row: row + 2), frozenset(), bar)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (("1", "", "2.5"), "number", [1, None, 2.5]),
        (("true", "FALSE", ""), "boolean", [True, False, None]),
        (("2025-01-31", "2025-01-31T10:00:00Z"), "date", ["2025-01-31", "2025-01-31T10:00:00Z"]),
        (("0000-00-00", "2025-01-31"), "date", [None, "2025-01-31"]),
        (("red", "blue"), "text", ["red", "blue"]),
        (("red|blue", "red", ""), "list", [["red", "blue"], ["red"], None]),
        (('["a","b"]', "['c', 5]", "[]"), "list", [["a", "b"], ["c", "5"], None]),
        (("", ""), "text", [None, None]),
        (("2024", "2025"), "number", [2024, 2025]),
        (("0", "1"), "number", [0, 1]),
        (("007", "1"), "text", ["007", "1"]),
        (("yes", "no"), "text", ["yes", "no"]),
        (("10", "XL"), "text", ["10", "XL"]),
    ],
)
def test_a_column_is_what_its_cells_are(cells: tuple[str, ...], kind: str, values: list[Any]) -> None:
    read_as, reading = read(*cells)
    assert (reading.kind, read_as) == (kind, values)


BLANKS = ["N/A", "n/a", "nan", "NaN", "null", "NULL", "-", "--", "\u2013", "?", "#N/A", "#VALUE!", "<NA>", "\\N"]


@pytest.mark.parametrize("blank", [*BLANKS, "NA", "na", "None", "none", "nil", "n.a.", "NAN", "..."])
@pytest.mark.parametrize("full", [("5", "6.50"), ("true", "false"), ("2025-01-31", "2025-02-28")])
def test_a_column_with_blanks_stays_what_it_is_and_says_so(blank: str, full: tuple[str, ...]) -> None:
    bare, expected = read(*full)
    values, reading = read(full[0], blank, full[1], blank)
    assert (reading.kind, values) == (expected.kind, [bare[0], None, bare[1], None])
    assert reading.blanks == 2
    assert f"2 of 4 cells are {blank!r}: read as no value" in reading.why


@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_is_no_class_of_a_text_column_either(blank: str) -> None:
    values, reading = read("red", blank, "", "blue")
    assert (values, reading.blanks) == (["red", None, None, "blue"], 2)
    assert f"1 of 4 cells is {blank!r}: read as no value" in reading.why


@pytest.mark.parametrize("word", ["NA", "None", "none", "nil", "Nan"])
def test_what_may_be_a_country_or_a_class_stays_in_a_text_column(word: str) -> None:
    values, reading = read("DE", word, "FR")
    assert (values, reading.blanks, reading.why) == (["DE", word, "FR"], 0, "")


def test_a_few_words_among_many_numbers_have_no_value_and_are_named() -> None:
    values, reading = read(*["5"] * 60, "call us", "sold out")
    assert (reading.kind, values[-2:], reading.blanks) == ("number", [None, None], 2)
    assert reading.why == "not numbers, so without a value: 'call us' in line 62 (and 1 more)"


@pytest.mark.parametrize(("full", "word"), [("true", "maybe"), ("2025-01-31", "31.01.2025")])
def test_a_few_words_among_many_booleans_or_dates_have_no_value_either(full: str, word: str) -> None:
    values, reading = read(*[full] * 60, word)
    assert values[-1] is None
    assert f"{word!r} in line 62" in reading.why


@pytest.mark.parametrize(("numbers", "words"), [(2, 1), (18, 1), (94, 6)])
def test_a_column_with_more_words_than_slips_is_text_and_says_why(numbers: int, words: int) -> None:
    values, reading = read(*map(str, range(numbers)), *["XL"] * words)
    assert (reading.kind, values[0], values[-1]) == ("text", "0", "XL")
    more = f" (and {words - 1} more)" if words > 1 else ""
    assert reading.why == f"text, since not all are numbers: 'XL' in line {numbers + 2}{more}"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (("$7", "\u20ac8"), "text: amounts in EUR and USD cannot be compared"),
        (("5%", "5"), "text: some cells have a % and some have none"),
        (("007", "8"), "'007' has leading zeros: text"),
        (("1234567890123456",), "has more than 15 digits: text"),
        (("31.12.2025", "01.02.2026"), "'31.12.2025' is text: write dates as 2026-01-31 (ISO 8601)"),
        (("12/31/2025",), "'12/31/2025' is text: write dates as"),
        (("2025/12/31 10:00",), "is text: write dates as"),
        (("yes", "No"), "text: only true and false are booleans"),
        (("10 kg", "5.5 kg"), "'10 kg' is text: take the unit out"),
        (("10-20", "20-30"), "'10-20' is text: write the ends of a range in two columns"),
        (("$1.50 ~ $2", "$20 ~ $30"), "'$1.50 ~ $2' is text: write the ends of a range in two columns"),
        (("1.5", "2,5", "1,299"), "'1,299' has two meanings here"),
        (("1,299", "7"), "'1,299' is read as 1299, not 1.299"),
        (("Fish &amp; chips", "Caf&eacute;"), "&amp; is read as '&'"),
        (("soft<br>warm", "warm"), "HTML such as <br> stays as it is"),
        (("red|blue", "red|green"), "lists of texts: 'red|blue' is 'red' and 'blue'"),
        (("a|b", "c", "d"), "text, also where it has a '|': 'a|b' in line 2"),
    ],
)
def test_what_was_decided_is_said(cells: tuple[str, ...], why: str) -> None:
    assert why in read(*cells)[1].why


def test_one_currency_may_be_written_in_several_ways() -> None:
    assert read("$7", "7 USD", "US$ 7.50", "8")[0] == [7, 7, 7.5, 8]
    assert read("\u20ac7", "7 EUR", "7,50 Euro")[0] == [7, 7, 7.5]
    assert read("\u00a51,200", "1,200\u5186")[0] == [1200, 1200]


def test_a_column_of_which_nothing_was_decided_says_nothing() -> None:
    for cells in (("1", "2.5"), ("red", "blue"), ("true", "false"), ("2025-01-31",), ("a", "")):
        assert read(*cells)[1].why == ""


def test_html_entities_become_what_they_stand_for_and_nothing_else_does() -> None:
    cells = ("Fish &amp; chips", "AT&T", "R&D;", "&copy 2025", "&#233;t&#xE9;", "a &lt; b", "&nbsp;")
    assert read(*cells)[0] == ["Fish & chips", "AT&T", "R&D;", "&copy 2025", "\u00e9t\u00e9", "a < b", None]
    assert read("&euro;12.50", "&euro;7")[0] == [12.5, 7]


@given(st.text())
def test_a_text_without_an_entity_stays_as_it_is(text: str) -> None:
    assert unescape(text.replace(";", "")) == text.replace(";", "")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("red|blue", "green", "red", "green", "blue"), "list"),
        (("red|blue", "green", "white", "black", "grey"), "text"),
        ((f"{'a long sentence ' * 5}|b", "c|d"), "text"),
        (("|", "a|b"), "list"),
    ],
)
def test_a_bar_separates_texts_where_most_cells_have_it_or_one_vocabulary_is_used(
    cells: tuple[str, ...], kind: str
) -> None:
    assert read(*cells)[1].kind == kind


def test_where_the_bar_separates_cells_it_separates_no_texts() -> None:
    assert read("red|blue", "red|green", bar="")[0] == ["red|blue", "red|green"]


def test_examples_are_the_first_different_cells_as_written() -> None:
    reading = read("", "1,50", "1,50", "N/A", "2", "3", "4")[1]
    assert (reading.column, reading.examples) == ("x", ("1,50", "2", "3"))
