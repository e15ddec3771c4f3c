"""What push asks on a terminal, and how it stops where nobody is there to be asked."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from folders import class_folders, put, put_bytes, table
from tonari_tools.cli.main import main

DEADLINE = 60
END_OF_INPUT = "\x04"


@pytest.fixture
def goods(elsewhere: Path) -> Path:
    (elsewhere / "bucket").mkdir()
    return class_folders(elsewhere / "my goods (1)")


def sent(place: Path) -> list[str]:
    return sorted(
        str(path.relative_to(place / "bucket"))
        for path in (place / "bucket").rglob("*")
        if path.is_file() and ".tonari" not in path.parts
    )


def on_a_terminal(place: Path, answers: list[str], *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal of its own and answer each question; give the exit status and what was shown."""
    command = [sys.executable, "-m", "tonari_tools.cli.main", *arguments]
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "200", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=place, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown, waiting, deadline = b"", list(answers), time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the last one has closed it
                break
            if not piece:
                break
            shown += piece
            if waiting and shown.rstrip().endswith(b":") and b"Which one" in shown.rsplit(b"\n", 1)[-1]:
                os.write(ours, waiting.pop(0).encode())
        os.close(ours)
        assert time.monotonic() < deadline, shown.decode()
        return process.wait(DEADLINE), shown.decode().replace("\r\n", "\n")


def test_a_terminal_is_asked_and_sees_what_would_come_out(goods: Path, elsewhere: Path) -> None:
    status, shown = on_a_terminal(elsewhere, ["1\n"], "push", goods.name, "--catalogue", "./bucket")
    assert status == 0, shown
    assert "has 3 subfolders (dress, hat, shoe) with 10 pictures each" in shown
    for line in ("1  --folders classes  30 ", "2  --folders ignore   30 ", "3  --folders items    3 "):
        assert line in shown
    assert "To be asked no more: tonari push 'my goods (1)' --folders classes --catalogue ./bucket" in shown
    assert len(sent(elsewhere)) == 60
    assert "images/IMG_0d/IMG_0d.jpg" in sent(elsewhere)


def test_another_answer_is_another_catalogue_and_nonsense_is_asked_again(goods: Path, elsewhere: Path) -> None:
    status, shown = on_a_terminal(elsewhere, ["7\n", "x\n", "3\n"], "push", goods.name, "--catalogue", "./bucket")
    assert status == 0, shown
    assert shown.count("Which one (1-3; Ctrl-C stops)") == 3
    assert {name.split("/")[1] for name in sent(elsewhere)} == {"dress", "hat", "shoe"}


def test_whoever_gives_no_answer_sends_nothing(goods: Path, elsewhere: Path) -> None:
    status, shown = on_a_terminal(elsewhere, [END_OF_INPUT], "push", goods.name, "--catalogue", "./bucket")
    assert status == 130, shown
    assert sent(elsewhere) == []


def test_elsewhere_it_stops_and_gives_the_commands(
    goods: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", goods.name, "--catalogue", "./bucket", "--delete"]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("tonari: my goods (1) has 3 subfolders")
    assert written.err.endswith(
        "Nothing was sent. Say which:\n"
        "  tonari push 'my goods (1)' --folders classes --delete --catalogue ./bucket\n"
        "  tonari push 'my goods (1)' --folders ignore --delete --catalogue ./bucket\n"
        "  tonari push 'my goods (1)' --folders items --delete --catalogue ./bucket\n"
    )
    assert sent(elsewhere) == []


def test_who_says_make_demo_is_answered_in_its_words(
    goods: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MAKELEVEL": "1", "DIR": str(goods), "PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    assert main(["demo", "--port=0", "--skip-bad-rows", "--", str(goods)]) == 1
    commands = [line.strip() for line in capsys.readouterr().err.split("Say which:\n")[1].splitlines()]
    assert commands == [
        f"make demo DIR='{goods.resolve()}' FOLDERS={meaning} SKIP_BAD_ROWS=1 PORT=0"
        for meaning in ("classes", "ignore", "items")
    ]


@pytest.mark.parametrize(("meaning", "items"), [("classes", 30), ("ignore", 30), ("items", 3)])
def test_what_was_said_is_not_asked(
    goods: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str], meaning: str, items: int
) -> None:
    assert main(["push", goods.name, "--catalogue", "./bucket", "--folders", meaning]) == 0
    assert f"\n{items} items " in capsys.readouterr().out
    assert len({name.split("/")[1] for name in sent(elsewhere) if name.startswith("images/")}) == items


def test_a_dry_run_looks_for_no_demo(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(elsewhere / "goods", "a.jpg")
    monkeypatch.setenv("TONARI_DEMO", "nobody")
    assert main(["push", "goods", "--dry-run"]) == 0
    assert main(["push", "goods"]) == 1


def test_a_dry_run_shows_everything_and_sends_nothing(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(elsewhere / "goods", "a.jpg", "b.jpg")
    put_bytes(elsewhere / "goods", "c.txt", b"notes")
    table(elsewhere / "goods", "id,color,price\na,red,5\nb,blue,7.5\n")
    assert main(["push", "goods", "--dry-run"]) == 0
    written = capsys.readouterr()
    assert [" ".join(line.split()) for line in written.out.splitlines()] == [
        "pictures in goods",
        "table goods/items.csv: 2 rows; id from id",
        "items 2, with 2 pictures, 1 each",
        "for example a: a.jpg",
        "",
        "field type predicted examples why",
        "color string no red | blue every value is different",
        "price number no 5 | 7.5",
        "",
        "Nothing was sent (--dry-run).",
    ]
    assert written.err == "tonari: Ignored 1 file that is not a picture: c.txt\n"
    assert not (elsewhere / "bucket").exists()


def test_split_by_is_sent_in_the_schema(elsewhere: Path) -> None:
    (elsewhere / "bucket").mkdir()
    put(elsewhere / "goods", "a.jpg", "b.jpg")
    table(elsewhere / "goods", "id,product\na,P\nb,P\n")
    assert main(["push", "goods", "--split-by", "product", "--catalogue", "./bucket"]) == 0
    assert (elsewhere / "bucket" / "schema.json").read_text() == '{"split_by": "product"}'
