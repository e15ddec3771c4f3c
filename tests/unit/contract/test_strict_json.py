"""JSON from others: only what can be computed with and written again."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.normal_form import nfc
from tonari.contract.strict_json import read_json

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text().map(nfc),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5).map(nfc), inner, max_size=4),
    max_leaves=10,
)


@given(JSON_VALUES, st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_can_be_written_can_be_read(value: object, escaped: bool) -> None:  # noqa: FBT001
    assert read_json(json.dumps(value, ensure_ascii=escaped).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=escaped)) == value


def test_kinds_of_numbers_are_kept() -> None:
    assert list(map(type, read_json("[1, 1.0, 1e0, true]"))) == [int, float, float, bool]


def test_the_largest_float_passes() -> None:
    assert read_json(repr(sys.float_info.max)) == sys.float_info.max
    assert math.isfinite(float(read_json(str(int(sys.float_info.max)))))


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        '{"a": Infinity}',
        "[-Infinity]",
        "1e400",
        "-1e400",
        "1" * 400,
        "-" + "1" * 400,
        "1" * 5000,
        '"\\ud800"',
        '["\\uDFFF"]',
        '{"\\ud83d": 1}',
        '"\\ud83d \\ude00"',
        "[" * 100_000,
        "[" * 65 + "]" * 65,
        '[{"a": ' * 33 + "1" + "}]" * 33,
        '{"a": 1, "b": 2, "a": 1}',
        '[{"a": {"b": 1, "b": 2}}]',
        "",
        "{",
        "{'a': 1}",
        "[1,]",
        "1 2",
    ],
)
def test_what_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json(text)


@pytest.mark.parametrize("digits", [310, 400, 5000, 100_000])
def test_whole_numbers_of_any_length_are_refused_in_few_words(digits: int) -> None:
    for sign in ("", "-"):
        with pytest.raises(ValueError, match=r"^-?9{19,20}… is not a finite number$"):
            read_json(sign + "9" * digits)


@pytest.mark.parametrize("data", [b"\xff\xfe", b'"\xe9"', '"é"'.encode("utf-16")])
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is not UTF-8 \(byte \d\)"):
        read_json(data)


def test_pairs_and_a_byte_order_mark_pass() -> None:
    assert read_json(b'\xef\xbb\xbf"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("text", ["[" * 64 + "]" * 64, "[" + ", ".join(["[1]"] * 100) + "]", '["' + "[" * 100 + '"]'])
def test_only_depth_is_limited(text: str) -> None:
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize("one", ["[]", "{}", '{"a":[]}'])
def test_so_many_lists_and_objects_are_read(one: str) -> None:
    many = 99_999 // (1 + (len(one) > 2))
    assert len(read_json("[" + ",".join([one] * many) + "]")) == many
    with pytest.raises(ValueError, match="it has more than 100,000 lists and objects"):
        read_json("[" + ",".join([one] * (many + 1)) + "]")
    assert read_json(f'["{"[" * 200_000}"]') == ["[" * 200_000]


def test_brackets_in_texts_are_no_depth() -> None:
    value = {"a": "[" * 100, 'b"[': ["\\", '\\"[{', "{" * 70]}

    assert read_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"cafe\u0301": "e\u0301"}', {"café": "é"}),
        ('{"cafe\\u0301": "e\\u0301"}', {"café": "é"}),
        ('["e\\u0301", "a"]', ["é", "a"]),
        ('"\\ud83d\\ude00"', "😀"),
        ("9007199254740993.0", 2**53 + 1),
        ("-9007199254740993.000", -(2**53) - 1),
        ("9007199254740992.0", 2**53),
        ("1e23", 1e23),
        ("0.1", 0.1),
        ("5.0", 5.0),
    ],
)
def test_json_is_read_in_one_form_and_to_the_last_digit(text: str, value: Any) -> None:
    for data in (text, text.encode()):
        assert read_json(data) == value
        assert repr(read_json(data)) == repr(value)


def test_a_text_with_half_a_pair_as_it_is_is_refused() -> None:
    with pytest.raises(ValueError, match="half a surrogate pair"):
        read_json('["\ud800"]')


def test_a_name_that_stands_twice_among_many_is_found_at_once() -> None:
    names = [f'"a{number}":0' for number in range(20_000)]
    began = time.process_time()

    with pytest.raises(ValueError, match=r"^'a19999' stands twice in one object$"):
        read_json("{" + ",".join([*names, names[-1]]) + "}")

    assert time.process_time() - began < 1
