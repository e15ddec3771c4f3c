"""What is written where not every letter can be: to old terminals, narrow ones, files in other encodings, to nobody."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from pictures import encoded, quarters
from unit.tools.cli.answering import answering
from unit.tools.cli.test_answer_tables import SEARCH

PROGRAM = [sys.executable, "-m", "tonari_tools.cli.main"]
BARE = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.pathsep.join(sys.path),
    "LANG": "C.UTF-8",
    "XDG_CONFIG_HOME": "/dev/null",
    "TMPDIR": "/nowhere",
}
"""No demo of whoever runs these tests is found in it."""
AS_ASCII = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
FOUND = json.dumps({**SEARCH, "items": [{**SEARCH["items"][0], "id": "kjóll 赤 👗"}]}).encode()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder whose name and files few encodings can write, and one file whose name is no text at all."""
    folder = tmp_path / "kjólar 赤"
    folder.mkdir()
    (folder / "赤.png").write_bytes(encoded(quarters(), "PNG"))
    (folder / "note é.txt").touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/what\xff.txt")).touch()
    (tmp_path / "bucket").mkdir()
    return folder


@pytest.mark.parametrize(
    "variables",
    [
        AS_ASCII,
        {"LC_ALL": "POSIX"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp932:strict"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "utf-8:strict"},
    ],
)
def test_what_an_encoding_lacks_is_written_as_an_escape(shop: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(
        [*PROGRAM, "push", shop, "--catalogue", "./bucket"],
        cwd=shop.parent,
        env={**BARE, **variables},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"1 item without fields" in done.stdout
    assert b"Ignored 2 files" in done.stderr
    assert b"what" in done.stderr
    assert [path.name for path in (shop.parent / "bucket" / "images").rglob("*.png")] == ["赤.png"]


def test_an_error_about_a_name_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    command = [*PROGRAM, "push", b"gone\xff \xc3\xa9", "--dry-run"]  # it looks for no demo, and one may be running
    done = subprocess.run(command, cwd=tmp_path, env=BARE, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (1, "tonari: gone\\udcff é is not a folder.\n")


@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdin",), ("stdin", "stdout", "stderr")])
def test_closed_streams_are_nobodys_business(shop: Path, streams: tuple[str, ...]) -> None:
    closed = " ".join({"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-"}[one] for one in streams)
    command = f'exec "$@" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *PROGRAM, "push", shop, "--catalogue", "./bucket"],
        cwd=shop.parent,
        env=BARE,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def test_nobody_agrees_where_there_is_no_input(tmp_path: Path) -> None:
    for name in ("catalogue", "artefacts"):
        (tmp_path / name).mkdir()
    arguments = ["publish", "old", "--catalogue", "./catalogue", "--artefacts", "./artefacts"]
    command = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *PROGRAM, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=BARE, capture_output=True, check=False)
    assert (done.returncode, b"Add --yes" in done.stderr) == (2, True)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="Linux alone has a device that is always full")
def test_a_full_disk_is_said(shop: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "push", shop, "--catalogue", "./bucket"],
            cwd=shop.parent,
            env=BARE,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def on_terminal(columns: int, variables: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of that width; gives its exit status and what the terminal was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**BARE, "TERM": "xterm", **variables}
    with subprocess.Popen([*PROGRAM, *arguments], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                written += os.read(ours, 65_536)
            except OSError:  # Linux says so that nobody holds the other end any more
                break
        process.wait()
    os.close(ours)
    return process.returncode, written.decode()


@pytest.mark.parametrize(
    ("columns", "variables", "there", "missing"),
    [
        (80, {}, ["\x1b[", "█", "👗", "赤"], []),
        (80, {"NO_COLOR": "1"}, ["█"], ["\x1b[36m"]),
        (80, {"TERM": "dumb"}, ["0.950"], ["\x1b["]),
        (20, {}, ["kj", "of 7"], []),
        (80, {"PYTHONIOENCODING": "ascii"}, ["kj\\xf3ll", "0.950"], ["\\u2588"]),
        (20, {**AS_ASCII, "TERM": ""}, ["kj\\xf3ll"], ["\\u2588"]),
    ],
)
def test_a_terminal_gets_what_it_can_show(
    columns: int, variables: dict[str, str], there: list[str], missing: list[str], photo: Path
) -> None:
    with answering((200, "application/json", FOUND)) as (url, _):
        status, written = on_terminal(columns, variables, "search", str(photo), "--url", url)
    assert (status, "Traceback" in written) == (0, False)
    assert [text for text in there if text not in written] == []
    assert [text for text in missing if text in written] == []


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}, {"NO_COLOR": "1"}])
def test_progress_is_shown_on_any_terminal(shop: Path, variables: dict[str, str]) -> None:
    bucket = str(shop.parent / "bucket")
    status, written = on_terminal(20, variables, "push", str(shop), "--catalogue", bucket)
    assert (status, "Traceback" in written) == (0, False)
    assert "item without fields" in " ".join(written.split())


@pytest.mark.parametrize("line", ["status", "search a.jpg", "push photos", "serve a b", "report", "demo"])
def test_a_folder_that_is_gone_is_said(line: str, tmp_path: Path) -> None:
    code = "import os, sys; from tonari_tools.cli.main import main; os.rmdir(os.getcwd()); sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *line.split()]
    done = subprocess.run(command, cwd=tmp_path, env=BARE, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(b"tonari: The folder in which this was called is gone: cd to another one.\n")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "loaded",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
        "import os, signal\ntry: os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt: raise ImportError",
    ],
)
def test_ctrl_c_while_modules_are_loaded_leaves_no_traceback(loaded: str, tmp_path: Path) -> None:
    (tmp_path / "rich_click.py").write_text(loaded)
    environment = {**BARE, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    program = "import sys; from tonari_tools.cli.start import run; sys.exit(run())"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_full_disk_is_said_without_numbers_of_errors(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "demos"], cwd=tmp_path, env=BARE, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"tonari: No space left on device.\n")
