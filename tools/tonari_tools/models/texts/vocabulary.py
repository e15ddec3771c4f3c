"""Whether a tokenizer is the graph's: how many tokens each of them knows."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from tokenizers import Tokenizer

from tonari.errors import InvalidEncoderError
from tonari_tools.models.texts.text_ends import IDS

ALIKE = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
"""Operators behind which ids are still ids."""
WEIGHING = frozenset({"Cast", "DequantizeLinear", "Identity", "Mul"})
"""Operators by which a table is made of a stored one of as many rows."""
SPARE, SPARE_SHARE = 1024, 0.1
"""Rows, or share of them, that a graph may have beyond its tokenizer: tables are filled up to round sizes."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How many tokens a tokenizer has, and how many the graph's table; None where no table is to be found."""

    tokenizer: int
    graph: int | None

    @property
    def telling(self) -> str:
        """Both numbers, in words."""
        rows = "a number that it does not tell" if self.graph is None else f"{self.graph:,}"
        return f"{self.tokenizer:,} tokens of the tokenizer, the graph takes {rows}"


def parse_tokenizer(data: bytes) -> Tokenizer:
    """Read ``tokenizer.json``.

    Raises
    ------
    InvalidEncoderError
        If the library of tokenizers does not read it.
    """
    try:
        return Tokenizer.from_buffer(data)
    except Exception as error:  # the library raises no other class
        raise InvalidEncoderError(
            f"tokenizer.json cannot be read ({' '.join(str(error).split())[:160]}): take the one of the model's "
            "repository."
        ) from error


def count_tokens(tokenizer: Tokenizer) -> int:
    """Tell how many ids a tokenizer may give: its largest one and one, those counted that were added."""
    ids = tokenizer.get_vocab(with_added_tokens=True).values()
    return max(ids, default=-1) + 1


def count_rows(model: onnx.ModelProto) -> int | None:
    """Tell how many ids a graph takes, by the table that it looks them up in; None if there is none."""
    graph = model.graph
    ids = {IDS}
    for node in graph.node:
        if node.op_type in ALIKE and node.input and node.input[0] in ids:
            ids.update(node.output)
    rows = {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 2}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and len(node.attribute[0].t.dims) == 2:
            rows[node.output[0]] = node.attribute[0].t.dims[0]
        if node.op_type in WEIGHING and node.output and (known := [rows[name] for name in node.input if name in rows]):
            rows[node.output[0]] = max(known)
    found = [rows[node.input[0]] for node in graph.node if node.op_type == "Gather" and _looks_up(node, ids, rows)]
    return min(found, default=None)


def _looks_up(node: onnx.NodeProto, ids: set[str], rows: dict[str, int]) -> bool:
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    return node.input[1] in ids and node.input[0] in rows and axis == 0


def check_vocabulary(vocabulary: Vocabulary) -> None:
    """Refuse a tokenizer that is not the graph's.

    Raises
    ------
    InvalidEncoderError
        If it has more tokens than the graph takes, or far fewer.
    """
    if vocabulary.graph is None:
        return
    spare = vocabulary.graph - vocabulary.tokenizer
    if spare < 0 or spare > max(SPARE, SPARE_SHARE * vocabulary.graph):
        raise InvalidEncoderError(
            f"The tokenizer is not the graph's: {vocabulary.telling}. Take tokenizer.json and the graph out of "
            "one repository."
        )
