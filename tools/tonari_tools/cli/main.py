"""The command line: ``tonari COMMAND``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import rich_click as click

from tonari import __version__
from tonari.errors import TonariError, UnreachableError
from tonari_tools.cli.ask import audit, predict, search, status
from tonari_tools.cli.building import demo, init, push, rebuild, report, serve
from tonari_tools.cli.encoders import encoder
from tonari_tools.cli.help import CONTEXT, completion, examples, panels
from tonari_tools.cli.operations import gc, probe_store, publish, rollback, verify

INTERRUPTED = 130
WRONG_USAGE = 2
START = " Start one with tonari demo, or name another with --url."

PANELS = {
    "Serve on this machine": [demo, serve],
    "Ask": [search, predict, status],
    "Fill and build": [init, push, rebuild],
    "Check quality": [audit, report],
    "Look after it": [publish, rollback, gc, verify, probe_store],
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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _fail(message: str, status_code: int) -> int:
    click.echo(f"{click.style('tonari:', fg='red', bold=True)} {message}", err=True)
    return status_code


if __name__ == "__main__":
    sys.exit(main())
