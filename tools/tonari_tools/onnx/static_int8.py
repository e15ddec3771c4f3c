"""A static int8 graph, by onnxruntime's quantiser: weights and activations in eight bits, but for the first layers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

# The engine's module first: it switches onnxruntime's telemetry off, which has to be done before the import.
from tonari.encoders.image import ImageEncoder
from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.agreement import measure_agreement
from tonari_tools.onnx.graph_writer import serialise
from tonari_tools.onnx.int8_weights import KERNEL, LAYERS, LEAST_PER_CHANNEL, LEAST_WEIGHTS, channel_axes, store_int8

from onnxruntime.quantization import QuantType, quantize_static  # isort: skip
from onnxruntime.quantization.quant_utils import add_pre_process_metadata  # isort: skip

LEAST_OPSET = 13
"""Since this one ``DequantizeLinear`` takes a scale per channel."""
AIM = 0.992
"""Mean cosine over the calibrating photographs at which no more layers are spared."""
SPARED = (0, 1, 2, 3, 4, 6, 8, 12, 16)
"""How many are tried. All later layers inherit the first ones' errors, and they cost most."""
ABSORBED = ("Clip", "Relu")
"""Activations whose range the layer before them takes over."""
EIGHT_BITS = {"quant_type": QuantType.QInt8, "symmetric": True, "reduce_range": False}


@dataclass(frozen=True, slots=True)
class Static:
    """A static graph, how many layers it has in eight bits, and of how many."""

    model: bytes
    rounded: int
    layers: int


def choose_static(model: onnx.ModelProto, original: ImageEncoder, views: Sequence[NDArray[np.generic]]) -> Static:
    """Round as many layers as let the mean agreement over ``views`` be ``AIM``, or be the best that was tried.

    Parameters
    ----------
    model
        Weights are constants.
    original
        The encoder that ``model`` is the graph of.
    views
        Inputs without the batch axis, over which the range of each tensor is found.

    Raises
    ------
    InvalidEncoderError
        If the graph has no such layer, an opset that is too old, or one that onnxruntime cannot make static.
    """
    opset = max((one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), default=0)
    if opset < LEAST_OPSET:
        raise InvalidEncoderError(
            f"The graph is of opset {opset}, a static one needs {LEAST_OPSET}: convert it with onnx.version_converter, "
            "or leave --static away."
        )
    with tempfile.TemporaryDirectory() as folder:
        quantiser = Quantiser(model, original.config.input_name, views, Path(folder))
        if not quantiser.layers:
            raise InvalidEncoderError(
                "The graph has no convolution or large linear layer whose weights are constants: leave --static away."
            )
        best, count, path = -1.0, len(quantiser.layers), Path(folder, "tried.onnx")
        for spared in SPARED:
            if spared and spared >= count:
                break
            tried = serialise(store_int8(quantiser.quantise(spared)))
            path.write_bytes(tried)
            agreement = measure_agreement(original, ImageEncoder(original.config, path), views).mean
            if agreement > best:
                best, found = agreement, Static(tried, count - spared, count)
            if agreement >= AIM:
                break
    return found


class Quantiser:
    """Makes static graphs of a model, with different numbers of layers spared; the ranges are found once.

    Weights have seven bits: two products with uint8 then fit in int16, in which processors without VNNI add them.
    Depthwise kernels have eight, for their products are not added so. Files in between go into ``folder``.
    """

    def __init__(self, model: onnx.ModelProto, given: str, views: Sequence[NDArray[np.generic]], folder: Path) -> None:
        named = onnx.ModelProto()
        named.CopyFrom(model)
        for number, node in enumerate(named.graph.node):
            node.name = node.name or f"node.{number}"
        axes = channel_axes(named.graph)
        shapes = {tensor.name: tuple(tensor.dims) for tensor in named.graph.initializer if tensor.name in axes}
        layers = [node for node in named.graph.node if node.op_type in LAYERS]
        self.layers = [node.name for node in layers if _is_worth_rounding(node, shapes)]
        """Names of the layers that can be rounded, in the order of the graph."""
        self._others = [node.name for node in layers if node.name not in self.layers]
        self._given, self._views = given, views
        self._source, self._ranges, self._made = (folder / name for name in ("plain.onnx", "ranges.json", "made.onnx"))
        self._eight_bits = {
            name: [EIGHT_BITS | {"axis": axes[name]}, *[EIGHT_BITS] * (shape[axes[name]] - 1)]
            for name, shape in shapes.items()
            if np.prod(shape) // shape[axes[name]] < LEAST_PER_CHANNEL
        }
        add_pre_process_metadata(named)
        self._source.write_bytes(serialise(named))

    def quantise(self, spared: int) -> onnx.ModelProto:
        """Make all layers static but the first ``spared``.

        Raises
        ------
        InvalidEncoderError
            If onnxruntime cannot.
        """
        try:
            quantize_static(
                self._source,
                self._made,
                _Reader(self._given, self._views),
                op_types_to_quantize=[*LAYERS, *ABSORBED],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=[*self.layers[:spared], *self._others],
                calibration_cache_path=self._ranges,
                extra_options={
                    "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
                    "TensorQuantOverrides": self._eight_bits,
                },
            )
        except Exception as error:  # of many classes, among them protobuf's and onnxruntime's own
            raise InvalidEncoderError(
                f"onnxruntime cannot make the graph static ({' '.join(str(error).split())}): leave --static away."
            ) from error
        made = onnx.load(self._made)
        kept = [entry for entry in made.metadata_props if not entry.key.startswith("onnx.")]
        made.ClearField("metadata_props")
        made.metadata_props.extend(kept)
        made.graph.ClearField("value_info")
        return made


class _Reader:
    """Gives views to onnxruntime's calibrator, as its ``CalibrationDataReader`` does."""

    def __init__(self, given: str, views: Sequence[NDArray[np.generic]]) -> None:
        self._given, self._views = given, iter(views)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Give the next input; None after the last."""
        view = next(self._views, None)
        return None if view is None else {self._given: view[None]}


def _is_worth_rounding(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> bool:
    shape = shapes.get(node.input[KERNEL], ())
    return bool(shape) and (node.op_type == "Conv" or int(np.prod(shape)) >= LEAST_WEIGHTS)
