"""What is known of attributes as plain arrays, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.attributes.calibrate import Calibration
from tonari.attributes.discriminant import Form
from tonari.attributes.learn import AttributeModel
from tonari.attributes.weights import ClassWeights
from tonari.contract.forms import convert
from tonari.contract.requests import Method


def weights_to_arrays(weights: Mapping[str, ClassWeights]) -> dict[str, Any]:
    """Lay class weights out as plain arrays for a packed file; float16 where that says the same."""
    about = [
        {"attribute": name, "classes": one.classes, "temperature": one.temperature} for name, one in weights.items()
    ]
    arrays: dict[str, Any] = {"attributes": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for position, one in enumerate(weights.values()):
        with np.errstate(over="ignore"):  # what is infinite in 16 bits is not equal
            halves = one.weights.astype(np.float16)
        stored = halves if np.array_equal(halves, one.weights) else one.weights
        arrays |= {f"weights{position}": stored, f"bias{position}": one.bias}
        arrays |= {f"sampled{position}": one.sampled, f"first{position}": one.first}
    return arrays


def weights_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, ClassWeights]:
    """Undo :func:`weights_to_arrays`."""
    return {
        about["attribute"]: ClassWeights(
            tuple(about["classes"]),
            arrays[f"weights{position}"].astype(np.float32),
            arrays[f"bias{position}"],
            arrays[f"sampled{position}"],
            arrays[f"first{position}"],
            about["temperature"],
        )
        for position, about in enumerate(json.loads(arrays["attributes"].tobytes()))
    }


def learned_to_arrays(learned: Mapping[str, AttributeModel]) -> dict[str, Any]:
    """Lay out all that is known, for a packed file."""
    about = {
        name: {
            "several": one.several,
            "form": msgspec.to_builtins(one.form),
            "calibrations": msgspec.to_builtins(one.calibrations),
            "default": one.default,
            "reason": one.reason,
        }
        for name, one in learned.items()
    }
    weights = {f"means {name}": one.means for name, one in learned.items()}
    weights |= {f"discriminant {name}": one.discriminant for name, one in learned.items()}
    return {"learned": np.frombuffer(json.dumps(about).encode(), np.uint8), **weights_to_arrays(weights)}


def learned_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, AttributeModel]:
    """Undo :func:`learned_to_arrays`."""
    weights = weights_from_arrays(arrays)
    return {
        name: AttributeModel(
            about["several"],
            weights[f"means {name}"],
            weights[f"discriminant {name}"],
            convert(about["form"], Form),
            convert(about["calibrations"], dict[Method, Calibration]),
            convert([about["default"]], list[Method])[0],
            about["reason"],
        )
        for name, about in json.loads(arrays["learned"].tobytes()).items()
    }
