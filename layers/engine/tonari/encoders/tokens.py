"""Texts -> numbers of tokens. The only importer of ``tokenizers``, which a deployment without words does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.contract.encoder import TextPart
from tonari.errors import InvalidEncoderError, InvalidTextError


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as the graph takes it, and whether its end was left out."""

    numbers: tuple[int, ...]
    cut: bool


class Tokenizer:
    """A tokenizer of the library ``tokenizers``, whatever its file says of lengths.

    Attributes
    ----------
    vocabulary
        How many tokens there are, counted by the highest number.
    filling
        Number of the token by which texts are filled up: what the file says, or is named so, else 0.

    Raises
    ------
    InvalidEncoderError
        If the file cannot be read, or the library is not installed.
    """

    def __init__(self, path: Path, part: TextPart) -> None:
        self._tokenizer = _open(path)
        padding: Mapping[str, Any] | None = self._tokenizer.padding
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if special >= part.max_tokens:
            raise InvalidEncoderError(
                f"The tokenizer adds {special} tokens to every text, and encoder.json takes {part.max_tokens} "
                "('max_tokens'): raise that."
            )
        self._tokenizer.enable_truncation(part.max_tokens)
        self._lower = part.lower
        known: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary = 1 + max(known.values(), default=-1)
        named = next((known[name] for name in _PADDING if name in known), 0)
        self.filling = named if padding is None else int(padding["pad_id"])
        try:
            self.read(_TRIED)
        except InvalidTextError as error:
            raise InvalidEncoderError(f"The tokenizer cannot serve: {error.detail:.300}") from error

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """Turn texts into tokens; one without any token of its own has no numbers.

        Raises
        ------
        InvalidTextError
            If the tokenizer fails on one.
        """
        given = [_clean(text.lower() if self._lower else text) for text in texts]
        try:
            encodings = self._tokenizer.encode_batch(given)
        except BaseException as error:
            if not _is_of_library(error):
                raise
            raise InvalidTextError(
                f"The encoder's tokenizer fails on this text: {_one_line(error):.200}. Ask by other words; if it fails "
                "on many, replace it by that of the model."
            ) from error
        return [self._tokens(one) for one in encodings]

    def _tokens(self, encoding: Any) -> Tokens:
        own = len(encoding.ids) - sum(encoding.special_tokens_mask)
        return Tokens(tuple(encoding.ids) if own else (), bool(encoding.overflowing))


_PADDING = ("[PAD]", "<pad>", "<|endoftext|>")
_TRIED = ("a", "隣 🙂 zyx")
"""Texts that every tokenizer can read: words that it does not know have a token, or none."""


def _is_of_library(error: BaseException) -> bool:
    """Tell what tokenizers raises: bare exceptions, and, of damaged files, panics, which are no Exception at all."""
    return type(error) is Exception or type(error).__name__ == "PanicException"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _clean(text: str) -> str:
    """Replace half surrogate pairs, which no text in UTF-8 has."""
    return text.encode(errors="replace").decode()


def _open(path: Path) -> Any:
    try:
        import tokenizers  # noqa: PLC0415 - only who has texts to encode needs it
    except ImportError as error:
        raise InvalidEncoderError(
            "This encoder takes texts, for which the library tokenizers is needed: add the layer of words to the "
            "function (parameter Words of the template), or pip install 'tonari[words]'."
        ) from error
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except BaseException as error:
        if not _is_of_library(error):
            raise
        raise InvalidEncoderError(f"The tokenizer cannot be read: {_one_line(error):.200}") from error
