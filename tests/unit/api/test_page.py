from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

import pytest

from tonari.api.page import SCRIPT, STYLE, join_page, read_page


class Reader(HTMLParser):
    """Collects what the policy is about, as a browser's parser sees it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: list[tuple[str, str, str]] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in self.texts:
            self._open = tag
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data


@pytest.fixture(scope="module")
def seen() -> Reader:
    reader = Reader()
    reader.feed(read_page().html.decode())
    reader.close()
    return reader


def directives() -> dict[str, str]:
    pairs = (one.strip().partition(" ") for one in read_page().policy.split(";"))
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize(("tag", "directive"), [("script", "script-src"), ("style", "style-src")])
def test_the_policy_allows_what_the_page_holds(seen: Reader, tag: str, directive: str) -> None:
    (text,) = seen.texts[tag]

    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert len(text) > 100
    assert directives()[directive] == f"'sha256-{digest}'"


def test_the_policy_allows_no_more() -> None:
    found = directives()

    assert found["default-src"] == found["base-uri"] == found["form-action"] == found["frame-ancestors"] == "'none'"
    assert found["connect-src"] == "'self'"
    assert found["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in read_page().policy


def test_the_page_holds_nothing_that_the_policy_forbids(seen: Reader) -> None:
    names = {name for _, name, _ in seen.attributes}

    assert "style" not in names
    assert not {name for name in names if name.startswith("on")}
    outside = [value for _, name, value in seen.attributes if name in ("src", "href") and "//" in value.split(",")[0]]
    assert outside == []
    assert not [tag for tag, _, _ in seen.attributes if tag in ("iframe", "object", "embed", "base")]


def test_the_page_is_utf_8_and_says_so(seen: Reader) -> None:
    assert ("meta", "charset", "utf-8") in {(tag, name, value.lower()) for tag, name, value in seen.attributes}


@pytest.mark.parametrize("html", [STYLE, SCRIPT, STYLE + SCRIPT + SCRIPT, STYLE + STYLE + SCRIPT])
def test_a_page_that_does_not_name_each_file_once_is_an_error(html: bytes) -> None:
    with pytest.raises(ValueError, match="unpack"):
        join_page(html, b"", b"")


def test_nothing_in_script_or_style_ends_its_element(seen: Reader) -> None:
    assert [len(texts) for texts in seen.texts.values()] == [1, 1]
    assert seen.texts["script"][0].rstrip().endswith("begin();")
