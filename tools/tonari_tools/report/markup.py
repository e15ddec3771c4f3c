"""HTML that cannot be broken out of: every text is escaped where it is put in."""

from __future__ import annotations

import html
import re

VOID = frozenset({"img", "meta", "wbr"})
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Html(str):
    """Markup that stands as it is; any other string is a text."""

    __slots__ = ()


def plain(text: object) -> str:
    """Write a value as a text without what neither HTML nor XML can hold."""
    return _UNWRITABLE.sub("\ufffd", str(text))


def tag(name: str, /, *children: str | None, **attributes: str | float | None) -> Html:
    """Make an element; children that are no :class:`Html` are escaped, those that are None left out.

    Attributes that are None are left out too; ``class_`` gives ``class``, and other underscores become hyphens.

    >>> tag("p", "1 < 2", tag("b", "&"), class_="soft", title=None)
    '<p class="soft">1 &lt; 2<b>&amp;</b></p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>") if name in VOID else Html(f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: str | None) -> Html:
    """Put markup and texts one after the other."""
    return Html(
        "".join(
            child if isinstance(child, Html) else html.escape(plain(child)) for child in children if child is not None
        )
    )
