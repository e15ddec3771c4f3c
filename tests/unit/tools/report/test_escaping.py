"""Any text that a template is given stays a text."""

from __future__ import annotations

from html.parser import HTMLParser

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari_tools.report.render import environment
from tonari_tools.report.wording import printable

PAGE = environment().from_string('<p title="{{ value }}">{{ text }}</p>')
LABEL = environment().from_string('{% from "blocks.html.jinja" import label %}{{ label(value, "wrong", text) }}')


class Reader(HTMLParser):
    """What a browser's parser finds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_any_text_stays_a_text(text: str, value: str) -> None:
    found = Reader(PAGE.render(text=text, value=value))
    assert found.tags == ["p"]
    assert found.text == printable(text)
    assert found.attributes == {"title": printable(value)}


@given(st.text(), st.text())
def test_a_label_holds_any_class(text: str, value: str) -> None:
    found = Reader(LABEL.render(text=text, value=value))
    assert found.tags == ["span", "bdi", *["wbr"] * value.count("/")]
    assert found.text == f"✗ {printable(value)}{printable(text)}"


@given(st.text(st.characters(categories=("Cc", "Cs", "Cn"))))
def test_what_no_document_can_hold_is_replaced(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert len(shown) == len(text)
    assert not {chr(0), chr(11), chr(0x7F), "\ud800"} & set(shown)


def test_what_a_template_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        PAGE.render(text="")
