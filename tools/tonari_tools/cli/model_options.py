"""The argument ``MODEL`` and the options by which the user says what a model's files do not say, or say wrongly."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import rich_click as click

from tonari.images.framing import Resample
from tonari_tools.cli.target import Command

if TYPE_CHECKING:  # help must not load numpy
    from tonari_tools.models.published.overrides import Overrides
    from tonari_tools.models.texts.text_overrides import TextOverrides

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


VISION = click.option(
    "--vision", type=FILE, metavar="FILE", help="The graph for pictures, where MODEL is the one for texts alone."
)
TEXT_OPTIONS = (
    click.option(
        "--pooling",
        type=click.Choice(["none", "mean", "first", "last"]),
        help="Of a text model: how the vectors of tokens become one.",
    ),
    click.option(
        "--max-tokens", type=click.IntRange(1, 8192), metavar="N", help="Of a text model: the rest of a text is cut."
    ),
    click.option("--query-prefix", metavar="TEXT", help='Put before a query, for example "query: ".'),
    click.option("--passage-prefix", metavar="TEXT", help='Put before what is searched, for example "passage: ".'),
    click.option("--text-output", metavar="NAME", help="The text graph's output that is, or is pooled to, a vector."),
)


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A model as the user names it.

    Parameters
    ----------
    path
        An ONNX file, or a folder.
    config
        Its ``encoder.json``, or settings of pictures.
    vision
        The graph for pictures, where ``path`` is the one for texts.
    said, said_of_texts
        What the user says of pictures, and of texts.
    """

    path: Path
    config: Path | None
    vision: Path | None
    said: Overrides
    said_of_texts: TextOverrides


def takes_model(command: Command) -> Command:
    """Give a command the argument ``MODEL`` and the options on it, together as ``given``."""
    names = ("resize", "crop", "resample", "mean", "std", "channels", "layout", "output")
    of_texts = ("pooling", "max_tokens", "query_prefix", "passage_prefix", "text_output")

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        from tonari_tools.models.published.overrides import Overrides
        from tonari_tools.models.texts.text_overrides import TextOverrides

        said = Overrides(**{name: options.pop(name) for name in names})
        of_words = TextOverrides(**{name: options.pop(name) for name in of_texts})
        given = GivenModel(options.pop("model"), options.pop("config"), options.pop("vision"), said, of_words)
        return command(*args, given=given, **options)

    for option in reversed((*OPTIONS, VISION, *TEXT_OPTIONS)):
        wrapped = option(wrapped)
    return click.argument("model", type=FILE, help="An .onnx file, or a folder as repositories have it.")(wrapped)


def warn(warnings: Sequence[str]) -> None:
    """Print what was guessed or is doubtful, a line each, where errors go."""
    for warning in warnings:
        click.echo(f"{click.style('tonari:', fg='yellow', bold=True)} warning: {warning}", err=True)
