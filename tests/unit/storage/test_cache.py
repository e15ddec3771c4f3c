from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tonari.storage.bucket import IDLE_SECONDS, sweep

OLD, KEPT, YOUNG = "a" * 64, "b" * 64, "c" * 64
LEFT_OVER = f"{'d' * 64}.0123abcd"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    for name in (OLD, KEPT, YOUNG, LEFT_OVER, f"{OLD}.onnx", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
        if name != YOUNG:
            long_ago = time.time() - IDLE_SECONDS - 10
            os.utime(tmp_path / name, (long_ago, long_ago))
    return tmp_path


def test_only_what_nobody_asks_for_is_swept(cache: Path) -> None:
    sweep(cache, [KEPT])
    assert {path.name for path in cache.iterdir()} == {KEPT, YOUNG, f"{OLD}.onnx", "notes.txt"}
