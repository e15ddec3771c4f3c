"""Rows and columns."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from tonari_tools.tables import Columns, align, facts, plain, score_bar, show, text_of


def test_columns_are_aligned() -> None:
    assert align([["a", "bb"], ["ccc", ""]]) == "a    bb\nccc"
    assert plain(Columns(["id", "n"], [["a", 1], ["long", 20]])) == "id    n\na     1\nlong  20"


def test_what_is_no_terminal_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(Columns(["id", "", "text"], [["a", score_bar(0.5), "word " * 50]]), "", "[bold]foot[/bold]")
    head, row, empty, foot = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "text"]
    assert row.split()[:2] == ["a", "word"]
    assert row.endswith("…")
    assert (empty, foot) == ("", "[bold]foot[/bold]")


def test_a_long_fact_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show(facts([("id", "x" * 300), ("[name]", "b")]))
    assert capsys.readouterr().out == f"id      {'x' * 300}\n[name]  b\n"


def test_a_terminal_gets_colours_and_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    show(Columns(["id", "score", ""], [["a", "0.550", score_bar(0.55)]]))
    written = capsys.readouterr().out
    assert "\x1b[1m" in written
    assert "█████" in written


@pytest.mark.parametrize(("score", "drawn"), [(0, ""), (1, "█" * 10), (0.45, "████▌"), (7, "█" * 10), (-1, "")])
def test_a_bar_is_as_long_as_the_score(score: float, drawn: str) -> None:
    file = io.StringIO()
    Console(file=file, width=20).print(score_bar(score))
    assert file.getvalue().rstrip() == drawn


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (5, "5"),
        ("two\n lines", "two lines"),
        (["a", "b"], "a, b"),
        (list("abcdef"), "a, b, c, d, …"),
        ("\x1b[31mred\x07", "[31mred"),
        ("10.32\u202fAM", "10.32\u202fAM"),
        ("赤い\u3000ドレス", "赤い\u3000ドレス"),
        ("👩\u200d🦰 \U0001fae9", "👩\u200d🦰 \U0001fae9"),
        ("a\u202eb\ud83dc", "a b c"),
    ],
)
def test_a_value_becomes_one_line(value: Any, text: str) -> None:
    assert text_of(value) == text
