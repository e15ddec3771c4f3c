"""Numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari_tools.push.table.written_numbers import Decimal, read_number, scan_numbers, settle

NEITHER: frozenset[Decimal] = frozenset()
GROUPS = {",": "point", ".": "comma", " ": "either", "\u00a0": "either", "\u202f": "either", "'": "either"}


def column(*cells: str, elsewhere: frozenset[Decimal] = NEITHER) -> list[int | float | None]:
    settled = settle(scan_numbers(dict.fromkeys(cells, 1)), elsewhere)
    return [settled.values.get(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0),
        ("12", 12),
        ("-5", -5),
        ("\u22125", -5),
        ("+5", 5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.50", 1.5),
        ("0.125", 0.125),
        ("0.30000000000000004", 0.30000000000000004),
        ("1,299.00", 1299.0),
        ("1.299,00", 1299.0),
        ("1 299,00", 1299.0),
        ("1\u00a0299,00", 1299.0),
        ("1\u202f299,00", 1299.0),
        ("1'299.50", 1299.5),
        ("1\u2019299.50", 1299.5),
        ("1,299,000", 1_299_000),
        ("1.299.000", 1_299_000),
        ("1,00,000", 100_000),
        ("12,50", 12.5),
        ("-12,5", -12.5),
        ("$7", 7),
        ("-$7.50", -7.5),
        ("$-7.50", -7.5),
        ("US$ 7", 7),
        ("\u20ac 12", 12),
        ("12,50 \u20ac", 12.5),
        ("7 USD", 7),
        ("$7.50 USD", 7.5),
        ("CHF 1'200.00", 1200.0),
        ("\u00a51,200.00", 1200.0),
        ("1200\u5186", 1200),
        ("12,-", 12),
        ("1.299,-", 1299),
        ("12%", 12),
        ("1.5e3", 1500.0),
        ("1e-05", 0.00001),
        ("1.2E+11", 1.2e11),
        ("\uff11\uff12", 12),
        ("4006381333931", 4006381333931),
        ("999999999999999", 999_999_999_999_999),
    ],
)
def test_what_one_cell_means(cell: str, value: float) -> None:
    (read,) = column(cell)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "-",
        "abc",
        "10L",
        "5 kg",
        "inf",
        "nan",
        "1_000",
        "\u0663",
        "1\u0663",
        "0x10",
        "(5)",
        "1.2.3",
        "1,2,3",
        "1,2.3,4",
        "31.12.2025",
        "12/31/2025",
        "2025-01-31",
        "$",
        "5 $ 5",
        "$5\u20ac",
        "1,29.00",
        "12,345,67",
        "0,123,456",
        "+-5",
        "1e999",
        "1 2 3",
        "05.5",
        "12:30",
        "3-4",
        "1/2",
        "10x20",
    ],
)
def test_what_is_no_number(cell: str) -> None:
    assert read_number(cell) is None


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("1,299", "12.50"), [1299, 12.5]),
        (("1,299", "12,5"), [1.299, 12.5]),
        (("1.299", "12,5"), [1299, 12.5]),
        (("1.299", "12.5"), [1.299, 12.5]),
        (("1,299", "1,000,000"), [1299, 1_000_000]),
        (("1,299", "7"), [1299, 7]),
        (("1.299", "7"), [1.299, 7]),
        (("12,50", "12.50"), [12.5, 12.5]),
        (("12,50", "12.50", "1,299"), [12.5, 12.5, None]),
    ],
)
def test_the_rest_of_the_column_decides_what_a_comma_is(cells: tuple[str, ...], values: list[float | None]) -> None:
    assert column(*cells) == values
    assert column(*reversed(cells)) == [*reversed(values)]


def test_where_the_column_does_not_decide_the_table_does() -> None:
    assert column("1,299", elsewhere=frozenset({"comma"})) == [1.299]
    assert column("1.299", elsewhere=frozenset({"comma"})) == [1299]
    assert column("1,299", elsewhere=frozenset({"point", "comma"})) == [1299]
    assert column("1,299", "1.5", elsewhere=frozenset({"comma"})) == [1299, 1.5]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1,299",), "'1,299' is read as 1299, not 1.299"),
        (("1.299",), "'1.299' is read as 1.299, not 1299"),
        (("1,299", "1.5"), "'1,299' is read as 1299"),
        (("5", "$7"), "'$7' is read as 7"),
        (("1.5", "1,5"), "both '1.5' and '1,5' are read as decimals"),
        (("1,2E+11",), "'1,2E+11' is read as 120000000000"),
        (
            ("4.00638E+12",),
            "numbers with E+ may have lost digits in Excel: format the column as a number without decimals there",
        ),
    ],
)
def test_what_was_decided_is_said(cells: tuple[str, ...], said: str) -> None:
    assert said in settle(scan_numbers(dict.fromkeys(cells, 1)), NEITHER).remarks


def test_what_every_program_writes_needs_no_word() -> None:
    assert settle(scan_numbers(dict.fromkeys(("1", "-2.5", "0.125", "3.14159"), 1)), NEITHER).remarks == ()


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (("1", "007"), "'007' has leading zeros"),
        (("1", "1234567890123456"), "more than 15 digits"),
        (("1", "-1234567890123456"), "more than 15 digits"),
        (("+491701234567",), "telephone"),
        (("1E5", "2e7"), "'1E5' may be a code"),
    ],
)
def test_codes_are_no_numbers(cells: tuple[str, ...], why: str) -> None:
    assert why in scan_numbers(dict.fromkeys(cells, 1)).codes


def test_a_number_with_an_exponent_among_many_others_is_one() -> None:
    assert scan_numbers(dict.fromkeys(("1", "2", "3", "1e3"), 1)).codes == ""


def test_the_rest_of_a_column_of_words_is_not_looked_at() -> None:
    assert scan_numbers({"red": 5, "7": 4, "green": 1}).numbers == {}


@given(st.floats(-1e14, 1e14) | st.floats(1e16, 1e300) | st.integers(-(10**15) + 1, 10**15 - 1))
def test_what_python_writes_is_read_back(value: float) -> None:
    text = str(value)
    if "e" in text and not ("." in text or "e-" in text or "e+" in text):
        text = text.replace("e", "e+")
    written = read_number(text)
    assert written is not None
    assert (written.point if "." in text or "e" in text or written.comma is None else written.comma) == value


@given(st.integers(1000, 10**12), st.integers(1, 99), st.sampled_from(sorted(GROUPS)))
def test_grouped_numbers_are_read_back(whole: int, cents: int, group: str) -> None:
    decimals = {"point": ".", "comma": ",", "either": ","}[GROUPS[group]]
    text = f"{whole:,}".replace(",", group) + f"{decimals}{cents:02d}"
    assert column(text) == [pytest.approx(whole + cents / 100)]
