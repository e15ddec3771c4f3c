"""Which input of a graph takes the picture, and which output is the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonari.encoders.onnx import TensorInfo
from tonari.errors import InvalidEncoderError
from tonari.images.tensor import DType, Layout

INPUTS = ("image", "pixel_values", "input")
OUTPUTS = ("embedding", "image_embeds", "pooler_output")
DTYPES: dict[str, DType] = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
CLASSES = frozenset({1000, 1001, 21_841, 21_843})
"""Lengths that say classes of ImageNet rather than an embedding."""


@dataclass(frozen=True, slots=True)
class Input:
    """The input that takes the picture.

    Parameters
    ----------
    name, dtype, layout
    size
        Height and width, None where the graph leaves them open.
    reason
        Why this one.
    """

    name: str
    dtype: DType
    layout: Layout
    size: tuple[int, int] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Output:
    """The output that is the embedding, its dimensions, and why this one."""

    name: str
    dimensions: int
    reason: str


def choose_input(tensors: Sequence[TensorInfo]) -> Input:
    """Choose the picture's input, and make out its layout.

    Raises
    ------
    InvalidEncoderError
        If there are others beside it, or it takes no picture.
    """
    if len(tensors) != 1:
        listed = ", ".join(describe(tensor) for tensor in tensors) or "none"
        known = [tensor.name for tensor in tensors if tensor.name in INPUTS]
        remedy = f"export the part from {known[0]} to the embedding alone" if known else "export an image encoder"
        raise InvalidEncoderError(
            f"The model has {len(tensors)} inputs ({listed}), one picture is what it gets: {remedy}."
        )
    (tensor,) = tensors
    if tensor.kind not in DTYPES or len(tensor.shape) != 4:
        raise InvalidEncoderError(
            f"The input is {describe(tensor)}: pictures come as uint8 or float32 of four dimensions; export it so."
        )
    if tensor.shape[0] not in {None, 1}:
        raise InvalidEncoderError(
            f"The input {describe(tensor)} takes {tensor.shape[0]} pictures at once; views are encoded one by one: "
            "export it with a batch of 1, or an open one."
        )
    dtype = DTYPES[tensor.kind]
    layout, why = _layout(tensor, dtype)
    height, width = tensor.shape[2:] if layout == "NCHW" else tensor.shape[1:3]
    size = None if height is None or width is None else (height, width)
    known_name = f"named {tensor.name}" if tensor.name in INPUTS else "the only input"
    return Input(tensor.name, dtype, layout, size, f"{known_name}, {tensor.kind}, {why}")


def _layout(tensor: TensorInfo, dtype: DType) -> tuple[Layout, str]:
    first, last = tensor.shape[1] == 3, tensor.shape[3] == 3
    if first != last:
        return ("NCHW", "channels first") if first else ("NHWC", "channels last")
    if {tensor.shape[1], tensor.shape[3]} <= {3, None}:
        taken: Layout = "NCHW" if dtype == "float32" else "NHWC"
        return taken, f"channels not said, so {taken} as is usual for {dtype}"
    raise InvalidEncoderError(
        f"The input is {describe(tensor)}: no side has three channels; export it for RGB pictures."
    )


def choose_output(tensors: Sequence[TensorInfo], named: str | None) -> Output:
    """Choose the embedding: the one the model's metadata names, one of :data:`OUTPUTS`, else the first matrix.

    Raises
    ------
    InvalidEncoderError
        If no output is a float32 matrix of fixed width.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    if named and named not in by_name:
        raise InvalidEncoderError(f"The metadata names the output {named}, the graph has {', '.join(by_name)}.")
    usual = next((name for name in (named, *OUTPUTS) if name in by_name), None)
    tensor = by_name[usual] if usual else next((tensor for tensor in tensors if len(tensor.shape) == 2), None)
    listed = ", ".join(describe(tensor) for tensor in tensors)
    if tensor is None:
        raise InvalidEncoderError(
            f"No output is a matrix (batch, dimensions), the graph has {listed}: pool it in the graph."
        )
    reason = f"named {tensor.name}" if usual else "the first output of two dimensions"
    if tensor.kind != "tensor(float)" or len(tensor.shape) != 2:
        raise InvalidEncoderError(f"The output is {describe(tensor)}: an embedding is float32 (batch, dimensions).")
    dimensions = tensor.shape[1]
    if dimensions is None or dimensions < 1:
        raise InvalidEncoderError(
            f"The output {describe(tensor)} has an open dimension, an embedding a fixed one: export only the batch as "
            'dynamic, or say "dimensions" in --config encoder.json.'
        )
    if dimensions in CLASSES:
        reason += (
            f"; {dimensions} numbers look like the scores of a classifier: the layer before it is the better embedding"
        )
    return Output(tensor.name, dimensions, reason)


def describe(tensor: TensorInfo) -> str:
    """Say name, type and shape, for example ``image: tensor(uint8) [?, 224, 224, 3]``."""
    return f"{tensor.name}: {tensor.kind} [{', '.join('?' if size is None else str(size) for size in tensor.shape)}]"
