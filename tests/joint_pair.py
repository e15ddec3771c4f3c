"""A small joint encoder, learned in seconds from pictures and their descriptions, over the default encoder of pictures.

Both ends are linear maps into the space in which descriptions and pictures are correlated most: canonical correlation
analysis [Hotelling, Relations between two sets of variates, 1936], its directions weighted by a power of their
correlations [Gong, Ke, Isard, Lazebnik, A multi-view embedding space for modeling Internet images, tags, and their
semantics, IJCV 2014]. A text is the mean of the vectors of its words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from onnx import TensorProto

from tonari.encoders.bundle import Bundle
from tonari_tools.fit.fitted_encoder import append_head
from tonari_tools.fit.lda import Projection
from tonari_tools.onnx.graph_writer import GraphWriter, serialise

DIMENSIONS = 64
SHRINKAGE = 0.05, 0.02
"""Of the covariance of pictures and of descriptions: so much of their mean variance is added."""
POWER = 2.0
LEAST_OFTEN = 2
"""In how many descriptions a word stands that is learned."""
MOST_TOKENS = 32
UNKNOWN = "[UNK]"
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Split as the tokenizer does."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Pair:
    """Two maps into one space.

    Parameters
    ----------
    words
        W of them.
    pictures
        Applied to embeddings of the default encoder.
    vectors : (W, D) float32
        One for each word.
    """

    words: tuple[str, ...]
    pictures: Projection
    vectors: NDArray[np.float32]


def learn(embeddings: NDArray[np.float32], texts: Sequence[str], dimensions: int = DIMENSIONS) -> Pair:
    """Learn from pictures (N, F), rows of length 1, and N descriptions."""
    bags = [words_of(text) for text in texts]
    often: dict[str, int] = {}
    for bag in bags:
        for word in {*bag}:
            often[word] = often.get(word, 0) + 1
    words = tuple(sorted(word for word, count in often.items() if count >= LEAST_OFTEN))
    number = {word: at for at, word in enumerate(words)}
    y = np.zeros((len(bags), len(words)))
    for row, bag in zip(y, bags, strict=True):
        known = [number[word] for word in bag if word in number]
        np.add.at(row, known, 1 / max(len(known), 1))
    x = embeddings.astype(np.float64)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    left, right = _whitening(x - mean_x, SHRINKAGE[0]), _whitening(y - mean_y, SHRINKAGE[1])
    between = ((x - mean_x) @ left).T @ ((y - mean_y) @ right) / len(x)
    u, correlations, v = np.linalg.svd(between, full_matrices=False)
    kept = min(dimensions, len(correlations))
    weights = correlations[:kept] ** POWER
    of_pictures, of_words = left @ u[:, :kept] * weights, right @ v[:kept].T * weights
    offset = -mean_x @ of_pictures
    vectors = of_words - mean_y @ of_words
    return Pair(
        words, Projection(of_pictures.astype(np.float16), offset.astype(np.float32)), vectors.astype(np.float32)
    )


def _whitening(centred: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """Give the map after which the covariance of rows (N, F), shrunk, is the unit matrix."""
    covariance = centred.T @ centred / len(centred)
    covariance[np.diag_indices_from(covariance)] += shrinkage * np.trace(covariance) / len(covariance) + 1e-9
    values, directions = np.linalg.eigh(covariance)
    return np.asarray(directions / np.sqrt(values))


def bundle_of(pair: Pair, model: bytes, config: bytes) -> Bundle:
    """Write the pair as an encoder of format 3 over one of pictures of format 1: its graph and encoder.json."""
    about: dict[str, Any] = json.loads(config)
    prepared = about["preprocessing"]
    pictures, output = append_head(model, about["output"]["name"], pair.pictures)
    text = {
        "graph": "text.onnx",
        "tokenizer": "tokenizer.json",
        "inputs": {"ids": "input_ids", "mask": None, "types": None},
        "output": {"name": "last_hidden_state"},
        "pooling": "mean",
        "max_tokens": MOST_TOKENS,
    }
    image = {
        "graph": "image.onnx",
        "input": {**about["input"], "channels": "RGB"},
        "preprocessing": {
            "version": 2,
            "resize": {"shortest_edge": prepared["shortest_edge"]},
            "resample": prepared["resample"],
            "background": prepared["background"],
            "cut": "exact",
        },
        "output": {"name": output},
    }
    said = {
        "format": 3,
        "name": "drawn pair",
        "dimensions": pair.pictures.dimensions,
        "metric": "cosine",
        "image": image,
        "text": text,
    }
    return Bundle(
        {
            "encoder.json": json.dumps(said).encode(),
            "image.onnx": pictures,
            "text.onnx": _text_graph(pair.vectors),
            "tokenizer.json": _tokenizer(pair.words).encode(),
        }
    )


def _text_graph(vectors: NDArray[np.float32]) -> bytes:
    """Look up the vector of each token; that of an unknown word, the last, is 0."""
    graph = GraphWriter()
    table = graph.floats("vectors", np.concatenate([vectors, np.zeros_like(vectors[:1])]))
    graph.node("Gather", table, "input_ids", output="last_hidden_state")
    shape = ("batch", "tokens", int(vectors.shape[1]))
    model = graph.model(("input_ids", ("batch", "tokens")), {"last_hidden_state": shape}, {}, dtype=TensorProto.INT64)
    return serialise(model)


def _tokenizer(words: Sequence[str]) -> str:
    vocabulary = {word: number for number, word in enumerate([*words, UNKNOWN])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=UNKNOWN))
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\w+"), "removed", invert=True)
    return str(made.to_str())
