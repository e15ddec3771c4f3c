"""What a request searches with (a picture, a vector, an item, examples) as query vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.contract.engine import StoredItem
from tonari.contract.parameters import MOST_VIEWS
from tonari.errors import InvalidRequestError, UnknownItemError
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
        One, or all views of an item. Those made of items are shorter where the full vectors are not here yet, by what
        is not here.
    items
        The items that serve as query; they are not among their own neighbours.
    item
        The item whose own pictures these are, None if they are nobody's: what is known of it need not be predicted.
    """

    embeddings: NDArray[np.float32]
    items: tuple[str, ...] = ()
    item: str | None = None


def query_image(serving: Serving, data: bytes, region: Region | None = None) -> Query:
    """Encode a picture, or a region of it.

    Raises
    ------
    UnsupportedImageError, InvalidImageError, TooLargeError, UnencodableImageError
    InvalidRequestError
        If the region is too small.
    """
    return Query(serving.encoder.encode(data, region)[None])


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
        If there is no such item, or it has no image that could be encoded.
    """
    embeddings = _embeddings(read_item(serving, item))[:MOST_VIEWS]
    if serving.snapshot.whole:
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)  # rounding has changed it a little
    return Query(embeddings, (item,), item)


def query_examples(serving: Serving, positive: Sequence[str], negative: Sequence[str]) -> Query:
    """Search for what is like some items and unlike others, by one vector [Rocchio, in Salton (ed.), SMART, 1971].

    The vector is the mean of the positive items less half the mean of the negative ones. An item stands for the mean of
    its views.

    Raises
    ------
    UnknownItemError
        Naming those items that do not exist, or have no image that could be encoded.
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
    towards, away = (
        np.mean([_embeddings(found[item]).mean(axis=0) for item in items], axis=0) if items else np.float64(0)
        for items in (positive, negative)
    )
    vector = np.asarray(towards - NEGATIVE_WEIGHT * away, np.float64)
    if np.linalg.norm(vector) < LEAST_LENGTH:
        raise InvalidRequestError("The examples cancel each other out, so nothing is like them: name fewer negative.")
    whole = unit(vector, serving.encoder.dimensions)[None]
    return Query(whole if serving.snapshot.whole else whole * _here(found.values()), named)


def _here(items: Iterable[StoredItem]) -> np.float32:
    """Say how long an embedding of some items is at least, as far as it is here; a mean of several keeps more."""
    return np.float32(min(1.0, *(float(np.linalg.norm(one.embeddings, axis=1).min()) for one in items)))


def _embeddings(item: StoredItem) -> NDArray[np.float32]:
    if not len(item.embeddings):
        raise UnknownItemError(f"The item {item.id!r} has no image that could be encoded, so nothing is near to it.")
    return item.embeddings
