"""Which graphs a folder has, and for what: pictures, texts, or both, as repositories lay them out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tonari.errors import InvalidEncoderError

STORED = ("", "_fp16", "_quantized", "_int8", "_uint8")
"""Endings of the ways in which one model is stored, what is believed best first."""
PICTURES, TEXTS, WHOLE = "vision_model", "text_model", "model"
ROOMS = ("", "onnx")


@dataclass(frozen=True, slots=True)
class Layout:
    """Graphs that lie in a folder.

    Parameters
    ----------
    pictures, texts
        Of a joint encoder that has one for each.
    whole
        A graph that may take either, or both.
    """

    pictures: Path | None = None
    texts: Path | None = None
    whole: Path | None = None


def find_layout(model: Path, pictures: Path | None = None) -> Layout:
    """Find the graphs of a model.

    Parameters
    ----------
    model
        A folder, or the file of one graph: of the texts, if ``pictures`` is given.
    pictures
        The file of the graph for pictures, where the user names both.

    Raises
    ------
    InvalidEncoderError
        If a folder has one half of a joint model, stored so that the other half is not beside it.
    """
    if pictures:
        return Layout(pictures, model)
    if not _is_folder(model):
        return Layout(whole=model)
    for room in ROOMS:
        for stored in STORED:
            first, second = (model / room / f"{name}{stored}.onnx" for name in (PICTURES, TEXTS))
            if first.is_file() and second.is_file():
                return Layout(first, second)
    halves = {name: [one for one in _graphs(model) if one.name.startswith(name)] for name in (PICTURES, TEXTS)}
    if all(halves.values()):
        first, second = (found[0] for found in halves.values())
        return Layout(first, second)
    usual = (model / room / f"{WHOLE}{stored}.onnx" for room in ROOMS for stored in STORED)
    whole = next((path for path in usual if path.is_file()), None)
    if whole or any(halves.values()):
        return Layout(whole=whole or next(found[0] for found in halves.values() if found))
    found = _graphs(model)
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(model)) for path in found)
        raise InvalidEncoderError(f"{model} should hold one .onnx file, it holds {names}: give the file itself.")
    return Layout(whole=found[0] if found else model)


def _graphs(folder: Path) -> list[Path]:
    return [path for room in ROOMS for path in sorted((folder / room).glob("*.onnx"))]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
