"""Queries in words: which texts are taken, and what they may stand beside."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.contract.decoding import decode, read_query_string
from tonari.contract.requests import PredictRequest, SearchesRequest, SearchOptions, SearchRequest, query_of
from tonari.contract.text_queries import MOST_CHARACTERS, read_text
from tonari.errors import InvalidRequestError, InvalidTextError


def test_a_text_is_trimmed_and_in_nfc() -> None:
    request = decode({"text": "  cafe\u0301 noir \n"}, SearchRequest)

    assert request.text == "café noir"
    assert query_of(request) == "text"
    assert decode({"text": "a\tb\nc"}, PredictRequest).text == "a\tb\nc"
    assert decode({"text": "x" * MOST_CHARACTERS}, SearchRequest).text == "x" * MOST_CHARACTERS
    assert SearchRequest(text=" red ").text == "red"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'text' is empty or blank: write"),
        (" \t\n\u3000\u00a0", "'text' is empty or blank: write"),
        ("x" * (MOST_CHARACTERS + 1), "'text' has 2,001 characters, at most 2,000 are searched with: send its"),
        ("x" * 1_000_000, "'text' has 1,000,000 characters, at most 2,000"),
        ("red\0boot", r"control character U\+0000 after 'red': leave it out"),
        ("red \x1b[31mboot", r"control character U\+001B after 'red '"),
        ("\u0958" * 1_500, "'text' has 3,000 characters in NFC, at most 2,000"),
    ],
)
@pytest.mark.parametrize("kind", [SearchRequest, PredictRequest])
def test_a_text_that_cannot_be_searched_with(text: str, says: str, kind: type[Any]) -> None:
    with pytest.raises(InvalidTextError, match=says):
        decode({"text": text}, kind)


@pytest.mark.parametrize("text", [5, 5.5, True, ["red"], {"a": 1}])
def test_a_text_of_another_type(text: Any) -> None:
    with pytest.raises(InvalidRequestError, match="'text' is a text of 1-2,000 characters"):
        decode({"text": text}, SearchRequest)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(InvalidRequestError, match="'text' cannot be read: it holds half a surrogate pair"):
        decode({"text": "red \ud83d"}, SearchRequest)


@given(st.text(max_size=50))
def test_what_is_read_is_read_again_as_it_is(text: str) -> None:
    try:
        read = read_text(text)
    except ValueError:
        return
    assert read_text(read) == read
    assert read == read.strip()


def test_an_error_says_which_query_it_is_about() -> None:
    with pytest.raises(InvalidTextError, match=r"^queries\[1\]: 'text' is empty"):
        decode({"queries": [{"text": "a"}, {"text": " "}]}, SearchesRequest)


@pytest.mark.parametrize("beside", [{"id": "a"}, {"image": b"x"}, {"upload": "uploads/" + "0" * 32}])
@pytest.mark.parametrize("kind", [SearchRequest, PredictRequest])
def test_a_text_stands_beside_a_picture_or_an_item(beside: dict[str, Any], kind: type[Any]) -> None:
    request = decode({**beside, "text": "in blue", "text_weight": 0.25}, kind)

    assert query_of(request) == next(iter(beside))
    assert request.text_weight == 0.25


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"text": "a", "vector": [1.0]}, "'text' stands alone or beside one of image, upload, id, not beside 'vector'"),
        ({"text": "a", "examples": {"positive": ["b"]}}, "not beside 'examples': leave one of the two out"),
        ({"text": "a", "id": "b", "vector": [1.0]}, "exactly one query"),
        ({"text": "a", "text_weight": 0.5}, "'text_weight' weighs a 'text' against what it stands beside"),
        ({"id": "a", "text_weight": 0.5}, "'text_weight' weighs"),
        ({"id": "a", "text": "b", "text_weight": 1.5}, "'text_weight' is a number from 0 to 1, not 1.5"),
        ({"text": "a", "region": {"x": 0, "y": 0, "width": 1, "height": 1}}, "'region' is a part of a picture, and"),
    ],
)
@pytest.mark.parametrize("kind", [SearchRequest, PredictRequest])
def test_parameters_that_do_not_go_together(raw: dict[str, Any], says: str, kind: type[Any]) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        decode(raw, kind)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"id": "a", "retrieval": "dense"}, "'retrieval' says by what a 'text' that stands alone finds items"),
        ({"id": "a", "text": "b", "retrieval": "fused"}, "'retrieval' says by what"),
        ({"text": "a", "retrieval": "words"}, "'retrieval' is dense or fused or lexical"),
        ({"text": "a", "retrieval": "lexical", "min_score": 0.2}, "'min_score' needs embeddings, .* words alone"),
        ({"text": "a", "retrieval": "lexical", "shift": {"color": "red"}}, "'shift' needs embeddings"),
        ({"text": "a", "retrieval": "lexical", "predict": ["color"]}, "'predict' needs embeddings"),
    ],
)
def test_how_a_text_is_searched(raw: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        decode(raw, SearchRequest)


def test_predict_has_no_retrieval() -> None:
    with pytest.raises(InvalidRequestError, match="no parameter 'retrieval'"):
        decode({"text": "a", "retrieval": "lexical"}, PredictRequest)


def test_a_text_in_a_query_string() -> None:
    pairs = [("text", "5"), ("text_weight", "0.25"), ("duplicates", "false")]
    read = decode(read_query_string(pairs, SearchOptions), SearchOptions)

    assert (read.text, read.text_weight, read.duplicates) == ("5", 0.25, False)
    request = decode({**msgspec.structs.asdict(read), "id": "a"}, SearchRequest)
    assert (request.text, query_of(request)) == ("5", "id")


@pytest.mark.parametrize("half_life", [0, -1, 1_001, "x"])
def test_a_half_life_is_a_number_of_items(half_life: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"'examples.half_life' is a number of items over 0, at most 1,000"):
        decode({"examples": {"positive": ["a"], "half_life": half_life}}, SearchRequest)
