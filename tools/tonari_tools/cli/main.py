"""The command line: ``tonari COMMAND``."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from tonari import __version__
from tonari.errors import TonariError, UnreachableError
from tonari_tools.cli.ask import audit, predict, search, status
from tonari_tools.cli.building import init, push, rebuild, report
from tonari_tools.cli.encoders import encoder
from tonari_tools.cli.engine import engine
from tonari_tools.cli.help import CONTEXT, completion, examples, panels
from tonari_tools.cli.operations import gc, probe_store, publish, rollback, verify
from tonari_tools.cli.servers import demo, demos, serve

INTERRUPTED = 130
WRONG_USAGE = 2
START = " Start one with tonari demo, or name another with --url."

PANELS = {
    "Serve on this machine": [demo, serve, demos],
    "Ask": [search, predict, status],
    "Fill and build": [init, push, rebuild],
    "Check quality": [audit, report],
    "Look after it": [publish, rollback, gc, verify, probe_store, engine],
    "More": [encoder, completion],
}


@click.group(
    "tonari",
    invoke_without_command=True,
    context_settings=CONTEXT,
    panels=panels(PANELS),
    epilog=examples(
        "tonari demo                              # a drawn shop on this machine",
        "tonari search photo.jpg -k 5             # ask the running demo",
        "tonari push photos --metadata items.csv  # upload a catalogue",
        "tonari rebuild                           # encode it and publish an index",
    ),
)
@click.version_option(__version__, prog_name="tonari", message="%(prog)s %(version)s")
@click.pass_context
def tonari(context: click.RichContext) -> None:
    """Search a catalogue by picture, and predict colour, category and other attributes.

    A command talks to what its options name, else to what the environment names, else to the running demo.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for commands in PANELS.values():
    for command in commands:
        tonari.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    The exit status: 0, 1 after an error (one line on stderr), 2 for wrong usage, 130 after Ctrl-C.
    """
    if arguments is None:
        _read_names_as_utf8()
    _open_streams()
    try:
        tonari.main(arguments, prog_name="tonari", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "tonari"
        text = error.format_message()
        end = "" if text.endswith((".", "?", ")")) else "."
        return _fail(f"{text}{end} {path} --help says more.", WRONG_USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except TonariError as error:
        return _fail(error.detail + (START if isinstance(error, UnreachableError) else ""), 1)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what waits there cannot be written
        return 1 if isinstance(error, BrokenPipeError) else _fail(_refusal(error), 1)
    return 0


def _read_names_as_utf8() -> None:
    """Begin anew in Python's UTF-8 mode where names of files would be read as ASCII, as in some containers and by cron.

    What is written stays as the terminal takes it.
    """
    if sys.getfilesystemencoding() == "ascii":
        encoding = os.environ.get("PYTHONIOENCODING") or "ascii:backslashreplace"
        environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": encoding}
        os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606  the same program


def _open_streams() -> None:
    """Let what the terminal's encoding lacks be written as an escape; streams that are closed lead nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8", errors="replace")  # noqa: SIM115  for good
            setattr(sys, name, nowhere)
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _refusal(error: OSError) -> str:
    """Say what the system refused; only the present folder has no name there."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "The folder in which this was called is gone: cd to another one."
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{error.strerror or error}."


def _fail(message: str, status_code: int) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"{click.style('tonari:', fg='red', bold=True)} {message}", err=True)
    return status_code


if __name__ == "__main__":
    sys.exit(main())
