"""By what a generation can be searched: pictures, words, or embeddings of words."""

from __future__ import annotations

from tonari.contract.health import Queries
from tonari.contract.text_queries import Retrieval
from tonari.errors import UnsupportedQueryError
from tonari.query.serving import Serving


def retrieval_of(serving: Serving, wanted: Retrieval | None) -> Retrieval:
    """Choose by what a text that stands alone finds items: what was asked for, else both where there are both.

    Raises
    ------
    UnsupportedQueryError
        If texts find nothing here, or not in the way that was asked for.
    """
    lexical, dense = _has_words(serving), _knows_texts(serving)
    if not lexical and (wanted in ("lexical", "fused") or not dense):
        instead = ' Ask with "retrieval": "dense" until then.' if dense else ""
        raise UnsupportedQueryError(f"No item can be found by its words: {serving.words.reason}{instead}")
    if wanted in ("dense", "fused") and not dense:
        raise UnsupportedQueryError(
            f"The encoder of this catalogue, {serving.encoder.name}, knows pictures alone, so texts have no embedding: "
            'ask with "retrieval": "lexical", or rebuild the catalogue with an encoder that knows words.'
        )
    return wanted or ("fused" if lexical and dense else "dense" if dense else "lexical")


def queries_of(serving: Serving) -> Queries:
    """Say by what a generation can be searched."""
    lexical, dense = _has_words(serving), _knows_texts(serving)
    text: Retrieval | None = "fused" if lexical and dense else "dense" if dense else "lexical" if lexical else None
    image = "image" in serving.encoder.modalities
    return Queries(image=image, text=text, image_and_text=image and dense)


def _has_words(serving: Serving) -> bool:
    return bool(serving.words.fields)


def _knows_texts(serving: Serving) -> bool:
    return "text" in serving.encoder.modalities
