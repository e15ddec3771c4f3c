"""Folders for files on their way: those of the dead are deleted, those of the living never."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tonari
from tonari.storage import scratch as scratching
from tonari.storage.scratch import scratch

HOLD = """
import sys
from pathlib import Path
from tonari.storage.scratch import scratch
with scratch(Path(sys.argv[1]), "building-") as folder:
    (folder / "file").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""
ROOT = Path(tonari.__file__).parents[1]


def holding(parent: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_folder_is_there_while_it_is_used(tmp_path: Path) -> None:
    with scratch(tmp_path / "cache", "building-") as folder:
        assert folder.parent == tmp_path / "cache"
        assert list(folder.iterdir()) == []
        (folder / "file").write_bytes(b"x")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(not scratching.LOCKS, reason="a folder cannot be locked here")
def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    with holding(tmp_path) as killed, holding(tmp_path) as living:
        assert killed.stdout
        assert living.stdout
        left, used = (Path(one.stdout.readline().strip()) for one in (killed, living) if one.stdout)
        with scratch(tmp_path, "building-"):
            assert left.exists()
        killed.kill()
        killed.wait()
        with scratch(tmp_path, "building-") as own:
            assert set(tmp_path.iterdir()) == {own, used, tmp_path / "another"}
            assert (used / "file").read_bytes() == b"half"
        living.communicate("")
    assert list(tmp_path.iterdir()) == [tmp_path / "another"]


@pytest.mark.skipif(not scratching.LOCKS, reason="a folder cannot be locked here")
@pytest.mark.parametrize("opened", [False, True])
def test_a_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_anew(
    *, opened: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = os.open, list[Path]()

    def open_slowly(path: Path, flags: int) -> int:
        monkeypatch.undo()
        seen.append(path)
        early = real(path, flags) if opened else None
        with scratch(tmp_path, "building-"):
            assert not path.exists()
        return real(path, flags) if early is None else early

    monkeypatch.setattr(os, "open", open_slowly)
    with scratch(tmp_path, "building-") as folder:
        assert [folder] == list(tmp_path.iterdir())
        assert folder != seen[0]


def test_where_folders_cannot_be_locked_only_an_old_one_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratching, "LOCKS", False)
    old, new = tmp_path / "building-old", tmp_path / "building-new"
    for folder in (old, new):
        folder.mkdir()
    ago = time.time() - scratching.ABANDONED_SECONDS - 1
    os.utime(old, (ago, ago))
    with scratch(tmp_path, "building-"):
        assert new.exists()
        assert not old.exists()
