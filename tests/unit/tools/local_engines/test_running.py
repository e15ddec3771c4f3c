"""A server as a child process, which does not outlive a start that fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tonari.contract.database import Access
from tonari_tools.local_engines.running import LocalEngineError, Program, Running

HOLD = """
import pathlib, time
from filelock import FileLock
lock = FileLock("lock")
lock.acquire()
pathlib.Path("held").touch()
time.sleep(600)
"""
SILENT = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {HOLD!r}])
print("nothing to say", flush=True)
time.sleep(600)
"""


def program(folder: Path, code: str, *, patience: float = 60.0, interrupted: bool = False) -> Program:
    def answers() -> bool:
        if interrupted and (folder / "held").exists():
            raise KeyboardInterrupt
        return False

    return Program("The server", [sys.executable, "-c", code], folder, answers, patience=patience)


def test_one_that_stays_silent_is_killed_with_what_it_started(tmp_path: Path) -> None:
    with pytest.raises(LocalEngineError, match=r"did not answer within 2 s(.|\n)*nothing to say"):
        Running(Access("http://127.0.0.1:1"), program(tmp_path, SILENT, patience=2.0))
    assert (tmp_path / "held").exists()
    FileLock(tmp_path / "lock").acquire(timeout=10)


def test_a_start_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Running(Access("http://127.0.0.1:1"), program(tmp_path, SILENT, interrupted=True))
    FileLock(tmp_path / "lock").acquire(timeout=10)


def test_one_that_always_ends_is_started_some_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonari_tools.local_engines.running.LAUNCHES", 3)
    with pytest.raises(LocalEngineError, match=r"The server ended each time(.|\n)*no\nno\nno"):
        Running(Access("http://127.0.0.1:1"), program(tmp_path, "print('no')"))
