"""The file that says which demo is running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tonari_tools.serve.running import NAME, Running, announced, find_running


def test_a_demo_is_found_while_it_lasts(tmp_path: Path):
    running = Running("http://127.0.0.1:1", "http://127.0.0.1:2", "c", "a", os.getpid())
    assert find_running(tmp_path) is None
    with announced(tmp_path, running):
        assert find_running(tmp_path) == running
    assert find_running(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_demo_left_is_ignored(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with announced(tmp_path, Running("u", "e", "c", "a", process.pid)):
        assert find_running(tmp_path) is None


def test_a_damaged_file_is_ignored(tmp_path: Path):
    for text in ("", "{", "[]", "{}", '{"url": 1}'):
        (tmp_path / NAME).write_text(text)
        assert find_running(tmp_path) is None
