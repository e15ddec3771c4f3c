"""Which input of a graph takes the picture, and which output is the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonari.encoders.onnx import Port
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


def choose_input(ports: Sequence[Port]) -> Input:
    """Choose the picture's input, and make out its layout.

    Raises
    ------
    InvalidEncoderError
        If there are others beside it, or it takes no picture.
    """
    if len(ports) != 1:
        listed = ", ".join(describe(port) for port in ports) or "none"
        known = [port.name for port in ports if port.name in INPUTS]
        remedy = f"export the part from {known[0]} to the embedding alone" if known else "export an image encoder"
        raise InvalidEncoderError(
            f"The model has {len(ports)} inputs ({listed}), one picture is what it gets: {remedy}."
        )
    (port,) = ports
    if port.kind not in DTYPES or len(port.shape) != 4:
        raise InvalidEncoderError(
            f"The input is {describe(port)}: pictures come as uint8 or float32 of four dimensions; export it so."
        )
    if port.shape[0] not in {None, 1}:
        raise InvalidEncoderError(
            f"The input {describe(port)} takes {port.shape[0]} pictures at once; views are encoded one by one: export "
            "it with a batch of 1, or an open one."
        )
    dtype = DTYPES[port.kind]
    layout, why = _layout(port, dtype)
    height, width = port.shape[2:] if layout == "NCHW" else port.shape[1:3]
    size = None if height is None or width is None else (height, width)
    known_name = f"named {port.name}" if port.name in INPUTS else "the only input"
    return Input(port.name, dtype, layout, size, f"{known_name}, {port.kind}, {why}")


def _layout(port: Port, dtype: DType) -> tuple[Layout, str]:
    first, last = port.shape[1] == 3, port.shape[3] == 3
    if first != last:
        return ("NCHW", "channels first") if first else ("NHWC", "channels last")
    if {port.shape[1], port.shape[3]} <= {3, None}:
        taken: Layout = "NCHW" if dtype == "float32" else "NHWC"
        return taken, f"channels not said, so {taken} as is usual for {dtype}"
    raise InvalidEncoderError(f"The input is {describe(port)}: no side has three channels; export it for RGB pictures.")


def choose_output(ports: Sequence[Port], named: str | None) -> Output:
    """Choose the embedding: the one the model's metadata names, one of :data:`OUTPUTS`, else the first matrix.

    Raises
    ------
    InvalidEncoderError
        If no output is a float32 matrix of fixed width.
    """
    by_name = {port.name: port for port in ports}
    if named and named not in by_name:
        raise InvalidEncoderError(f"The metadata names the output {named}, the graph has {', '.join(by_name)}.")
    usual = next((name for name in (named, *OUTPUTS) if name in by_name), None)
    port = by_name[usual] if usual else next((port for port in ports if len(port.shape) == 2), None)
    listed = ", ".join(describe(port) for port in ports)
    if port is None:
        raise InvalidEncoderError(
            f"No output is a matrix (batch, dimensions), the graph has {listed}: pool it in the graph."
        )
    reason = f"named {port.name}" if usual else "the first output of two dimensions"
    if port.kind != "tensor(float)" or len(port.shape) != 2:
        raise InvalidEncoderError(f"The output is {describe(port)}: an embedding is float32 (batch, dimensions).")
    dimensions = port.shape[1]
    if dimensions is None or dimensions < 1:
        raise InvalidEncoderError(
            f"The output {describe(port)} has an open dimension, an embedding a fixed one: export only the batch as "
            'dynamic, or say "dimensions" in --config encoder.json.'
        )
    if dimensions in CLASSES:
        reason += (
            f"; {dimensions} numbers look like the scores of a classifier: the layer before it is the better embedding"
        )
    return Output(port.name, dimensions, reason)


def describe(port: Port) -> str:
    """Say name, type and shape, for example ``image: tensor(uint8) [?, 224, 224, 3]``."""
    return f"{port.name}: {port.kind} [{', '.join('?' if size is None else str(size) for size in port.shape)}]"
