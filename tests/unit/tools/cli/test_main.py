"""The command line: its help, its exit codes, and how it fails."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tonari import __version__
from tonari_tools.cli.main import main, tonari
from unit.tools.cli.answering import answering
from unit.tools.cli.test_answer_tables import HEALTH

PROGRAM = str(Path(sys.prefix, "bin", "tonari"))
SLOW_TO_LOAD = {"PIL", "boto3", "jinja2", "matplotlib", "msgspec", "numpy", "onnx", "onnxruntime", "usearch"}


def every_command(group: click.Group = tonari, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{name} ")


COMMANDS = dict(every_command())


def test_every_command_is_there() -> None:
    alone = {"demo", "serve", "push", "search", "predict", "status", "init", "rebuild", "audit", "report", "completion"}
    alone |= {"publish", "rollback", "gc", "verify", "probe-store"}
    of_encoder = {"build", "fit", "check", "add", "shrink", "list", "show", "use", "export"}
    assert COMMANDS.keys() >= alone | {"encoder"} | {f"encoder {name}" for name in of_encoder}


@pytest.mark.parametrize("line", ["--help", "encoder --help", "encoder fit --help", "report --help", "demo --help"])
def test_help_loads_nothing_slow(line: str) -> None:
    code = f"import sys; from tonari_tools.cli.main import main; main({line.split()}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: tonari" in done.stdout
    assert not SLOW_TO_LOAD & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("line", ["", "-h", "--help"])
def test_the_program_alone_prints_its_help(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    written = capsys.readouterr()
    assert written.err == ""
    assert all(name in written.out for name in tonari.commands)
    assert "Examples:" in written.out


@pytest.mark.parametrize("path", COMMANDS)
def test_each_help_page_says_what_the_command_does(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path.split(), "--help"]) == 0
    page = capsys.readouterr().out
    first, *_ = (COMMANDS[path].help or "").splitlines()
    assert first.endswith(".")
    assert first.split()[0] in page
    assert all(parameter.help for parameter in COMMANDS[path].params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("path", ["", *COMMANDS])
def test_examples_are_lines_that_can_be_given(path: str) -> None:
    lines = ((COMMANDS[path] if path else tonari).epilog or "").split("\n\n")[1:]
    for line in lines:
        assert len(line) <= 80
        words = shlex.split(line.removeprefix("$ "), comments=True)
        program, *rest = itertools.takewhile(lambda word: word not in {"|", ">"}, words)
        if program != "tonari":
            continue
        command: click.Command = tonari
        while isinstance(command, click.Group) and rest:
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_context(command.name, rest)


def test_the_installed_program_says_its_version() -> None:
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tonari {__version__}\n"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("push", "Missing argument 'FOLDER'. tonari push --help says more."),
        ("serch p", "'search', 'serve'?) tonari --help says more."),
        ("encoder ad m", "Did you mean 'add'?"),
        ("search p --filtr x", "Did you mean '--filter'?"),
        ("demo --port 99999", "99999 is not in the range"),
        ("demo --port x", "'x' is not a valid integer"),
        ("demo --example museum", "museum"),
        ("search p -k x", "'x' is not a valid integer"),
        ("search p -k 0", "0 is not in the range"),
        ("predict p --method best", "'best' is not one of 'discriminant', 'means', 'vote'"),
        ("encoder fit --dims 100", "'100' is not one of 'auto', '64', '128', '256'"),
        ("audit --of all", "'all' is not one of"),
        ("status now", "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(line: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("tonari: ")
    assert error in written.err
    assert written.err.endswith("--help says more.\n")
    assert written.err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("search gone.jpg", "gone.jpg cannot be read: No such file or directory."),
        ("search photo.png --filter {", "--filter is not JSON"),
        ('search photo.png --filter {"price":NaN}', "NaN is not a finite number"),
        ('search photo.png --filter {"name":"\\ud83d"}', "the value of 'name' holds half a surrogate pair"),
        ("search photo.png --filter []", "--filter must be a JSON object"),
        ("search photo.png --region 1,2,3", "--region is four numbers from 0 to 1"),
        ("search photo.png --region 0,0,2,1", "'region.width' is the box's width"),
        ("predict photo.png --region a,b,c,d", "--region is four numbers"),
        ("search --id a --shift red", "--shift is ATTRIBUTE=CLASS such as color=red, not 'red'"),
        ("search --id a --boost {", "--boost is not JSON"),
        ("search --id a --boost 5", "'boost' is a list of at most 5"),
        ("search --id a --region 0,0,1,1", "'region' is a part of a picture"),
        ("status --url there", "'there' is not a URL"),
        ("push gone", "gone is not a folder."),
        ("push .", "Which bucket? Give --catalogue BUCKET or set TONARI_CATALOGUE_BUCKET, or start the demo"),
        ("init --encoder .", "Which bucket? Give --artefacts BUCKET"),
        ("rebuild", "Which bucket? Give --catalogue BUCKET"),
        ("rebuild --catalogue c", "Which bucket? Give --artefacts BUCKET"),
        ("audit", "Which bucket? Give --artefacts BUCKET"),
        ("encoder list", "Which bucket? Give --artefacts BUCKET"),
        ("encoder build out --wheel gone.whl", "gone.whl is not there"),
        ("demo --metadata items.csv", "give FOLDER too"),
        ("demo . --example newsroom", "give one of them"),
        ("demo --example newsroom --metadata items.csv", "give FOLDER too"),
        ("demo gone", "gone is not a folder."),
        ("demo ~/gone", "~/gone is not a folder."),
        ("rebuild --demo shop", "No demo called 'shop' is running. None is running: start one with tonari demo."),
    ],
)
@pytest.mark.usefixtures("photo")
def test_an_error_is_one_line_and_status_1(line: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("tonari: ")
    assert error in written.err
    assert written.err.count("\n") == 1


def test_a_demo_needs_a_folder_that_it_may_write_to(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / ".tonari").touch()
    assert main(["demo", "--port", "0"]) == 1
    assert ".tonari cannot be made (File exists)" in capsys.readouterr().err


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tonari.client.Client.health", interrupt)
    assert main(["status"]) == 130
    assert "".join(capsys.readouterr()).strip() == ""


def test_a_closed_pipe_is_quiet() -> None:
    health = HEALTH | {"snapshot": "x" * 200_000}
    with answering((200, "application/json", json.dumps(health).encode())) as (url, _):
        command = [PROGRAM, "status", "--json", "--url", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_TONARI_COMPLETE" in script


def test_a_shell_is_told_how_a_word_goes_on() -> None:
    environment = {"_TONARI_COMPLETE": "bash_complete", "COMP_WORDS": "tonari encoder ex", "COMP_CWORD": "2"}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "plain,export\n"
