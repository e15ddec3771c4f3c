from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tonari.attributes import AttributeModel, ClassWeights
from tonari.attributes.discriminant import Form
from tonari.errors import CorruptArtefactError, StoreError
from tonari.fields.schema import Field, Schema
from tonari.snapshots.checks import check_learned, reading

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
