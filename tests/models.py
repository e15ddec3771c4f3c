"""Small image models of many kinds, each made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, save_model


@dataclass
class Model:
    """A model that gives ``bias`` and a projection of the mean colour: ``(batch, dimensions)``."""

    given: str = "pixel_values"
    answer: str = "image_embeds"
    dtype: int = TensorProto.FLOAT
    shape: Sequence[str | int] = ("batch", 3, 8, 8)
    answered: Sequence[str | int] = ("batch", 5)
    opset: int = 18
    metadata: dict[str, str] = field(default_factory=dict)
    change: Callable[[onnx.ModelProto], None] | None = None

    def proto(self) -> onnx.ModelProto:
        first = self.shape[1] == 3 or self.shape[3] != 3
        axes = np.array([2, 3] if first else [1, 2], np.int64)
        channels = size if first and isinstance(size := self.shape[1], int) else 3
        weights = np.random.default_rng(0).normal(size=(channels, 5)).astype(np.float32)
        nodes = [
            helper.make_node("Cast", [self.given], ["wide"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["wide", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["projected"]),
            helper.make_node("Add", ["projected", "bias"], [self.answer]),
        ]
        constants = {"axes": axes, "weights": weights, "bias": np.full(5, 0.25, np.float32)}
        graph = helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info(self.given, self.dtype, self.shape)],
            [helper.make_tensor_value_info(self.answer, TensorProto.FLOAT, self.answered)],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", self.opset)])
        helper.set_model_props(model, self.metadata)
        if self.change:
            self.change(model)
        return model

    def write(self, path: Path) -> Path:
        path.write_bytes(self.proto().SerializeToString())
        return path


def insert(kind: str, *, domain: str = "", **attributes: Any) -> Callable[[onnx.ModelProto], None]:
    """Put a node between the last one and the output."""

    def change(model: onnx.ModelProto) -> None:
        last = model.graph.node[-1]
        answer, last.output[0] = last.output[0], "before"
        model.graph.node.append(helper.make_node(kind, ["before"], [answer], domain=domain, **attributes))
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))

    return change


def with_constant(kind: str, value: Any) -> Callable[[onnx.ModelProto], None]:
    """Put a node of two inputs before the output, the second a constant."""

    def change(model: onnx.ModelProto) -> None:
        last = model.graph.node[-1]
        answer, last.output[0] = last.output[0], "before"
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), "constant"))
        model.graph.node.append(helper.make_node(kind, ["before", "constant"], [answer]))

    return change


def over_batch(model: onnx.ModelProto) -> None:
    """Take from each row the mean of the batch, but for a tenth: as batch normalisation in training mode does."""
    last = model.graph.node[-1]
    answer, last.output[0] = last.output[0], "before"
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([0], np.int64), "rows"),
            numpy_helper.from_array(np.array(0.9, np.float32), "most"),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["before", "rows"], ["centre"], keepdims=1),
            helper.make_node("Mul", ["centre", "most"], ["shift"]),
            helper.make_node("Sub", ["before", "shift"], [answer]),
        ]
    )


def with_external_data(path: Path) -> Path:
    save_model(
        Model().proto(),
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location="w.bin",
        size_threshold=0,
    )
    return path
