"""Values as words and numbers, the same everywhere in the report."""

from __future__ import annotations

import re
from typing import Any

LABEL = 22
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def printable(text: object) -> str:
    """Write a value as a text without what neither HTML nor XML can hold."""
    return _UNWRITABLE.sub("\ufffd", str(text))


def say(value: Any) -> str:
    """Write a class, or a list of tags, as people would.

    >>> say(True), say(3.0), say(["red", "warm"])
    ('yes', '3', 'red, warm')
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(say, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else printable(value)


def percent(share: float) -> str:
    """Write a share of 1 in percent, with one decimal where it is not 0.

    >>> percent(0.8449), percent(0.996), percent(1.0)
    ('84.5 %', '99.6 %', '100 %')
    """
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def fraction(items: float) -> str:
    """Write how many items there are where each of several views counts as a part of one.

    >>> fraction(3.0), fraction(0.3333)
    ('3', '0.3')
    """
    return f"{items:,.1f}".removesuffix(".0")


def count(number: float, one: str, many: str | None = None) -> str:
    """Write a number of things.

    >>> count(1, "item"), count(1200, "item"), count(2, "class", "classes")
    ('1 item', '1,200 items', '2 classes')
    """
    return f"{number:,.0f} {one if round(number) == 1 else many or f'{one}s'}"


def short(text: str, most: int = LABEL) -> str:
    """Cut the middle out of a long text: paths differ at their ends.

    >>> short("Men/Tops/Hoodies & Sweatshirts")
    'Men/Top… & Sweatshirts'
    """
    flat = " ".join(printable(text).split())
    head = (most - 1) // 3
    return flat if len(flat) <= most else f"{flat[:head]}…{flat[len(flat) - (most - 1 - head) :]}"
