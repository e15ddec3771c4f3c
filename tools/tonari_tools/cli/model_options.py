"""The argument ``MODEL`` and the options by which the user says what a model's files do not say, or say wrongly."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import rich_click as click

from tonari.images.framing import Resample
from tonari_tools.cli.target import Command

FILE = click.Path(path_type=Path)


def _reads(parser: str) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Make a callback of a function of ``overrides.py``; what that raises is what the user is told."""

    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        from tonari_tools.models.published import overrides

        if value is None:
            return None
        try:
            return getattr(overrides, parser)(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.", context, parameter) from error

    return read


OPTIONS = (
    click.option(
        "--config",
        type=FILE,
        metavar="FILE",
        help="Its encoder.json, or published settings under another name; default: what lies beside the model.",
    ),
    click.option(
        "--resize",
        callback=_reads("parse_resize"),
        metavar="N|HxW",
        help="Resize so that the shortest edge is N pixels, or squash to H x W, whatever the aspect.",
    ),
    click.option(
        "--crop",
        callback=_reads("parse_crop"),
        metavar="N|HxW",
        help="Cut N x N, or H x W, pixels out of the centre: what the model takes.",
    ),
    click.option(
        "--resample",
        type=click.Choice(get_args(Resample)),
        metavar="NAME",
        help=f"Filter of the resize: {', '.join(get_args(Resample))}.",
    ),
    click.option(
        "--mean",
        callback=_reads("parse_mean"),
        metavar="R,G,B",
        help="Subtracted from pixels, on the scale of 0 to 1: 0.485,0.456,0.406, or one number for all.",
    ),
    click.option(
        "--std",
        callback=_reads("parse_std"),
        metavar="R,G,B",
        help="By which pixels are then divided: 0.229,0.224,0.225.",
    ),
    click.option("--channels", type=click.Choice(["RGB", "BGR"]), help="Order in which the model takes them."),
    click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), help="Layout of the model's input."),
    click.option("--output", metavar="NAME", help="The output that is the embedding."),
)


def takes_model(command: Command) -> Command:
    """Give a command the argument ``MODEL``, the option ``--config``, and ``said`` made of the options beside it."""
    names = ("resize", "crop", "resample", "mean", "std", "channels", "layout", "output")

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        from tonari_tools.models.published.overrides import Overrides

        said = Overrides(**{name: options.pop(name) for name in names})
        return command(*args, said=said, **options)

    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return click.argument("model", type=FILE, help="An .onnx file, or a folder with one.")(wrapped)


def warn(warnings: Sequence[str]) -> None:
    """Print what was guessed or is doubtful, a line each, where errors go."""
    for warning in warnings:
        click.echo(f"{click.style('tonari:', fg='yellow', bold=True)} warning: {warning}", err=True)
