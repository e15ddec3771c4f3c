"""Which inputs of a graph take the tokens of a text, and which output is, or is pooled to, the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonari.encoders.onnx import TensorInfo
from tonari.errors import InvalidEncoderError
from tonari_tools.models.graph_ends import describe

IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"
POOLED = ("sentence_embedding", "text_embeds", "embedding", "pooler_output")
"""Names of outputs that are one vector a text, the surest first."""
TOKENS = ("last_hidden_state", "token_embeddings")
"""Names of outputs that are one vector a token."""
WHOLE_NUMBERS = frozenset({"tensor(int64)", "tensor(int32)"})
MATRIX, PER_TOKEN = 2, 3


@dataclass(frozen=True, slots=True)
class TextInputs:
    """Names of the inputs that take ids, mask and types; None where the graph has no such input.

    Parameters
    ----------
    length
        Of the row of tokens, where the graph fixes it.
    """

    ids: str
    mask: str | None
    types: str | None
    length: int | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those there are."""
        return tuple(name for name in (self.ids, self.mask, self.types) if name)


@dataclass(frozen=True, slots=True)
class TextOutput:
    """An output, its dimensions, whether it has a vector for each token, and why it was taken."""

    name: str
    dimensions: int
    per_token: bool
    reason: str


def takes_tokens(tensors: Sequence[TensorInfo]) -> bool:
    """Tell whether a graph takes tokens."""
    return any(tensor.name == IDS for tensor in tensors)


def choose_text_inputs(tensors: Sequence[TensorInfo]) -> TextInputs:
    """Find the inputs of a text graph by their names.

    Raises
    ------
    InvalidEncoderError
        If it takes no tokens, or something else beside them.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    listed = ", ".join(map(describe, tensors)) or "none"
    if IDS not in by_name:
        raise InvalidEncoderError(f"The text graph has no input {IDS}, it has {listed}: export it for tokens.")
    if others := sorted(by_name.keys() - {IDS, MASK, TYPES}):
        raise InvalidEncoderError(
            f"The text graph wants {', '.join(others)} beside {IDS}, {MASK} and {TYPES} (it has {listed}): export it "
            "for feature extraction, without a decoder or a cache."
        )
    for tensor in tensors:
        if tensor.kind not in WHOLE_NUMBERS or len(tensor.shape) != MATRIX:
            raise InvalidEncoderError(
                f"The input is {describe(tensor)}: tokens come as whole numbers (batch, length); export it so."
            )
    lengths = {tensor.shape[1] for tensor in tensors} - {None}
    if len(lengths) > 1:
        raise InvalidEncoderError(f"The inputs have different lengths ({listed}): export the model again.")
    name = {wanted: wanted if wanted in by_name else None for wanted in (MASK, TYPES)}
    return TextInputs(IDS, name[MASK], name[TYPES], next(iter(lengths), None))


def choose_text_output(
    tensors: Sequence[TensorInfo], said: str | None, *, joint: bool, to_be_pooled: bool = False
) -> TextOutput:
    """Choose the embedding, or the vectors of tokens that are pooled to it.

    Of a text encoder the vectors of tokens go before ``pooler_output``, which few were trained for; in a joint encoder
    it is the embedding.

    Parameters
    ----------
    said
        By the user, or by the model's metadata.
    to_be_pooled
        Whether the user says how tokens are pooled: their vectors are then taken, if there are any.

    Raises
    ------
    InvalidEncoderError
        If there is none of float32, or its dimension is open.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    if said and said not in by_name:
        raise InvalidEncoderError(f"The output {said} was named, the text graph has {', '.join(by_name)}.")
    order = (*POOLED, *TOKENS) if joint else (*POOLED[:-1], *TOKENS, POOLED[-1])
    if to_be_pooled:
        order = (*TOKENS, *POOLED)
    usual = said or next((name for name in order if name in by_name), None)
    fitting = [one for one in tensors if len(one.shape) in {MATRIX, PER_TOKEN} and one.kind == "tensor(float)"]
    tensor = by_name[usual] if usual else next(iter(fitting), None)
    listed = ", ".join(map(describe, tensors))
    if tensor is None or tensor.kind != "tensor(float)" or len(tensor.shape) not in {MATRIX, PER_TOKEN}:
        raise InvalidEncoderError(
            f"The text graph gives {listed}: an embedding is float32 (batch, dimensions), or (batch, length, "
            "dimensions) to be pooled."
        )
    dimensions = tensor.shape[-1]
    if dimensions is None or dimensions < 1:
        raise InvalidEncoderError(
            f"The output {describe(tensor)} has an open dimension, an embedding a fixed one: export only batch and "
            "length as dynamic."
        )
    reason = "--output" if said else f"named {tensor.name}" if usual else "the first output that fits"
    return TextOutput(tensor.name, dimensions, len(tensor.shape) == PER_TOKEN, reason)
