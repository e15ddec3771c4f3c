"""Texts become the terms they are found by."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.words.analysis import LONGEST_TERM, fold, terms_of, whole_of

CASES: dict[str, list[str]] = {
    "Red BOOTS, red": ["red", "boots", "red"],
    "Café Crème Ångström Straße Øre": ["cafe", "creme", "angstrom", "strasse", "ore"],
    "\uff26\uff35\uff2c\uff2c\uff0dwidth ﬁne ²": ["full", "width", "fullwidth", "fine", "2"],
    "AB-1234/x": ["ab", "1234", "x", "ab1234x"],
    "ab1234X": ["ab", "1234", "x", "ab1234x"],
    "500ml 3.5 2026-01-05": ["500", "ml", "500ml", "3", "5", "3.5", "2026", "01", "05", "2026-01-05"],
    "T-shirt snake_case": ["t", "shirt", "tshirt", "snake", "case", "snakecase"],
    "Women\u2019s O'Neill R&B": ["women", "o", "neill", "oneill", "r", "b", "rb"],
    "well—said (so)": ["well", "said", "so"],
    "赤いドレスXL": ["赤い", "いド", "ドレ", "レス", "赤", "xl"],
    "靴": ["靴"],
    "ｱﾃﾞｨﾀﾞｽ": ["アデ", "ディ", "ィダ", "ダス"],
    "한국어 신발": ["한국", "국어", "신발"],
    "ผ้า": ["ผ้", "้า"],
    "हिन्दी में": ["हिन्दी", "में"],
    "مَدْرَسَة": ["مدرسة"],
    "Йод Ёлка": ["иод", "елка"],
    "\ud800abc\udfff \x00x\x01y": ["abc", "x", "y"],
    "": [],
    "?!… 🥾 \u200b \ud800": [],
}


@pytest.mark.parametrize("text", CASES)
def test_terms(text: str) -> None:
    assert terms_of(text) == CASES[text]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Trench coat AB-1234/x", "ab 1234 x"),
        ("Trench coat AB-1234/x", "AB1234X"),
        ("t-shirt", "tshirt"),
        ("T shirt", "t-shirt"),
        ("iPhone12", "iphone 12"),
        ("革靴", "靴"),
        ("Crème brûlée", "creme BRULEE"),
        ("e\u0301te\u0301", "été"),
        ("l\u2019Oréal", "oreal"),
    ],
)
def test_what_is_meant_alike_shares_a_term(text: str, query: str) -> None:
    assert set(terms_of(text)) & set(terms_of(query))


any_text = st.text(st.characters(codec=None), max_size=80)


@given(any_text)
def test_any_text_gives_terms_that_can_be_stored(text: str) -> None:
    for term in terms_of(text):
        assert 0 < len(term) <= LONGEST_TERM
        assert not any(sign.isspace() for sign in term)
        assert unicodedata.is_normalized("NFC", term)
        term.encode()


@given(any_text, any_text)
def test_texts_apart_give_the_terms_of_both(first: str, second: str) -> None:
    assert terms_of(f"{first} {second}") == terms_of(first) + terms_of(second)


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_plain_letters_are_read_alike_beside_others(text: str) -> None:
    assert terms_of(f"{text} é") == [*terms_of(text), "e"]


@given(any_text)
def test_case_and_form_mean_nothing(text: str) -> None:
    assert terms_of(fold(text)) == terms_of(text)
    assert len(whole_of(text)) <= LONGEST_TERM


@pytest.mark.parametrize("unit", ["a-", "赤", "x", "e\u0301", "'s", "1a", "\u0301", "-", "a1_", "word ", "\ud800", "ﷺ"])
def test_long_texts_take_time_in_proportion(unit: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        terms_of(unit * count)
        return time.process_time() - began

    short = max(seconds(10_000), seconds(10_000))
    assert seconds(100_000) < 40 * short + 0.2
