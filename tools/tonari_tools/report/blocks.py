"""What sections are built of: tables, figures, pictures, labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tonari_tools.report.goods import Goods
from tonari_tools.report.markup import Html, join, tag
from tonari_tools.report.say import say
from tonari_tools.report.thumbnails import NOT_SHOWN, Thumbnail

NO_PICTURE = Thumbnail(wrong="no picture")
MOST_LABELS = 4


def section(name: str, title: str, *children: str | None) -> Html:
    """Make a section with a heading, to be reached by ``#name``."""
    heading = tag("h2", title, id=f"{name}-heading")
    return tag("section", heading, *children, id=name, aria_labelledby=f"{name}-heading")


def words(*sentences: str) -> Html:
    """Make a paragraph that explains."""
    return tag("p", " ".join(sentences), class_="words")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> Html:
    """Make a table whose first ``texts`` columns are texts and whose others are numbers."""
    head = tag("tr", *(tag("th", one, scope="col", class_=_align(at, texts)) for at, one in enumerate(heads)))
    body = (
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", one, class_=_align(at, texts)) for at, one in enumerate(row[1:], 1)),
        )
        for row in rows
    )
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _align(column: int, texts: int) -> str | None:
    return None if column < texts else "number"


def chart(drawing: Html, caption: str | None = None, class_: str = "chart") -> Html:
    """Frame a chart."""
    return tag("figure", tag("figcaption", caption) if caption else None, drawing, class_=class_)


def folded(summary: str, *children: str) -> Html:
    """Make what opens when asked for."""
    return tag("details", tag("summary", summary), *children)


def picture(thumbnails: Mapping[str, Thumbnail], key: str, about: str) -> Html:
    """Show a thumbnail, or say why there is none."""
    thumbnail = thumbnails.get(key, NOT_SHOWN) if key else NO_PICTURE
    if not thumbnail.uri:
        said = f"{about}: {thumbnail.wrong}"
        return tag("span", tag("span", thumbnail.wrong), class_="tile none", role="img", aria_label=said)
    image = tag("img", src=thumbnail.uri, width=thumbnail.width, height=thumbnail.height, alt=about)
    return tag("span", image, class_="tile")


def identity(item: str) -> Html:
    """Show an item's id."""
    return tag("span", item, class_="id")


def label(value: Any, state: str = "", note: str = "") -> Html:
    """Show a class; ``state`` is empty, ``wrong`` or ``right``, ``note`` comes behind it."""
    mark = {"wrong": "✗ ", "right": "✓ "}.get(state, "")
    return tag("span", mark, tag("bdi", *_breakable(say(value))), note, class_=f"label {state}".rstrip())


def _breakable(text: str) -> Iterator[str]:
    """Let a path be broken where it is parted."""
    first, *rest = text.split("/")
    yield first
    for part in rest:
        yield from ("/", tag("wbr"), part)


def labels(goods: Goods, name: str) -> Html:
    """Show what classes an item has of an attribute."""
    given = goods.labels.get(name, ())
    if not given:
        return tag("span", f"no {name}", class_="label absent")
    more = f" +{len(given) - MOST_LABELS}" if len(given) > MOST_LABELS else None
    return join(*(label(value) for value in given[:MOST_LABELS]), more)
