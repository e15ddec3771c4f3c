"""Small encoders of words, made on the spot: one of articles, and one of colours in words and pictures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

from tonari.contract.encoder import CONFIG
from tonari.encoders.bundle import Bundle

CHROMA = {"red": (2, -1, -1), "green": (-1, 2, -1), "blue": (-1, -1, 2), "yellow": (1, 1, -2)}
"""Where colours lie: what is left of red, green and blue without their mean."""
TOPICS: Mapping[str, Sequence[str]] = {
    "sport": (
        "team",
        "goal",
        "match",
        "coach",
        "league",
        "striker",
        "stadium",
        "referee",
        "tennis",
        "medal",
        "race",
        "final",
    ),
    "money": (
        "bank",
        "shares",
        "profit",
        "market",
        "rates",
        "bonds",
        "trade",
        "budget",
        "loan",
        "debt",
        "stocks",
        "wages",
    ),
    "science": (
        "planet",
        "cells",
        "orbit",
        "telescope",
        "gene",
        "atoms",
        "comet",
        "virus",
        "laser",
        "fossil",
        "probe",
        "enzyme",
    ),
}
SPREAD = 0.15
TOPIC_DIMENSIONS = 32
"""How far the words of a topic lie from its direction."""


def text_bundle() -> Bundle:
    """Make an encoder of texts: a topic is a direction, its words lie around it, and all others are noise."""
    random = np.random.default_rng(0)
    rows: dict[str, NDArray[np.floating]] = {}
    for number, words in enumerate(TOPICS.values()):
        for word in words:
            rows[word] = np.eye(TOPIC_DIMENSIONS)[number] + SPREAD * random.standard_normal(TOPIC_DIMENSIONS)
    return _bundle("topics", TOPIC_DIMENSIONS, rows, {})


def joint_bundle() -> Bundle:
    """Make an encoder of colours: of a picture its mean colour, of a text the colours that it names."""
    rows = {word: np.array(chroma, np.float64) for word, chroma in CHROMA.items()}
    image = {
        "graph": "vision_model.onnx",
        "input": {"name": "image", "dtype": "uint8", "layout": "NHWC", "height": 4, "width": 4, "channels": "RGB"},
        "preprocessing": {
            "version": 2,
            "resize": {"shortest_edge": 4},
            "resample": "bilinear",
            "background": [255, 255, 255],
        },
        "output": {"name": "embedding"},
    }
    return _bundle("colours", 3, rows, {"image": image})


def _bundle(name: str, dimensions: int, rows: Mapping[str, NDArray[Any]], parts: Mapping[str, Any]) -> Bundle:
    text = {
        "graph": "text_model.onnx",
        "tokenizer": "tokenizer.json",
        "inputs": {"ids": "input_ids"},
        "output": {"name": "sentence"},
        "pooling": "none",
        "max_tokens": 64,
    }
    config = {"format": 3, "name": name, "dimensions": dimensions, "metric": "cosine", **parts, "text": text}
    files = {CONFIG: json.dumps(config).encode(), **_texts(dimensions, rows)}
    if "image" in parts:
        files["vision_model.onnx"] = _chroma()
    return Bundle(files)


def _texts(dimensions: int, rows: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    """Give a tokenizer of whole words, and a graph that gives the mean of their rows."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, **{word: at for at, word in enumerate(rows, 1)}}, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(str(path))
        data = path.read_bytes()
    table = np.stack([np.full(dimensions, 0.01), *rows.values()]).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows", "along"], ["sentence"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "texts",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])],
        [helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["batch", dimensions])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1], np.int64), "along")],
    )
    return {"tokenizer.json": data, "text_model.onnx": _model(graph)}


def _chroma() -> bytes:
    """Give a graph from a picture to its mean colour less the mean of red, green and blue."""
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["wide", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "centring"], ["centred"]),
        helper.make_node("Add", ["centred", "little"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "chroma",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 4, 4, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 3])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array((np.eye(3) - 1 / 3).astype(np.float32), "centring"),
            numpy_helper.from_array(np.full(3, 0.01, np.float32), "little"),
        ],
    )
    return _model(graph)


def _model(graph: Any) -> bytes:
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    data: bytes = model.SerializeToString()
    return data


def article(topic: str, number: int) -> dict[str, str]:
    """Write a short article."""
    random = np.random.default_rng([number, len(topic), 7])
    words = random.choice(TOPICS[topic], 5, replace=False).tolist()
    return {
        "title": f"The {words[0]} and the {words[1]}",
        "text": f"About the {words[2]} of number {number}. It was the {words[3]} that had the {words[4]}.",
        "topic": topic,
    }
