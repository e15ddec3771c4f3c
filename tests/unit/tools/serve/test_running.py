"""One server per state folder, found by the file in which it says where it answers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tonari.config import EngineSettings
from tonari_tools.serve.listener import LocalServiceError
from tonari_tools.serve.running import NAME, Running, announced, find_running, reserved

HIDDEN = "of this demo alone"
ENGINE = EngineSettings("pgvector", "postgresql://127.0.0.1:1/postgres", user="postgres", password=HIDDEN)
RUNNING = Running("http://127.0.0.1:1", "/c", "/a", os.getpid(), engine=ENGINE)
HOLD = """
import sys, time
from pathlib import Path
from tonari_tools.serve.running import reserved
with reserved(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_server_is_found_while_it_lasts(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    with reserved(tmp_path):
        assert find_running(tmp_path) is None
        with announced(tmp_path, RUNNING):
            assert find_running(tmp_path) == RUNNING
            assert HIDDEN not in repr(RUNNING)
            if os.name == "posix":
                assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
        assert find_running(tmp_path) is None
    assert not (tmp_path / NAME).exists()


def test_what_a_dead_server_left_is_ignored(tmp_path: Path) -> None:
    with announced(tmp_path, RUNNING):
        with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            assert find_running(tmp_path) == RUNNING
            with pytest.raises(LocalServiceError, match=f"running at {RUNNING.url}; end it first"), reserved(tmp_path):
                pass
            other.kill()
        assert find_running(tmp_path) is None
        with reserved(tmp_path):
            pass


def test_a_damaged_file_is_ignored(tmp_path: Path) -> None:
    with reserved(tmp_path):
        for text in ("", "{", "[]", "{}", '{"url": 1}', '{"engine": 1}'):
            (tmp_path / NAME).write_text(text)
            assert find_running(tmp_path) is None
