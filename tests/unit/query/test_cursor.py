from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonari.contract.engine import Place
from tonari.contract.normal_form import nfc
from tonari.errors import InvalidRequestError, StaleCursorError
from tonari.query.cursor import PageEnd, digest, read_cursor, read_place, write_cursor, write_place

ENCODER = "e" * 64
QUESTION = digest({"source": ["id", "a"]})
END = PageEnd(0.948123, "red & 隣", 10)
TEXT = write_cursor(END, ENCODER, QUESTION)


@given(st.floats(-1, 1), st.text(st.characters(exclude_categories=["C"])).map(nfc), st.integers(0, 10**6))
def test_round_trip(score: float, item: str, count: int) -> None:
    text = write_cursor(PageEnd(score, item, count), ENCODER, QUESTION)

    assert read_cursor(text, ENCODER, QUESTION) == PageEnd(score, item, count)
    assert text.replace("-", "").replace("_", "").isalnum()


def changed(**change: Any) -> str:
    """A cursor that says something else, with or without a check that fits."""
    said = json.loads(base64.urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4)))
    said |= {name: value for name, value in change.items() if name != "check"}
    if change.get("check", "right") == "right":
        said["check"] = digest({name: value for name, value in said.items() if name != "check"})
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "隣", "a b", TEXT[:-1], TEXT[1:], TEXT + "A", TEXT[:20] + "A" + TEXT[21:], "e30", "W10", "bnVsbA",
        "A" * 5000, changed(score=0.9, check="old"), changed(id="b", check="old"), changed(score=2e6),
        changed(score="0.9"), changed(score=True), changed(id=5), changed(count=-1), changed(count=1.5),
        changed(more=1), changed(question=None),
    ],
)  # fmt: skip
def test_a_damaged_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="'cursor' is the text that an answer gave as 'next'"):
        read_cursor(text, ENCODER, QUESTION)


def test_each_changed_character_is_noticed() -> None:
    for place, character in enumerate(TEXT):
        other = "B" if character != "B" else "C"
        if place == len(TEXT) - 1:
            continue  # its last bits may mean nothing
        with pytest.raises(InvalidRequestError):
            read_cursor(TEXT[:place] + other + TEXT[place + 1 :], ENCODER, QUESTION)


def test_a_cursor_of_elsewhere() -> None:
    assert read_cursor(changed(), ENCODER, QUESTION) == END
    with pytest.raises(InvalidRequestError, match="belongs to another request"):
        read_cursor(TEXT, ENCODER, digest({"source": ["id", "b"]}))
    with pytest.raises(StaleCursorError, match=r"The encoder has changed.*search again"):
        read_cursor(TEXT, "f" * 64, QUESTION)


def test_order() -> None:
    place = PageEnd(0.5, "b", 1)

    assert [place.precedes(*one) for one in ((0.6, "z"), (0.5, "a"), (0.5, "b"), (0.5, "c"), (0.4, "a"))] == [
        False, False, False, True, True,
    ]  # fmt: skip


TEXTS = st.text('aA\u00e9隣 _-/+"\\\U0001f9e6', max_size=60)


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), TEXTS, st.booleans(), st.none()), TEXTS)
@example(2.0**53, "a")
@example(-(2.0**53) - 2, "a")
@example(12345678901234567168.0, "a")
@example(1e16, "a")
@example(-0.0, "a")
def test_a_place_of_a_list(value: Any, item: str) -> None:
    text = write_place(Place(value, item), QUESTION)

    assert read_place(text, type(value), QUESTION) == Place(value, item)
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("text", ["", "x", TEXT, write_place(Place(5.0, "a"), QUESTION)[1:], "e30", "A" * 5000])
def test_a_damaged_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="'cursor' is the text that an answer gave as 'next'"):
        read_place(text, float, QUESTION)


def test_a_place_of_elsewhere() -> None:
    text = write_place(Place(5.0, "a"), QUESTION)
    with pytest.raises(
        InvalidRequestError, match="belongs to another request: send the same filter, ids and sort again"
    ):
        read_place(text, float, digest({"sort": "price"}))
    for kind in (str, bool, None):
        with pytest.raises(StaleCursorError, match=r"The field's type has changed.*list again"):
            read_place(text, kind, QUESTION)
    with pytest.raises(InvalidRequestError, match="'cursor' is the text"):
        read_cursor(text, ENCODER, QUESTION)


def test_a_value_that_no_cursor_holds() -> None:
    with pytest.raises(InvalidRequestError, match="'sort': the field's values are too long"):
        write_place(Place("x" * 5000, "a"), QUESTION)
