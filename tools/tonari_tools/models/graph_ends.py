"""Which input of a graph takes the picture, and which output is the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonari.encoders.onnx import TensorInfo
from tonari.errors import InvalidEncoderError
from tonari.images.tensor import DType, Layout
from tonari_tools.models.published.settings import Guess, Size

INPUTS = ("image", "pixel_values", "input")
OUTPUTS = ("embedding", "image_embeds", "pooler_output")
DTYPES: dict[str, DType] = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
CLASSES = frozenset({1000, 1001, 21_841, 21_843})
"""Lengths that say classes of ImageNet rather than an embedding."""


@dataclass(frozen=True, slots=True)
class Input:
    """The input that takes the picture; height and width, None where the graph leaves them open; why this one."""

    name: str
    dtype: DType
    layout: Layout
    size: Size | None
    reason: str
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """The output that is the embedding, its dimensions, why this one, and what should be known of it."""

    name: str
    dimensions: int
    reason: str
    guesses: tuple[Guess, ...] = ()
    warnings: tuple[str, ...] = ()


def choose_input(tensors: Sequence[TensorInfo], layout: Layout | None = None) -> Input:
    """Choose the picture's input, and make out its layout, unless ``layout`` says it.

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
    guesses: tuple[Guess, ...] = ()
    if layout:
        why = "--layout"
        if tensor.shape[1 if layout == "NCHW" else 3] not in {3, None}:
            raise InvalidEncoderError(
                f"--layout {layout} does not fit the input {describe(tensor)}: take the other one."
            )
    else:
        layout, why, guesses = _layout(tensor, dtype)
    height, width = tensor.shape[2:] if layout == "NCHW" else tensor.shape[1:3]
    size = None if height is None or width is None else (height, width)
    known_name = f"named {tensor.name}" if tensor.name in INPUTS else "the only input"
    return Input(tensor.name, dtype, layout, size, f"{known_name}, {tensor.kind}, {why}", guesses)


def _layout(tensor: TensorInfo, dtype: DType) -> tuple[Layout, str, tuple[Guess, ...]]:
    first, last = tensor.shape[1] == 3, tensor.shape[3] == 3
    if first != last:
        return ("NCHW", "channels first", ()) if first else ("NHWC", "channels last", ())
    if {tensor.shape[1], tensor.shape[3]} <= {3, None}:
        taken: Layout = "NCHW" if dtype == "float32" else "NHWC"
        why = f"channels not said, so {taken} as is usual for {dtype}"
        return taken, why, (Guess(f"the input is {taken}, as is usual for {dtype}", "--layout"),)
    raise InvalidEncoderError(
        f"The input is {describe(tensor)}: no side has three channels; export it for RGB pictures."
    )


def choose_output(tensors: Sequence[TensorInfo], named: str | None, said: str | None = None) -> Output:
    """Choose the embedding: ``said`` by the user, named by the model's metadata, one of :data:`OUTPUTS`, or a matrix.

    Raises
    ------
    InvalidEncoderError
        If no output is a float32 matrix of fixed width.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    for who, name in (("--output", said), ("The metadata", named)):
        if name and name not in by_name:
            raise InvalidEncoderError(f"{who} names the output {name}, the graph has {', '.join(by_name)}.")
    usual = next((name for name in (said, named, *OUTPUTS) if name in by_name), None)
    matrices = [tensor for tensor in tensors if len(tensor.shape) == 2]
    tensor = by_name[usual] if usual else next(iter(matrices), None)
    if tensor is None:
        listed = ", ".join(describe(tensor) for tensor in tensors)
        raise InvalidEncoderError(
            f"No output is a matrix (batch, dimensions), the graph has {listed}: pool it in the graph."
        )
    why = f"named {tensor.name}" if usual else "the first output of two dimensions"
    reason = "--output" if said else why
    if tensor.kind != "tensor(float)" or len(tensor.shape) != 2:
        raise InvalidEncoderError(f"The output is {describe(tensor)}: an embedding is float32 (batch, dimensions).")
    dimensions = tensor.shape[1]
    if dimensions is None or dimensions < 1:
        raise InvalidEncoderError(
            f"The output {describe(tensor)} has an open dimension, an embedding a fixed one: export only the batch as "
            'dynamic, or say "dimensions" in --config encoder.json.'
        )
    guesses: tuple[Guess, ...] = ()
    if not usual and len(matrices) > 1:
        others = ", ".join(describe(other) for other in matrices[1:])
        guesses = (Guess(f"the embedding is {describe(tensor)}, not {others}", "--output"),)
    return Output(tensor.name, dimensions, *_with_classes(dimensions, reason, guesses))


def _with_classes(
    dimensions: int, reason: str, guesses: tuple[Guess, ...]
) -> tuple[str, tuple[Guess, ...], tuple[str, ...]]:
    if dimensions not in CLASSES:
        return reason, guesses, ()
    remark = f"{dimensions} numbers look like the scores of a classifier: the layer before it is the better embedding"
    return f"{reason}; {remark}", guesses, (f"{remark}.",)


def describe(tensor: TensorInfo) -> str:
    """Say name, type and shape, for example ``image: tensor(uint8) [?, 224, 224, 3]``."""
    return f"{tensor.name}: {tensor.kind} [{', '.join('?' if size is None else str(size) for size in tensor.shape)}]"
