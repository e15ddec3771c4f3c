"""How an encoder of texts does: tried with sentences near and far, a long one, and, where it is joint, pictures."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tonari.encoders.joint import JointEncoder
from tonari.encoders.text import TextEncoder
from tonari.errors import InvalidEncoderError, RequestError
from tonari_shop.assortment import assortment
from tonari_shop.studio import photograph
from tonari_tools.models.trial import APART, BATCH

TEXTS = ("a red boot", "red boots of leather", "a green lamp for the desk", "the market fell for a third day")
SAMPLES: Mapping[str, str] = {
    "English": "The team won the last game of the season, and the market closed higher.",
    "Japanese": "赤いブーツと緑のランプを探しています。",
}
"""Sentences by which a tokenizer shows what it knows."""
ALIKE = 0.9999
"""A cosine between different texts at which an encoder tells them apart no more."""
LENGTHS = (8, 64, 250)
WARM_UP, LEAST_RUNS, MOST_RUNS, MOST_SECONDS = 1, 3, 15, 1.0


@dataclass(frozen=True, slots=True)
class TextTrial:
    """How an encoder did.

    Parameters
    ----------
    cosines : (4, 4) float64
        Between :data:`TEXTS`, the first as a query.
    cut
        Whether a text of many more words than fit was told to be cut.
    milliseconds
        By the number of tokens, a text on one thread: medians.
    unknown
        By language, how many tokens of a sentence the tokenizer does not know, and how many it makes of it.
    pictures
        Of a joint encoder: how many drawn pictures lie nearest to their own words, and how many were tried.
    """

    cosines: NDArray[np.float64]
    cut: bool
    milliseconds: Mapping[int, float]
    unknown: Mapping[str, tuple[int, int]]
    pictures: tuple[int, int] | None


def try_texts(encoder: TextEncoder, tokenizer: Tokenizer, joint: JointEncoder | None) -> TextTrial:
    """Encode texts, and pictures if the encoder is ``joint``.

    Parameters
    ----------
    tokenizer
        Its own, which shows what it knows.

    Raises
    ------
    InvalidEncoderError
        If it gives NaN, infinity, zero or another shape, or does not tell texts apart.
    """
    try:
        query = encoder.encode_texts(TEXTS[:1], "query").embeddings
        passages = encoder.encode_texts(TEXTS, "passage").embeddings
        cut = encoder.encode_texts([" ".join([TEXTS[3]] * encoder.part.max_tokens)], "passage").cut
    except RequestError as error:
        raise InvalidEncoderError(f"{error.detail} (given a sentence; an encoder must give each one)") from error
    _tell_apart(passages.astype(np.float64))
    rows = np.concatenate([query, passages[1:]]).astype(np.float64)
    lengths = (most for most in LENGTHS if most <= encoder.part.max_tokens)
    speeds = {most: _speed(encoder, most) for most in lengths}
    unknown = {language: _unknown(tokenizer, text) for language, text in SAMPLES.items()}
    matched = _match(joint) if joint else None
    return TextTrial(rows @ passages.T.astype(np.float64), bool(cut[0]), speeds, unknown, matched)


def _tell_apart(rows: NDArray[np.float64]) -> None:
    cosines = rows @ rows.T
    far = cosines[0, 3]
    if far >= ALIKE:
        raise InvalidEncoderError(
            f"The encoder does not tell texts apart: cosine {far:.6f} between {TEXTS[0]!r} and {TEXTS[3]!r}. Is the "
            "tokenizer the model's, and does the output depend on the text (--text-output, --pooling)?"
        )


def _unknown(tokenizer: Tokenizer, text: str) -> tuple[int, int]:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    unknown = _unknown_id(tokenizer)
    return sum(one == unknown for one in ids), len(ids)


def _unknown_id(tokenizer: Tokenizer) -> int | None:
    model = json.loads(tokenizer.to_str())["model"]
    if isinstance(name := model.get("unk_token"), str):
        return tokenizer.token_to_id(name)
    number = model.get("unk_id")
    return number if isinstance(number, int) else None


def _match(joint: JointEncoder) -> tuple[int, int]:
    """Count the drawn pictures that lie nearest to their own words."""
    articles = list(assortment())[: BATCH * APART : APART]
    words = [f"a photo of a {one.fields['color']} {one.fields['category']}" for one in articles]
    texts = joint.encode_texts(words, "query").embeddings
    pictures = np.stack([joint.encode(photograph(one.product, *next(iter(one.views.values())))) for one in articles])
    return int((np.argmax(pictures @ texts.T, axis=1) == np.arange(len(articles))).sum()), len(articles)


def _speed(encoder: TextEncoder, tokens: int) -> float:
    text = " ".join(["news"] * tokens)
    taken: list[float] = []
    begin = time.perf_counter()
    while len(taken) < WARM_UP + LEAST_RUNS or (
        len(taken) < WARM_UP + MOST_RUNS and time.perf_counter() - begin < MOST_SECONDS
    ):
        start = time.perf_counter()
        encoder.encode_texts([text], "query")
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[WARM_UP:]) * 1000
