"""What a request searches with (a picture, a vector, an item, examples, a text) as query vectors and words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.views import is_passage
from tonari.contract.engine import StoredItem
from tonari.contract.parameters import MOST_VIEWS
from tonari.contract.text_queries import Retrieval
from tonari.encoders.port import Role
from tonari.errors import InvalidRequestError, UnknownItemError, UnsupportedQueryError
from tonari.images.framing import Region
from tonari.index.vectors import unit
from tonari.query.contents import read_item
from tonari.query.serving import Serving

NEGATIVE_WEIGHT = 0.5
LEAST_LENGTH = 1e-4
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched with.

    Parameters
    ----------
    embeddings : (Q, D) float32, rows of length 1
        One, or all views of an item; none where it is searched by words alone. Those made of items are shorter where
        the full vectors are not here yet, by what is not here.
    items
        The items that serve as query; they are not among their own neighbours.
    item
        The item whose own views these are, None if they are nobody's: what is known of it need not be predicted.
    own : (V, D) float32
        Views of the items that serve as query, as ``embeddings``; None if there are none.
    of_passages
        Whether all of these are passages of texts.
    words
        What the texts of items are searched for, beside or instead of the embeddings; None if they are not.
    described
        Whether the embedding is, wholly or in part, that of a text that describes what is looked for: it is not as
        near to that as views are to each other.
    """

    embeddings: NDArray[np.float32]
    items: tuple[str, ...] = ()
    item: str | None = None
    own: NDArray[np.float32] | None = None
    of_passages: bool = False
    words: str | None = None
    described: bool = False


def query_image(serving: Serving, data: bytes, region: Region | None = None) -> Query:
    """Encode a picture, or a region of it.

    Raises
    ------
    UnsupportedImageError, InvalidImageError, TooLargeError, UnencodableImageError
    InvalidRequestError
        If the region is too small.
    """
    return Query(serving.encoder.encode(data, region)[None])


def query_text(serving: Serving, text: str, retrieval: Retrieval) -> Query:
    """Take words as words, as the embedding of a description, or as both.

    Raises
    ------
    InvalidTextError, UnsupportedQueryError
    """
    words = None if retrieval == "dense" else text
    if retrieval == "lexical":
        return Query(np.empty((0, serving.encoder.dimensions), np.float32), words=words, described=True)
    return Query(_encoded(serving, text, "query")[None], words=words, described=True)


def query_passage(serving: Serving, text: str) -> Query:
    """Encode a text whose attributes are asked for.

    Where the encoder knows texts alone, it is one of what the catalogue has, such as an article; beside pictures it is
    a description.

    Raises
    ------
    InvalidTextError
    UnsupportedQueryError
        If the encoder encodes no texts.
    """
    if serving.encoder.modalities == {"text"}:
        return Query(_encoded(serving, text, "passage")[None])
    return Query(_encoded(serving, text, "query")[None], described=True)


def beside_text(serving: Serving, query: Query, text: str, weight: float) -> Query:
    """Move a query towards a text: each vector becomes ``(1 - weight) * vector + weight * text``, of the same length.

    Raises
    ------
    InvalidTextError
    UnsupportedQueryError
        If the encoder encodes no texts.
    InvalidRequestError
        If the two cancel each other out.
    """
    towards = _encoded(serving, text, "query")
    lengths = np.linalg.norm(query.embeddings, axis=1, keepdims=True)
    moved = (1 - weight) * query.embeddings + weight * towards
    left = np.linalg.norm(moved, axis=1, keepdims=True)
    if left.min() < LEAST_LENGTH:
        raise InvalidRequestError("The text and what it stands beside cancel each other out: change 'text_weight'.")
    return replace(query, embeddings=np.asarray(moved / left * lengths, np.float32), item=None, described=True)


def _encoded(serving: Serving, text: str, role: Role) -> NDArray[np.float32]:
    if "text" not in serving.encoder.modalities:
        raise UnsupportedQueryError(
            f"The encoder of this catalogue, {serving.encoder.name}, knows pictures alone, so texts have no embedding: "
            "send the 'text' alone to search by its words, or rebuild the catalogue with an encoder that knows words."
        )
    embedding: NDArray[np.float32] = serving.encoder.encode_texts([text], role).embeddings[0]
    return embedding


def query_vector(serving: Serving, vector: Sequence[float]) -> Query:
    """Take a ready embedding.

    Raises
    ------
    InvalidVectorError
    """
    return Query(unit(np.asarray(vector, np.float64), serving.encoder.dimensions)[None])


def query_item(serving: Serving, item: str) -> Query:
    """Take the stored embeddings of an item's first 16 views.

    Raises
    ------
    UnknownItemError
        If there is no such item, or it has no view that could be encoded.
    """
    stored = read_item(serving, item)
    embeddings = _embeddings(stored)[:MOST_VIEWS]
    if serving.snapshot.whole:
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)  # rounding has changed it a little
    return Query(embeddings, (item,), item, embeddings, all(map(is_passage, stored.views)))


def query_examples(
    serving: Serving, positive: Sequence[str], negative: Sequence[str], half_life: float | None = None
) -> Query:
    """Search for what is like some items and unlike others, by one vector [Rocchio, in Salton (ed.), SMART, 1971].

    The vector is the mean of the positive items less half the mean of the negative ones. An item stands for the mean of
    its views.

    Parameters
    ----------
    half_life
        The weight of the i-th positive item, from 0, is ``0.5 ** (i / half_life)``; all weigh the same if it is None.

    Raises
    ------
    UnknownItemError
        Naming those items that do not exist, or have no view that could be encoded.
    InvalidRequestError
        If the examples cancel each other out.
    """
    named = (*positive, *negative)
    found = serving.engine.read(named)
    unknown = [item for item in named if item not in found]
    if unknown:
        several = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
        names = ", ".join(f"{item!r:.80}" for item in unknown[:MOST_NAMED])
        raise UnknownItemError(f"These examples are no items of this catalogue: {names}{several}.")
    weights = None if half_life is None else 0.5 ** (np.arange(len(positive)) / half_life)
    towards = np.average([_embeddings(found[item]).mean(axis=0) for item in positive], axis=0, weights=weights)
    away = np.mean([_embeddings(found[item]).mean(axis=0) for item in negative], axis=0) if negative else np.float64(0)
    vector = np.asarray(towards - NEGATIVE_WEIGHT * away, np.float64)
    if np.linalg.norm(vector) < LEAST_LENGTH:
        raise InvalidRequestError("The examples cancel each other out, so nothing is like them: name fewer negative.")
    whole = unit(vector, serving.encoder.dimensions)[None]
    return Query(
        whole if serving.snapshot.whole else whole * _here(found.values()),
        named,
        own=np.concatenate([one.embeddings for one in found.values()]),
        of_passages=all(is_passage(name) for one in found.values() for name in one.views),
    )


def _here(items: Iterable[StoredItem]) -> np.float32:
    """Say how long an embedding of some items is at least, as far as it is here; a mean of several keeps more."""
    return np.float32(min(1.0, *(float(np.linalg.norm(one.embeddings, axis=1).min()) for one in items)))


def _embeddings(item: StoredItem) -> NDArray[np.float32]:
    if not len(item.embeddings):
        raise UnknownItemError(f"The item {item.id!r} has no view that could be encoded, so nothing is near to it.")
    return item.embeddings
