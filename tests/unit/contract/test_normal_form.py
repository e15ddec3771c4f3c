"""One normal form for all texts, and ids as databases write them."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.normal_form import id_text, in_nfc, is_plain, is_whole, nfc, spellings

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_both_forms_are_one_text(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))

    assert nfc(composed) == nfc(decomposed) == composed
    assert set(spellings(text)) == {composed, decomposed}
    assert spellings(text)[0] == composed
    assert is_plain(composed)
    assert is_whole(text)


@pytest.mark.parametrize("text", ["\uff11\uff12", "ﬁ", "②", "\uff71", "x²"])
def test_compatible_letters_keep_their_difference(text: str) -> None:
    assert nfc(text) == text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"cafe\u0301": ["e\u0301", 1, None, {"a": "o\u0308"}]}, {"café": ["é", 1, None, {"a": "ö"}]}),
        (("e\u0301",), ("é",)),
        ([], []),
        (5, 5),
        ("a", "a"),
    ],
)
def test_values(value: Any, found: Any) -> None:
    assert in_nfc(value) == found


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("a\ud83d", "it holds half a surrogate pair, '.ud83d', which is no character"),
        ({"x": ["\udc00"]}, "the value of 'x' holds half"),
        ({"x": {"cut \ud83d": 1}}, "the name 'cut .ud83d' holds half"),
        ({"é": 1, "e\u0301": 2}, r"the names '\\xe9' and 'e\\u0301' are one name in two normal forms of Unicode"),
    ],
)
def test_what_is_refused(value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        in_nfc(value)


@pytest.mark.parametrize(
    ("given", "text"),
    [("a", "a"), (777, "777"), (-5, "-5"), (10**30, "1" + "0" * 30), ("e\u0301", "é"), ("777.0", "777.0")],
)
def test_ids(given: Any, text: str) -> None:
    assert id_text(given) == text


@pytest.mark.parametrize("given", [777.0, True, False, None, [], {}, b"a"])
def test_what_is_no_id(given: Any) -> None:
    with pytest.raises(ValueError, match="cannot be an id: write it as a text or a whole number"):
        id_text(given)
