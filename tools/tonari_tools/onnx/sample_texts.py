"""Texts over which the agreement of two encoders is measured: of a catalogue, of a file, or those of the drawn shop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tonari.catalogue.passages import passages_of
from tonari.contract.artefacts import PassageFields
from tonari.errors import InvalidCatalogueError
from tonari_shop.assortment import assortment
from tonari_tools.onnx.agreement import LEAST, MOST


@dataclass(frozen=True, slots=True)
class SampleTexts:
    """Texts, each once, and whether they are only those of the drawn shop."""

    texts: tuple[str, ...]
    drawn: bool


def find_texts(given: Path | None) -> SampleTexts:
    """Take texts evenly from all there are, the same ones each time.

    Parameters
    ----------
    given
        A file with a text a line, a ``.jsonl`` with a document a line, or a folder of documents, such as a catalogue;
        None for the names in the drawn shop.

    Raises
    ------
    InvalidCatalogueError
        If it cannot be read, or has fewer than ``LEAST`` texts.
    """
    if given is None:
        return SampleTexts(_evenly(list(dict.fromkeys(_drawn()))), drawn=True)
    try:
        found = list(dict.fromkeys(_in_folder(given) if given.is_dir() else _in_file(given)))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCatalogueError(f"{given} cannot be read: {error}.") from error
    if len(found) < LEAST:
        raise InvalidCatalogueError(
            f"{given} holds {len(found)} texts, agreement is measured over {LEAST} at least and {MOST} at most: give a "
            "folder of documents, or a file with a text a line, with more."
        )
    return SampleTexts(_evenly(found), drawn=False)


def _evenly(texts: list[str]) -> tuple[str, ...]:
    taken = min(len(texts), MOST)
    return tuple(texts[(2 * i + 1) * len(texts) // (2 * taken)] for i in range(taken))


def _in_folder(folder: Path) -> Iterator[str]:
    inner = folder / "items"
    for path in sorted((inner if inner.is_dir() else folder).rglob("*.json")):
        yield from _passages(path.read_text(encoding="utf-8"))


def _in_file(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if path.suffix == ".jsonl":
            yield from _passages(line)
        elif line.strip():
            yield line.strip()


def _passages(document: str) -> Iterator[str]:
    try:
        fields = json.loads(document)
    except (ValueError, RecursionError):
        return
    if isinstance(fields, dict):
        yield from (passage.whole for passage in passages_of(fields, PassageFields()))


def _drawn() -> Iterator[str]:
    for article in assortment():
        yield ", ".join(value for value in article.fields.values() if isinstance(value, str))
