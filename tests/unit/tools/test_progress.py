"""Progress: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from tonari_tools import progress
from tonari_tools.progress import StageLines, describe


def test_count_rate_and_time_left_are_said() -> None:
    assert describe("push", "items", 0, 90, 3) == "push: 0 of 90 items, 3 s so far"
    assert describe("push", "items", 0, 0, 3) == "push: 3 s so far"
    assert describe("push", "items", 30, 90, 2) == "push: 30 of 90 items, 15/s, 0:04 left"
    assert describe("push", "items", 3, 90, 2) == "push: 3 of 90 items, 1.5/s, 0:58 left"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(progress, "WORTH_A_LINE", 0.0)


@pytest.mark.usefixtures("hurried")
def test_a_log_gets_lines_even_while_nothing_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with StageLines("rebuild", "views") as stages:
        stages("encode", 0, 10)
        time.sleep(0.2)
        stages("encode", 10, 10)
        stages("attributes", 3, 3)
        stages("graph", 0, 0)
    written = capsys.readouterr()
    lines = written.err.splitlines()
    assert written.out == ""
    assert lines[0].startswith("rebuild, encode: 0 of 10 views, ")
    assert lines[0].endswith(" s so far")
    assert any(line.startswith("rebuild, encode: 10 of 10 views, ") and line.endswith(" s") for line in lines)
    assert lines[-2] == "rebuild, attributes: 3 of 3, 0.0 s"
    assert lines[-1] == "rebuild, graph: 0.0 s"
    assert "\x1b" not in written.err


@pytest.mark.usefixtures("hurried")
def test_nothing_is_written_after_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with StageLines("rebuild", "views") as stages:
        stages("encode", 0, 10)
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_what_is_quick_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with StageLines("push", "items") as stages:
        stages("", 1, 2)
        stages("", 2, 2)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    file = io.StringIO()
    with StageLines("push", "items", Console(file=file, force_terminal=True, width=80)) as stages:
        stages("", 1, 4)
        stages("", 4, 4)
    written = file.getvalue()
    assert "push" in written
    assert "4 of 4 items" in written
    assert written.endswith("\x1b[2K")
