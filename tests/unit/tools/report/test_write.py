from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tonari_tools.report.render import UnwritableError, check_writable, write_whole

COMMANDS = """
import importlib, pkgutil, sys
import tonari_tools.cli as room
for found in pkgutil.iter_modules(room.__path__):
    if found.name != "report":
        importlib.import_module(f"{room.__name__}.{found.name}")
print(*sys.modules)
"""


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    assert write_whole(out, "é") == 2
    assert out.read_text(encoding="utf-8") == "é"
    assert list(tmp_path.iterdir()) == [out]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    out = tmp_path / "pipe"
    os.mkfifo(out)
    check_writable(out)
    with subprocess.Popen(["cat", out], stdout=subprocess.PIPE) as reader:
        assert write_whole(out, "é") == 2
        assert reader.communicate()[0] == "é".encode()
    assert out.is_fifo()


def test_where_nothing_can_be_written_is_said_beforehand(tmp_path: Path) -> None:
    check_writable(tmp_path / "report.html")
    with pytest.raises(UnwritableError, match="is a folder: give a file"):
        check_writable(tmp_path)
    with pytest.raises(UnwritableError, match="There is no folder"):
        check_writable(tmp_path / "gone" / "report.html")


def test_a_folder_that_vanishes_meanwhile_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="cannot be written"):
        write_whole(tmp_path / "gone" / "report.html", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnwritableError, match="Nothing may be written"):
        check_writable(tmp_path / "report.html")


def test_matplotlib_is_loaded_for_reports_alone() -> None:
    done = subprocess.run([sys.executable, "-c", COMMANDS], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "tonari_tools.cli.demo" in loaded
    assert "matplotlib" not in loaded
