from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tonari.attributes import AttributeModel, Calibration, ClassWeights
from tonari.attributes.discriminant import Form
from tonari.attributes.probability import Scale
from tonari.contract.artefacts import Manifest
from tonari.contract.findings import ItemGroups
from tonari.errors import CorruptArtefactError, StoreError
from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn
from tonari.fields.schema import Field, Schema
from tonari.snapshots.checks import check_learned, check_table, reading
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.table import build_table

SCHEMA = Schema({"color": Field("string", attribute=True), "price": Field("number")})
WEIGHTS = ClassWeights(
    ("blue", "red"),
    np.eye(3, 4, dtype=np.float32),
    np.zeros(3, np.float32),
    np.array([5, 6]),
    np.array([0, 1]),
)


def model(weights: ClassWeights) -> dict[str, AttributeModel]:
    return {
        "color": AttributeModel(
            several=False, means=WEIGHTS, discriminant=weights, form=Form(0.5, 0.0), calibrations={}
        )
    }


def calibrated(scale: Scale) -> dict[str, AttributeModel]:
    known = Calibration(scale, 0.6, 0.9, 500, 0.8, 0.8, 0.01, 0.7, 120.0)
    return {"color": replace(model(WEIGHTS)["color"], calibrations={"discriminant": known})}


def test_weights_that_fit_pass() -> None:
    check_learned(model(WEIGHTS), SCHEMA, 4)
    check_learned({}, SCHEMA, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.full((3, 4), np.nan, np.float32)},
        {"weights": np.eye(3, 5, dtype=np.float32)},
        {"bias": np.array([0, np.inf, 0], np.float32)},
        {"bias": np.zeros(2, np.float32)},
        {"first": np.array([1, 2])},
        {"first": np.array([0, 9])},
        {"first": np.array([0])},
        {"sampled": np.array([5])},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"classes": ("red", "red")},
    ],
)
def test_weights_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CorruptArtefactError, match="color"):
        check_learned(model(replace(WEIGHTS, **change)), SCHEMA, 4)


@pytest.mark.parametrize("scale", [Scale(0.5), Scale(2.0, 0.1, 0.8, -1.0, (0.1, -0.3))])
def test_scales_that_fit_pass(scale: Scale) -> None:
    check_learned(calibrated(scale), SCHEMA, 4)


@pytest.mark.parametrize(
    "scale",
    [
        Scale(0.0),
        Scale(-1.0),
        Scale(float("nan")),
        Scale(1.0, 1.5),
        Scale(1.0, -0.1),
        Scale(1.0, slope=0.0),
        Scale(1.0, offset=float("inf")),
        Scale(1.0, lean=(0.1,)),
        Scale(1.0, lean=(0.1, 0.2, 0.3)),
        Scale(1.0, lean=(0.1, float("nan"))),
    ],
)
def test_scales_that_do_not_fit_are_refused(scale: Scale) -> None:
    with pytest.raises(CorruptArtefactError, match="color"):
        check_learned(calibrated(scale), SCHEMA, 4)


def test_weights_of_a_field_that_is_no_attribute_are_refused() -> None:
    with pytest.raises(CorruptArtefactError, match="schema"):
        check_learned({"price": model(WEIGHTS)["color"]}, SCHEMA, 4)


@pytest.mark.parametrize(
    "error", [KeyError("x"), IndexError(), TypeError(), ValueError(), MemoryError(), RecursionError()]
)
def test_whatever_reading_stumbles_over_is_corrupt(error: Exception) -> None:
    with pytest.raises(CorruptArtefactError, match=r"The file.*rebuild"), reading("The file"):
        raise error


def test_a_file_that_is_gone_from_the_cache_can_be_fetched_again() -> None:
    with pytest.raises(StoreError, match="try again"), reading("The file"):
        raise FileNotFoundError


READ = Schema({"code": Field("number"), "size": Field("string"), "tags": Field("strings")})
DOCUMENTS: list[dict[str, Any]] = [
    {"code": 2**53 + 1, "size": 5.0, "tags": [38]},
    {"code": 5, "size": "m", "tags": ["a"]},
]


def read_by(columns: dict[str, Column]) -> None:
    """Check a snapshot of these documents that has other columns than are made of them today."""
    items = [IndexedItem(f"item-{number}", one, "e", ()) for number, one in enumerate(DOCUMENTS)]
    table = build_table(items, READ, 4)
    manifest = Manifest(
        format=1, id="s", encoder="e", items=2, views=0, rejected=0, dimensions=4, recall={}, tuning={}, attributes={},
        schema={}, grouping=ItemGroups(), files={},
    )  # fmt: skip
    check_table(replace(table, columns={**table.columns, **columns}), manifest, READ)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"code": NumberColumn(np.array([2.0**53, 5]))},
        {"size": ClassColumn(np.array([0, 1], np.int8), ("5.0", "m"))},
        {"tags": ListColumn(np.array([0], np.int32), np.array([1], np.int32), ("a",), 2)},
    ],
)
def test_a_snapshot_of_an_earlier_version_is_read_as_that_read_it(columns: dict[str, Column]) -> None:
    read_by(columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"code": NumberColumn(np.array([2.0**53, 6]))},
        {"code": NumberColumn(np.array([np.nan, np.nan]))},
        {"size": ClassColumn(np.array([0, 0], np.int8), ("5.0", "m"))},
        {"tags": ListColumn(np.array([0], np.int32), np.array([1], np.int32), ("b",), 2)},
    ],
)
def test_columns_that_say_otherwise_than_the_documents_are_refused(columns: dict[str, Column]) -> None:
    with pytest.raises(CorruptArtefactError, match="says otherwise than the documents"):
        read_by(columns)
