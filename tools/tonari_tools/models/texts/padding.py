"""The token by which short texts are filled up, written into a tokenizer's own file."""

from __future__ import annotations

from typing import Any

from tonari_tools.models.texts.text_files import TOKENIZER_CONFIG, TextFiles
from tonari_tools.models.texts.vocabulary import parse_tokenizer


def with_padding(data: bytes, files: TextFiles) -> bytes:
    """Let ``tokenizer.json`` name the padding that ``tokenizer_config.json`` does, where it names none itself."""
    tokenizer = parse_tokenizer(data)
    if tokenizer.padding is not None:
        return data
    name = _content(files.say(TOKENIZER_CONFIG, "pad_token"))
    number = tokenizer.token_to_id(name) if name else None
    if number is None or name is None:
        return data
    tokenizer.enable_padding(pad_id=number, pad_token=name)
    return tokenizer.to_str().encode()


def _content(token: Any) -> str | None:
    """Give the text of a token, written plainly or as an object."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None
