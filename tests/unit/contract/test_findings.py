"""What a build writes about itself is read back as it was, and nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tonari.contract.findings import (
    AttributeQuality,
    Audit,
    ConfusionCount,
    ContradictedLabel,
    ContradictedLabels,
    CoveragePoint,
    DuplicateGroup,
    Duplicates,
    GroupingRule,
    Guess,
    ItemGroups,
    MethodQuality,
    MissingValue,
    MissingValues,
    QualityReport,
    ReliabilityBin,
    VoteShare,
    decode_audit,
    decode_report,
)
from tonari.contract.forms import encode
from tonari.errors import CorruptArtefactError

METHOD = MethodQuality(
    held_out=120,
    accuracy=0.9,
    macro_f1=0.8,
    calibration_error=0.02,
    coverage=0.7,
    threshold=2.0,
    precision=0.9,
    reliability=(ReliabilityBin(0.5, 0.4, 1.0),),
    curve=(CoveragePoint(0.5, 1.0, 0.9),),
    confusion=(ConfusionCount("grün", True, 2.5), ConfusionCount(3.5, "<b>", 1.0)),
)
REPORT = QualityReport(
    {
        "color": AttributeQuality(False, ("grün", True, 3.5, "<b>"), (1, 2, 3, 4), {"vote": METHOD}),
        "few": AttributeQuality(True, (), (), {}),
    },
    ItemGroups(3, 8, 4, (GroupingRule("field", "sku", 2, 5, 3), GroupingRule("looks", "near", 1, 4, 4))),
)
TWINS = DuplicateGroup(("x", "y"), ("images/x/a.jpg", "images/y/a.jpg"), 0.99, 2, "variants", ("color",))
AUDIT = Audit(
    9,
    ContradictedLabels(
        8, 3, 1, (ContradictedLabel("隣", "tags", ["a", "b"], Guess("c", 0.99), VoteShare("c", 0.5), ("x", "y"), 0.4),)
    ),
    Duplicates(9, 0.96, 1, (TWINS,)),
    MissingValues(4, 1, (MissingValue("x", "color", "grün", 0.97, True),)),
)
Edit = Callable[[dict[str, Any]], object]


def test_a_report_is_read_back_as_it_was_written() -> None:
    assert decode_report(encode(REPORT)) == REPORT
    assert list(decode_report(encode(REPORT)).attributes) == ["color", "few"]


def test_an_audit_is_read_back_as_it_was_written() -> None:
    assert decode_audit(encode(AUDIT)) == AUDIT


@pytest.mark.parametrize("decode", [decode_report, decode_audit])
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{}", b"[]", b"null", b'{"format": "1"}', b"\xff", b"[" * 100_000],
)
def test_another_form_is_refused(decode: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(CorruptArtefactError, match=r"json is not of the documented form"):
        decode(data)


@pytest.mark.parametrize("decode", [decode_report, decode_audit])
def test_another_format_is_refused_with_the_remedy(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(CorruptArtefactError, match=r"has format 9, this version reads \d: rebuild"):
        decode(b'{"format": 9, "new": true}')


def _add(raw: dict[str, Any]) -> None:
    raw["attributes"]["color"]["methods"]["vote"]["more"] = 1


def _drop(raw: dict[str, Any]) -> None:
    del raw["attributes"]["color"]["methods"]["vote"]["precision"]


def _uncount(raw: dict[str, Any]) -> None:
    raw["attributes"]["color"]["sampled"].pop()


def _mistype(raw: dict[str, Any]) -> None:
    raw["attributes"]["color"]["several"] = "no"


@pytest.mark.parametrize("edit", [_add, _drop, _uncount, _mistype])
def test_a_report_that_lacks_or_adds_anything_is_refused(edit: Edit) -> None:
    raw = json.loads(encode(REPORT))
    edit(raw)
    with pytest.raises(CorruptArtefactError, match=r"report\.json is not of the documented form"):
        decode_report(json.dumps(raw).encode())


def test_a_group_has_a_picture_of_each_item() -> None:
    raw = json.loads(encode(AUDIT))
    raw["duplicates"]["items"][0]["images"].pop()
    with pytest.raises(CorruptArtefactError, match="2 ids, but 1 images"):
        decode_audit(json.dumps(raw).encode())


def test_a_method_that_nobody_knows_is_refused() -> None:
    raw = json.loads(encode(REPORT))
    methods = raw["attributes"]["color"]["methods"]
    methods["oracle"] = methods["vote"]
    with pytest.raises(CorruptArtefactError, match="oracle"):
        decode_report(json.dumps(raw).encode())
