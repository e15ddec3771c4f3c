"""Encoders of texts for the tests of this folder, and what they should give, by numpy alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from text_models import DIMENSIONS, TextModel, make_tokenizer, word_vectors
from tonari.contract.encoder import Output, Pooling, TextInputs, TextPart
from tonari.encoders.text import TextEncoder

MOST = 8
PASSAGES = ("a red boot", "the news of the market", "game", "a blue lamp in the red chair of the team : news")


def part(pooling: Pooling = "mean", **changes: object) -> TextPart:
    """What ``encoder.json`` says of texts."""
    said: dict[str, object] = {
        "inputs": TextInputs("input_ids", "attention_mask"),
        "output": Output("last_hidden_state"),
        "max_tokens": MOST,
        **changes,
    }
    return TextPart("text_model.onnx", "tokenizer.json", pooling=pooling, **said)  # type: ignore[arg-type]


def encoder(
    folder: Path,
    said: TextPart | None = None,
    model: TextModel | None = None,
    tokenizer: Tokenizer | None = None,
    dimensions: int = DIMENSIONS,
) -> TextEncoder:
    """Write a graph and a tokenizer, and open them."""
    graph = (model or TextModel()).write(folder / "text_model.onnx")
    (tokenizer or make_tokenizer()).save(str(folder / "tokenizer.json"))
    return TextEncoder("words", dimensions, said or part(), graph, folder / "tokenizer.json")


def expected(text: str, pooling: Pooling = "mean", most: int = MOST) -> NDArray[np.float64]:
    """Look the tokens of one text up in the table, pool them, and give that length 1: (D,)."""
    numbers = make_tokenizer().encode(text).ids
    if len(numbers) > most:
        numbers = [*numbers[: most - 1], numbers[-1]]
    rows = word_vectors(TextModel().rows)[numbers].astype(np.float64)
    pooled = {"mean": rows.mean(axis=0), "first": rows[0], "last": rows[-1]}[pooling]
    return np.asarray(pooled / np.linalg.norm(pooled))
