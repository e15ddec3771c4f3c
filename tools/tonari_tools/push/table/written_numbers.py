"""Numbers as people write them: ``1,299.00``, ``12,50``, ``$7`` -> what a cell may mean, and what its column means.

A comma or a point before three digits may group thousands or begin decimals. One cell cannot tell, its column can.
Parsers of single prices (price-parser) and of known locales (Babel) cannot ask a column: see
docs/decisions/dependencies.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Decimal = Literal["point", "comma"]
Number = int | float

MOST_DIGITS = 15
"""Whole digits that a float keeps: longer ones are codes."""
PHONE_DIGITS = 8
LONGEST = 60
PERCENT = "%"

_CODES = (
    "USD EUR GBP JPY CHF CNY RMB INR KRW BRL AUD CAD NZD SEK NOK DKK ISK PLN CZK HUF RON BGN TRY RUB UAH ILS ZAR MXN "
    "ARS CLP COP PEN SGD HKD TWD THB IDR MYR PHP VND AED SAR QAR EGP NGN KES PKR BDT LKR"
)
_CURRENCY = (
    rf"(?:(?:US|CA|AU|NZ|HK|NT|MX|A|C|S|R)?\$|[€£¥₩₹₽₺₫₴฿₪₱₦₡₲₵₸₼₾]|{_CODES.replace(' ', '|')}"
    r"|[Ee]uros?|zł|Kč|[Kk]r\.?|Ft|SFr\.?|Fr\.?|Rs\.?|\u0440\u0443\u0431\.?|円|元|원|TL|lei|лв\.?)"
)
_SAME = {
    **dict.fromkeys(("$", "us$"), "USD"),
    **dict.fromkeys(("€", "euro", "euros"), "EUR"),
    **dict.fromkeys(("¥", "円"), "JPY"),
    "£": "GBP",
}
"""Currencies by their other names."""
_CELL = re.compile(
    rf"(?P<sign>[+-]?)\s?(?P<before>{_CURRENCY}?)\s?(?P<inner>[+-]?)(?P<core>[\d.,' \u2019]*\d\.?)"
    rf"(?P<exponent>[eE][+-]?\d{{1,3}})?(?P<none>[.,][-\u2013\u2014]{{1,2}})?\s?(?P<after>{_CURRENCY}|%|)"
)
_INDIAN = r"[1-9]\d?(?:,\d\d)+,\d{3}"
_POINT = re.compile(
    r"(?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)\.?"
    rf"|(?:[1-9]\d{{0,2}}(?P<group>[, '\u2019])\d{{3}}(?:(?P=group)\d{{3}})*|{_INDIAN})(?:\.\d*)?",
    re.ASCII,
)
_COMMA = re.compile(
    r"(?:0|[1-9]\d*)?,\d+|0|[1-9]\d*|[1-9]\d{0,2}(?P<group>[. '\u2019])\d{3}(?:(?P=group)\d{3})*(?:,\d+)?", re.ASCII
)
_FAST = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.(?:\d{1,2}|\d{4,}))?", re.ASCII)
"""What every program writes; without three decimals, which might group thousands."""
_NO_CODE = re.compile(r"[.]|[eE][+-]")
_LEADING_ZEROS = re.compile(r"[+-]?0\d+")
_MANY_DIGITS = re.compile(rf"\d{{{MOST_DIGITS + 1},}}")
_CUT_BY_EXCEL = re.compile(r"\d(?:[.,]\d+)?E\+\d\d")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(
    (0x00A0, 0x2007, 0x2009, 0x202F, 0x3000), " "
)
_SIGNS = {0x2212: "-", 0xFE63: "-", 0xFF0D: "-", 0xFFE5: "¥", 0xFF04: "$"}


@dataclass(frozen=True, slots=True)
class Written:
    """A cell as a number: with a decimal point, with a decimal comma (None if it cannot be), and its unit.

    ``exponent`` says whether it has one and could be a code too, such as ``2E10``.
    """

    point: Number | None
    comma: Number | None
    unit: str = ""
    exponent: bool = False

    @property
    def decides(self) -> Decimal | None:
        """Which of the two it must be; None if either, or both mean the same."""
        if self.point is None:
            return "comma"
        return "point" if self.comma is None else None


@dataclass(frozen=True, slots=True)
class Scan:
    """The cells of a column that can be numbers, and why all its cells are codes, if so."""

    numbers: dict[str, Written]
    codes: str = ""

    def decimals(self) -> frozenset[Decimal]:
        """Which decimal signs the cells prove."""
        return frozenset(one.decides for one in self.numbers.values() if one.decides)

    def units(self) -> frozenset[str]:
        """Which currencies and percent signs stand in the cells; empty where a cell has none."""
        return frozenset(one.unit for one in self.numbers.values())


@dataclass(frozen=True, slots=True)
class Settled:
    """Numbers by cell, without those that can mean two, and what was decided, in plain words."""

    values: dict[str, Number]
    remarks: tuple[str, ...]


def scan_numbers(texts: Mapping[str, int]) -> Scan:
    """Read cells, given with how often each is there, on its own; stop where most are surely no numbers."""
    numbers: dict[str, Written] = {}
    codes = ""
    still = sum(texts.values()) // 2
    for text, count in texts.items():
        if _FAST.fullmatch(text):
            value = float(text) if "." in text else int(text)
            numbers[text] = Written(value, None if "." in text else value)
            continue
        if text[:1] in "+-0123456789":
            codes = codes or _why_code(text)
        written = read_number(text) if len(text) <= LONGEST else None
        if written is not None:
            numbers[text] = written
        elif (still := still - count) < 0:
            return Scan({}, codes)
    exponents = [text for text, one in numbers.items() if one.exponent]
    if exponents and 2 * len(exponents) >= len(numbers):
        codes = codes or f"{exponents[0]!r} may be a code: text"
    return Scan(numbers, codes)


def _why_code(text: str) -> str:
    if _LEADING_ZEROS.fullmatch(text):
        return f"{text!r} has leading zeros: text"
    if _MANY_DIGITS.match(text.lstrip("+-")):
        return f"{text!r:.40} has more than {MOST_DIGITS} digits: text"
    if text.startswith("+") and sum(letter.isdigit() for letter in text) >= PHONE_DIGITS:
        return f"{text!r:.40} looks like a telephone number: text"
    return ""


def read_number(text: str) -> Written | None:
    """Read one cell; None if it is no number, or one that a float does not keep."""
    found = _CELL.fullmatch(text if text.isascii() else text.translate(_SIGNS).translate(_WIDE))
    if found is None or (found["sign"] and found["inner"]):
        return None
    before, after = (_SAME.get(unit.lower(), unit) for unit in (found["before"], found["after"]))
    if before and after and before != after:
        return None
    core, exponent, no_cents = found["core"].strip(), found["exponent"] or "", found["none"] or ""
    sign = -1 if "-" in (found["sign"], found["inner"]) else 1
    point = None if no_cents.startswith(",") else _value(core, _POINT, ".", exponent, sign)
    comma = None if no_cents.startswith(".") else _value(core, _COMMA, ",", exponent, sign)
    if point is None and comma is None:
        return None
    might_be_code = bool(exponent) and not _NO_CODE.search(core + exponent)
    return Written(point, comma, before or after, might_be_code)


def _value(core: str, form: re.Pattern[str], decimal: str, exponent: str, sign: int) -> Number | None:
    if not form.fullmatch(core):
        return None
    whole, _, part = core.partition(decimal)
    digits = re.sub(r"\D", "", whole)
    if len(digits) > MOST_DIGITS:
        return None
    if decimal not in core and not exponent:
        return sign * int(digits)
    value = sign * float(f"{digits or '0'}.{part or '0'}{exponent}")
    return value if abs(value) < float("inf") else None


def settle(scan: Scan, elsewhere: frozenset[Decimal]) -> Settled:
    """Decide what the cells of a column mean.

    Parameters
    ----------
    elsewhere
        The decimal signs that other columns of the table prove. They, and failing them the point, decide where the
        column itself proves neither.
    """
    proved = scan.decimals()
    asked = proved or elsewhere
    decimal: Decimal = "comma" if asked == {"comma"} else "point"
    values: dict[str, Number] = {}
    either: list[str] = []
    for text, one in scan.numbers.items():
        if one.point is None or one.comma is None:
            values[text] = one.point if one.comma is None else one.comma  # type: ignore[assignment]
        elif one.point == one.comma:
            values[text] = one.point
        elif len(proved) < 2:
            either.append(text)
            values[text] = one.comma if decimal == "comma" else one.point
    return Settled(values, tuple(_remarks(scan, values, either, proved)))


def _remarks(scan: Scan, values: dict[str, Number], either: list[str], proved: frozenset[Decimal]) -> Iterable[str]:
    if len(proved) == 2:
        comma = next(text for text, one in scan.numbers.items() if one.decides == "comma")
        point = next(text for text, one in scan.numbers.items() if one.decides == "point")
        yield f"both {point!r} and {comma!r} are read as decimals"
    if either and not proved:
        other = scan.numbers[either[0]]
        not_meant = other.point if values[either[0]] == other.comma else other.comma
        yield f"{either[0]!r} is read as {_plain(values[either[0]])}, not {_plain(not_meant)}"
        return
    unusual = next((text for text in values if not _FAST.fullmatch(text) and not _as_python(text)), None)
    if unusual is not None:
        yield f"{unusual!r} is read as {_plain(values[unusual])}"
    if any(_CUT_BY_EXCEL.fullmatch(text) for text in values):
        yield "numbers with E+ may have lost digits in Excel: format the column as a number without decimals there"


def _as_python(text: str) -> bool:
    return re.fullmatch(r"-?(?:0|[1-9]\d*)\.\d+(?:[eE][+-]?\d+)?", text) is not None


def _plain(value: Number | None) -> str:
    return f"{value:.15g}" if value is not None else ""
