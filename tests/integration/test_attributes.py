"""Attributes of a catalogue that is large enough to be calibrated: probabilities, abstention, tags, split_by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.api.presenting import show_prediction
from tonari.builds.assemble import build_snapshot
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.contract.findings import decode_report
from tonari.engines.builtin import open_builtin
from tonari.fields.schema import parse_schema
from tonari.index.vectors import from_fixed, to_fixed
from tonari.query.familiar import judge
from tonari.query.predict import Answer, predict
from tonari.query.queries import Query
from tonari.query.serving import Serving
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import build_table
from tonari.storage.bucket import Bucket

DIMENSIONS = 24
ITEMS = 900
SCHEMA_JSON = {
    "fields": {
        "kind": {"type": "string", "attribute": True, "precision": 0.95},
        "tags": {"type": "strings", "attribute": True},
    },
    "split_by": "product",
}


def items() -> list[IndexedItem]:
    """Draw items in three kinds and three tags; three items are one product, nearly alike."""
    random = np.random.default_rng(0)
    kinds, tags = random.standard_normal((2, 3, DIMENSIONS))
    made = []
    for product in range(ITEMS // 3):
        kind, has = product % 3, random.random(3) < (0.5, 0.3, 0.2)
        own = 0.55 * kinds[kind] + 0.8 * has @ tags + random.standard_normal(DIMENSIONS)
        for number in range(3):
            vector = own + 0.1 * random.standard_normal(DIMENSIONS)
            fields: dict[str, Any] = {"product": f"p{product}"}
            if number != 2 or product % 2:
                fields |= {"kind": "abc"[kind], "tags": [name for name, one in zip("uvw", has, strict=True) if one]}
            view = IndexedView("front.jpg", "e", to_fixed(vector / np.linalg.norm(vector)))
            made.append(IndexedItem(f"i{product}-{number}", fields, "e", (view,)))
    return made


@pytest.fixture(scope="module")
def built() -> Snapshot:
    schema = parse_schema(json.dumps(SCHEMA_JSON).encode())
    return build_snapshot("e" * 64, schema, build_table(items(), schema, DIMENSIONS), {})


def test_products_are_held_out_whole(built: Snapshot) -> None:
    calibration = built.learned["kind"].calibrations["discriminant"]

    assert calibration.precision == 0.95
    assert calibration.held_out == 750
    assert 0.6 < calibration.accuracy < 0.97
    assert built.learned["kind"].calibrations["vote"].accuracy < 0.95


def test_products_are_found_and_held_out_whole_where_nobody_says_what_they_are(built: Snapshot) -> None:
    """Each item by itself, the vote would be right for more than 0.99: another of the product votes."""
    untold = parse_schema(json.dumps({**SCHEMA_JSON, "split_by": ""}).encode())
    opaque = []
    for one in items():
        fields = {name: value for name, value in one.fields.items() if name != "product"}
        opaque.append(IndexedItem(hash_of(one.id), fields, "e", one.views))

    found = build_snapshot("e" * 64, untold, build_table(opaque, untold, DIMENSIONS), {})

    assert found.grouping.rules[0].rule == "looks"
    assert found.grouping.groups == pytest.approx(ITEMS // 3, rel=0.05)
    for method, told in built.learned["kind"].calibrations.items():
        assert found.learned["kind"].calibrations[method].accuracy == pytest.approx(told.accuracy, abs=0.04)


def hash_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def test_tags_are_learned(built: Snapshot) -> None:
    learned = built.learned["tags"]

    assert (learned.several, learned.classes) == (True, ("u", "v", "w"))
    assert learned.calibrations["discriminant"].macro_f1 > 0.75
    assert learned.calibrations["discriminant"].macro_f1 > learned.calibrations["vote"].macro_f1 - 0.05


def test_what_was_learned_is_stored(built: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    write_snapshot(artefacts, built, tmp_path / "folder")

    loaded = load_snapshot(artefacts, built.id, tmp_path / "cache")

    assert loaded.schema == built.schema
    assert loaded.familiarity == built.familiarity
    report = decode_report(artefacts.get(f"snapshots/{built.id}/report.json").data)
    assert report.familiarity == built.familiarity
    for name, one in built.learned.items():
        assert loaded.learned[name].report() == one.report()
        assert np.array_equal(loaded.learned[name].discriminant.weights, one.discriminant.weights)
    manifest = json.loads(artefacts.get(f"snapshots/{built.id}/manifest.json").data)
    assert manifest["attributes"]["kind"]["methods"]["discriminant"]["held_out"] == 750


def test_schema_json_is_read_back(built: Snapshot) -> None:
    again = parse_schema(msgspec.json.encode(built.schema))

    assert again == built.schema


@pytest.fixture(scope="module")
def serving(built: Snapshot) -> Serving:
    """The snapshot alone, without what predictions do not ask for."""
    return Serving(None, None, built, open_builtin(built, Segment("e")), {})  # type: ignore[arg-type]


def strangers() -> tuple[NDArray[np.float32], list[str]]:
    """Draw products that are not in the catalogue, without tags."""
    random = np.random.default_rng(0)
    kinds, _ = random.standard_normal((2, 3, DIMENSIONS))
    random = np.random.default_rng(1)
    codes = random.integers(0, 3, 400)
    vectors = 0.55 * kinds[codes] + random.standard_normal((400, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), ["abc"[one] for one in codes]


def test_what_is_given_is_right_as_often_as_was_asked_for(serving: Serving) -> None:
    vectors, truth = strangers()
    said = [predict(serving, Query(one[None]), ["kind"], "discriminant", 9, EVERYTHING)["kind"] for one in vectors]

    given = [(one.prediction.values[0], value) for one, value in zip(said, truth, strict=True) if one.prediction.values]
    assert all(one.prediction.abstained is not bool(one.prediction.values) for one in said)
    assert 0 < len(given) < len(truth)
    assert np.mean([one == value for one, value in given]) > 0.9
    assert all(len(one.voters) == 9 and one.agree is not None for one in said)
    withheld = as_json(next(one for one in said if one.prediction.abstained))
    assert (withheld["value"], withheld["abstained"], withheld["calibrated"]) == (None, True, True)
    assert withheld["alternatives"][0]["score"] == withheld["score"]


def test_the_level_is_that_of_products_not_of_their_twins(built: Snapshot, serving: Serving) -> None:
    """Three items of one product are nearly alike: against those, a new product would never be familiar."""
    learned = built.familiarity
    assert learned.level is not None
    assert (learned.items + learned.alone, learned.level < 0.95) == (ITEMS, True)
    vectors, _ = strangers()
    assert np.mean([judge(serving, Query(one[None])).familiar for one in vectors]) > 0.94
    random = np.random.default_rng(2).standard_normal((400, DIMENSIONS)).astype(np.float32)
    elsewhere = -vectors + 0.2 * random / np.linalg.norm(random, axis=1, keepdims=True)
    elsewhere /= np.linalg.norm(elsewhere, axis=1, keepdims=True)
    assert np.mean([judge(serving, Query(one[None])).familiar for one in elsewhere]) < 0.5


def as_json(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(show_prediction(answer)))
    return shown


def test_probabilities_are_of_the_default_vote_alone(serving: Serving) -> None:
    query = Query(strangers()[0][:1])

    def calibrated(k: int, within: Range) -> bool:
        return predict(serving, query, ["kind"], "vote", k, within)["kind"].prediction.calibrated

    assert calibrated(9, EVERYTHING)
    assert not calibrated(8, EVERYTHING)
    assert not calibrated(9, Range(ids=("i1-0", "i2-0")))


def test_all_tags_that_are_sure_are_given(serving: Serving, built: Snapshot) -> None:
    right, given, there = 0, 0, 0
    for position in range(0, len(built.table), 5):
        query = Query(from_fixed(built.table.views.fixed[built.table.rows(position)]), (built.table.id(position),))
        shown = as_json(predict(serving, query, ["tags"], "discriminant", 9, EVERYTHING)["tags"])
        truth = built.table.classes_of("tags", position)
        if built.table.columns["tags"].having(range(3))[position]:
            right += len({*shown["values"]} & {*truth})
            given += len(shown["values"])
            there += len(truth)
            assert all(isinstance(one["value"], list) for one in shown["neighbours"])
    assert right / given > 0.85
    assert right / there > 0.5
