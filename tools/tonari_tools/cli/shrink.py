"""``tonari encoder shrink``: a smaller encoder in a folder, and how far it is from the original."""

from __future__ import annotations

import sys
from argparse import Namespace
from itertools import islice
from pathlib import Path

from tonari.encoders.store import CONFIG, MODEL
from tonari.errors import InvalidRequestError
from tonari_tools.models.examine import examine
from tonari_tools.onnx.photographs import find_photographs
from tonari_tools.onnx.shrink import shrink
from tonari_tools.onnx.shrink_report import report

SHOWN = 3


def run(arguments: Namespace) -> None:
    """Shrink, say what it cost, and write the files unless it cost too much."""
    _check_folder(arguments.folder, arguments.model)
    photographs = find_photographs(arguments.photos, calibrate=arguments.static)
    examined = examine(arguments.model, arguments.config)
    shrunk = shrink(examined, photographs)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((MODEL, shrunk.model), (CONFIG, shrunk.config)):
        (arguments.folder / name).write_bytes(data)
    print(report(examined, shrunk))
    for name, why in islice(shrunk.rejected.items(), SHOWN):
        print(f"tonari: passed over {name}: {why}", file=sys.stderr)


def _check_folder(folder: Path, model: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidRequestError(f"{folder} is a file: give a folder to write {MODEL} and {CONFIG} into.")
    if folder.resolve() in {model.resolve(), model.resolve().parent, model.resolve() / "onnx"}:
        raise InvalidRequestError(f"{folder} holds the model itself: give another folder, so that it stays.")
