"""A child ends with all that it started, however stubborn, and its exit code is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aws.child import Child, Command

STUBBORN = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & echo $$; wait"
TIDY = "trap 'echo tidied; exit 0' TERM; echo $$; while :; do sleep 0.05; done"


def start(folder: Path, script: str, *, grace: float = 0.0) -> Child:
    environment = {"PATH": os.environ["PATH"]}
    return Child(Command(["sh", "-c", script], environment, folder, folder / "log"), grace=grace)


def lines(folder: Path, count: int) -> list[str]:
    deadline = time.monotonic() + 30
    while len(found := (folder / "log").read_text().split()) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("grace", [0, 0.2])
def test_stubborn_children_and_grandchildren_end(tmp_path: Path, grace: float):
    with start(tmp_path, STUBBORN, grace=grace) as child:
        pids = [int(line) for line in lines(tmp_path, 2)]
        assert all(runs(pid) for pid in pids)
        assert child.exit_code is None
    deadline = time.monotonic() + 30
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_there_is_time_to_tidy_up(tmp_path: Path):
    child = start(tmp_path, TIDY, grace=30)
    lines(tmp_path, 1)
    child.release()
    child.release()
    child.stop()
    assert child.exit_code == 0
    assert "tidied" in lines(tmp_path, 2)


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 256 - 9)])
def test_the_exit_code_is_told(tmp_path: Path, script: str, code: int):
    child = start(tmp_path, script)
    while child.exit_code is None:
        time.sleep(0.02)
    assert child.exit_code == code
    child.stop()


def test_a_missing_program_is_named_in_the_log(tmp_path: Path):
    with Child(Command(["no-such-program"], {}, tmp_path, tmp_path / "log")) as child:
        while child.exit_code is None:
            time.sleep(0.02)
    assert child.exit_code == 127
    assert "no-such-program: No such file" in (tmp_path / "log").read_text()
