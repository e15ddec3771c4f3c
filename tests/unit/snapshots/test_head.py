from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.artefacts import Head, Live, SegmentRef, encode
from tonari.errors import CorruptArtefactError
from tonari.snapshots.head import head_from_bytes

NAMES = st.text(max_size=8)
SEGMENTS = st.lists(st.builds(SegmentRef, NAMES, st.integers(0, 10_000)), max_size=8).map(tuple)
HEADS = st.builds(
    Head,
    generation=st.integers(0, 1 << 40),
    nonces=st.lists(NAMES, max_size=4).map(tuple),
    snapshot=st.none() | NAMES,
    encoder=st.none() | NAMES,
    next_encoder=st.none() | NAMES,
    segments=SEGMENTS,
    previous=st.none() | st.builds(Live, NAMES, NAMES, SEGMENTS),
    condemned=st.lists(NAMES, max_size=3).map(tuple),
)
FULL = Head(7, ("a",), "s", "e", "n", (SegmentRef("x", 2),), Live("r", "d", (SegmentRef("y", 1),)), ("c",))


@given(HEADS)
@settings(max_examples=100, deadline=None)
def test_round_trip(head: Head) -> None:
    again = head_from_bytes(encode(head))

    assert again == head
    assert hash(again) == hash(head)


def test_its_form() -> None:
    assert json.loads(encode(FULL)) == {
        "generation": 7,
        "nonces": ["a"],
        "snapshot": "s",
        "encoder": "e",
        "next_encoder": "n",
        "segments": [{"id": "x", "items": 2}],
        "previous": {"snapshot": "r", "encoder": "d", "segments": [{"id": "y", "items": 1}]},
        "condemned": ["c"],
    }


@pytest.mark.parametrize("field", json.loads(encode(FULL)))
def test_a_missing_field_is_named(field: str) -> None:
    raw = json.loads(encode(FULL))
    del raw[field]

    with pytest.raises(CorruptArtefactError, match=f"head.json.*{field}"):
        head_from_bytes(json.dumps(raw).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"generation": "many"},
        {"generation": None},
        {"generation": -1},
        {"generation": 1.5},
        {"nonces": [1]},
        {"nonces": None},
        {"segments": [{"id": "x"}]},
        {"segments": ["x"]},
        {"segments": None},
        {"previous": {"snapshot": "r"}},
        {"previous": "r"},
        {"condemned": 5},
        {"leases": []},
    ],
)
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CorruptArtefactError, match=r"head\.json is not of the documented form"):
        head_from_bytes(json.dumps(json.loads(encode(FULL)) | change).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", encode(FULL)[:-3]])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptArtefactError):
        head_from_bytes(data)
