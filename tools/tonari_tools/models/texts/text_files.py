"""The tokenizer of a text graph, and the settings that lie beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tonari.errors import InvalidEncoderError
from tonari_tools.models.published.settings_files import find_file, read_bytes, read_json, rooms_of

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
SENTENCE_BERT, POOLING = "sentence_bert_config.json", "config.json"
PROMPTS, MODULES, CONFIG = "config_sentence_transformers.json", "modules.json", "config.json"
POOLING_FOLDER = "1_Pooling"
SLOW = ("vocab.txt", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "vocab.json")
"""Vocabularies without the rules by which text is cut."""
MOST_TOKENIZER = 64_000_000
"""Bytes of a ``tokenizer.json``; one of 256,000 tokens has about 34 million."""


@dataclass(frozen=True, slots=True)
class TextFiles:
    """What says how texts are encoded.

    Parameters
    ----------
    tokenizer
        Path of ``tokenizer.json``.
    settings
        Of the files that were found, by name, what is in them: :data:`TOKENIZER_CONFIG`, :data:`SENTENCE_BERT`,
        ``1_Pooling/config.json``, :data:`PROMPTS`, :data:`CONFIG`.
    modules
        Types that ``modules.json`` of sentence-transformers lists, in their order.
    """

    tokenizer: Path
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    modules: Sequence[str] = ()

    def say(self, file: str, member: str) -> Any:
        """Give a member of a settings file; None if there is no such file or member."""
        return self.settings.get(file, {}).get(member)


def find_text_files(graph: Path) -> TextFiles:
    """Look for the tokenizer and the settings where a repository lays them: beside the graph, or above ``onnx/``.

    Raises
    ------
    InvalidEncoderError
        If there is no ``tokenizer.json``, or a settings file is no JSON.
    """
    rooms = _rooms(graph)
    tokenizer = find_file(rooms, TOKENIZER)
    if tokenizer is None:
        raise InvalidEncoderError(_missing(rooms))
    if tokenizer.stat().st_size > MOST_TOKENIZER:
        raise InvalidEncoderError(
            f"{tokenizer} has {tokenizer.stat().st_size:,} bytes, a tokenizer at most {MOST_TOKENIZER:,}: it is "
            "something else."
        )
    listed = find_file(rooms, MODULES)
    raw = read_json(listed) if listed else []
    modules = [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    pooling = next((str(one.get("path")) for one in modules if _kind(one) == "Pooling"), POOLING_FOLDER)
    wanted = {
        TOKENIZER_CONFIG: find_file(rooms, TOKENIZER_CONFIG),
        SENTENCE_BERT: find_file(rooms, SENTENCE_BERT),
        f"{POOLING_FOLDER}/{POOLING}": find_file([room / pooling for room in rooms], POOLING),
        PROMPTS: find_file(rooms, PROMPTS),
        CONFIG: find_file(rooms, CONFIG),
    }
    settings = {name: _object(path) for name, path in wanted.items() if path}
    return TextFiles(tokenizer, settings, tuple(_kind(one) for one in modules))


def _rooms(graph: Path) -> list[Path]:
    """Folders that may hold them; of what ``modules.json`` names only that with the transformer."""
    rooms = rooms_of(graph)
    return [room for room in rooms if POOLING_FOLDER not in room.name]


def _kind(module: Mapping[str, Any]) -> str:
    return str(module.get("type", "")).rpartition(".")[2]


def _object(path: Path) -> Mapping[str, Any]:
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise InvalidEncoderError(f"{path} is not a JSON object: mend it, or take it away.")
    return raw


def _missing(rooms: Sequence[Path]) -> str:
    slow = next((name for name in SLOW if find_file(rooms, name)), None)
    told = (
        f"{slow} is a vocabulary without its rules: AutoTokenizer.from_pretrained(FOLDER, use_fast=True)"
        '.save_pretrained(FOLDER) of transformers writes the other, where it has a "fast" kind'
        if slow
        else "take it from the repository of the model"
    )
    return f"The text graph has no {TOKENIZER} beside it (looked in {', '.join(map(str, rooms))}): {told}."


def read_tokenizer(files: TextFiles) -> bytes:
    """Read the bytes of ``tokenizer.json``."""
    return read_bytes(files.tokenizer)
