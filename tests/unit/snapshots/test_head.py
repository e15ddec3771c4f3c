from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tonari.contract.artefacts import Condemned, Head, Lease, Live, SegmentRef
from tonari.contract.forms import encode, seal
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
    condemned=st.lists(st.builds(Condemned, NAMES, st.floats(0, 1e10)), max_size=3).map(tuple),
    lease=st.none() | st.builds(Lease, NAMES, st.integers(0, 1 << 40)),
).map(seal)
FULL = seal(
    Head(
        generation=7,
        nonces=("a",),
        snapshot="s",
        encoder="e",
        next_encoder="n",
        segments=(SegmentRef("x", 2),),
        previous=Live("r", "d", (SegmentRef("y", 1),)),
        condemned=(Condemned("c", 1.5),),
        lease=Lease("b", 6),
    )
)


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
        "condemned": [{"key": "c", "at": 1.5}],
        "lease": {"build": "b", "since": 6},
        "sha256": FULL.sha256,
    }


def test_a_head_of_an_earlier_version_is_read() -> None:
    raw = json.loads(encode(FULL))
    del raw["sha256"], raw["lease"]

    assert head_from_bytes(json.dumps(raw).encode()) == replace(FULL, sha256="", lease=None)


@pytest.mark.parametrize("field", sorted(json.loads(encode(FULL)).keys() - {"sha256"}))
def test_a_head_that_lacks_a_field_is_refused(field: str) -> None:
    raw = json.loads(encode(FULL))
    del raw[field]

    with pytest.raises(CorruptArtefactError, match=r"head\.json"):
        head_from_bytes(json.dumps(raw).encode())


@given(HEADS, st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_byte_changes_nothing_or_is_seen(head: Head, data: st.DataObject) -> None:
    stored = bytearray(encode(head))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with suppress(CorruptArtefactError):
        assert head_from_bytes(bytes(stored)) == head


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
