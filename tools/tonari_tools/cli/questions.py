"""Asks how a folder is to be read, where it can be read in more than one way."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click
from click.core import ParameterSource
from rich.console import Console

from tonari_tools.push.folder.options import Reading, flags_of
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue
from tonari_tools.push.proposals import UndecidedError
from tonari_tools.tables import plain

SAID_BY_READING = {"folder", "metadata", "ids", "image", "folders", "split_by", "skip_bad_rows"}


def read_or_ask(folder: Path, how: Reading) -> LocalCatalogue:
    """Read a folder; on a terminal ask what is in doubt, elsewhere stop and say which commands would say it.

    Raises
    ------
    UndecidedError
        If nobody is there to be asked.
    InvalidCatalogueError
        If anything cannot be sent as it is.
    """
    while True:
        try:
            return read_catalogue(folder, how)
        except UndecidedError as undecided:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                undecided.detail = _commands(folder, undecided)
                raise
            how = _choose(folder, undecided)


def _choose(folder: Path, undecided: UndecidedError) -> Reading:
    """Show what would come out of each way, and ask for one."""
    console = Console(stderr=True, highlight=False)
    console.print(undecided.question, "", undecided.table(), "", sep="\n", markup=False)
    count = len(undecided.proposals)
    number = click.prompt(f"Which one (1-{count}; Ctrl-C stops)", type=click.IntRange(1, count), err=True)
    chosen = undecided.proposals[number - 1].how
    console.print(f"To be asked no more: {_command(folder, chosen)}", "", sep="\n", markup=False, soft_wrap=True)
    return chosen


def _commands(folder: Path, undecided: UndecidedError) -> str:
    commands = "\n".join(f"  {_command(folder, one.how)}" for one in undecided.proposals)
    return f"{undecided.question}\n\n{plain(undecided.table())}\n\nNothing was sent. Say which:\n{commands}"


def _command(folder: Path, how: Reading) -> str:
    """Write the command that is running with other options for reading."""
    context = click.get_current_context(silent=True)
    if context is None:
        return f"{shlex.quote(str(folder))} {flags_of(how)}"
    if os.environ.get("MAKELEVEL") and os.environ.get("DIR") and context.info_name == "demo":
        return _make_demo(folder, how, context.params)
    others: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in SAID_BY_READING or context.get_parameter_source(name) != ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        others += [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]
    return " ".join(filter(None, (context.command_path, shlex.quote(str(folder)), flags_of(how), shlex.join(others))))


def _make_demo(folder: Path, how: Reading, params: Mapping[str, Any]) -> str:
    """Write it for whoever says ``make demo DIR=…``, and may have no other command."""
    variables = {
        "DIR": str(folder),
        "METADATA": str(how.metadata or ""),
        "ID": ",".join(how.id_columns),
        "IMAGE": how.image_column,
        "FOLDERS": how.folders or "",
        "SPLIT_BY": how.split_by,
        "SKIP_BAD_ROWS": "1" if how.skip_bad_rows else "",
        "PORT": os.environ.get("PORT", ""),
        "FRESH": "1" if params.get("fresh") else "",
    }
    return " ".join(["make demo", *(f"{name}={shlex.quote(value)}" for name, value in variables.items() if value)])
