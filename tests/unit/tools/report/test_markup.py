from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tonari_tools.report.markup import Html, join, plain, tag


class Reader(HTMLParser):
    """What a browser's parser finds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@given(st.text(), st.text())
def test_any_text_stays_a_text(text: str, value: str) -> None:
    found = read(tag("p", text, title=value))
    assert found.tags == ["p"]
    assert found.text == plain(text)
    assert found.attributes == {"title": plain(value)}


@given(st.text(st.characters(categories=("Cc", "Cs", "Cn"))))
def test_what_no_document_can_hold_is_replaced(text: str) -> None:
    shown = plain(text)
    shown.encode()
    assert len(shown) == len(text)
    assert not {chr(0), chr(11), chr(0x7F), "\ud800"} & set(shown)


def test_markup_is_put_in_as_it_stands_and_none_left_out() -> None:
    inner = tag("b", "&")
    assert isinstance(inner, Html)
    assert tag("p", inner, None, "<", class_="a b", aria_label=None, colspan=2) == (
        '<p class="a b" colspan="2"><b>&amp;</b>&lt;</p>'
    )
    assert join(inner, "<") == "<b>&amp;</b>&lt;"
    assert tag("img", src="a") == '<img src="a">'
