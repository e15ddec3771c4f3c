from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.decoding import read_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES, st.booleans())
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


@pytest.mark.parametrize("data", [b"\xff\xfe", b'"\xe9"', '"é"'.encode("utf-16")])
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="utf-8"):
        read_json(data)


def test_pairs_and_a_byte_order_mark_pass() -> None:
    assert read_json(b'\xef\xbb\xbf"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("text", ["[" * 64 + "]" * 64, "[" + ", ".join(["[1]"] * 100) + "]", '["' + "[" * 100 + '"]'])
def test_only_depth_is_limited(text: str) -> None:
    assert read_json(text) == json.loads(text)


def test_brackets_in_texts_are_no_depth() -> None:
    value = {"a": "[" * 100, 'b"[': ["\\", '\\"[{', "{" * 70]}

    assert read_json(json.dumps(value)) == value
