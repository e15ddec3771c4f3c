"""The use case of the query function: what is asked with.

Neighbours are :mod:`tonari.query.search`, predictions :mod:`tonari.query.predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.errors import InvalidRequestError, UnknownItemError
from tonari.fields.filters import Filter, parse_filter
from tonari.index.vectors import from_fixed, unit
from tonari.query.candidates import Query
from tonari.query.items import find_item
from tonari.query.serving import Serving

AWAY = 0.5
LEAST_LENGTH = 1e-4


def query_image(serving: Serving, data: bytes) -> Query:
    """Encode a picture.

    Raises
    ------
    UnsupportedImageError, InvalidImageError, TooLargeError
    """
    return Query(serving.encoder.embed([serving.encoder.read(data)]))


def query_vector(serving: Serving, vector: Sequence[float]) -> Query:
    """Take a ready embedding.

    Raises
    ------
    InvalidVectorError
    """
    return Query(unit(np.asarray(vector, np.float64), serving.encoder.dimensions)[None])


def query_item(serving: Serving, item: str) -> Query:
    """Take the stored embeddings of an item, whose length rounding has changed a little.

    Raises
    ------
    UnknownItemError
        If there is no such item, or it has no image that could be encoded.
    """
    embeddings = _embeddings(serving, item)
    return Query(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), (item,))


def query_examples(serving: Serving, positive: Sequence[str], negative: Sequence[str]) -> Query:
    """Look for what is like some items and unlike others, by one vector [Rocchio, in Salton (ed.), SMART, 1971].

    It is the mean of the items that are liked, less half the mean of those that are not; an item counts by the mean of
    its views.

    Raises
    ------
    UnknownItemError
        Naming those items that do not exist, or have no image that could be encoded.
    InvalidRequestError
        If the examples cancel each other out.
    """
    named = (*positive, *negative)
    unknown = [item for item in named if serving.find(item) is None]
    if unknown:
        several = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        raise UnknownItemError(
            f"These examples are no items of this generation: {', '.join(f'{one!r:.80}' for one in unknown[:10])}"
            f"{several}."
        )
    towards, away = (
        np.mean([_embeddings(serving, item).mean(axis=0) for item in items], axis=0) if items else np.float64(0)
        for items in (positive, negative)
    )
    vector = np.asarray(towards - AWAY * away, np.float64)
    if np.linalg.norm(vector) < LEAST_LENGTH:
        raise InvalidRequestError("The examples cancel each other out, so nothing is like them: name fewer negative.")
    return Query(unit(vector, serving.encoder.dimensions)[None], named)


def _embeddings(serving: Serving, item: str) -> NDArray[np.float32]:
    table, position = find_item(serving, item)
    rows = table.rows(position)
    if not len(rows):
        raise UnknownItemError(f"The item {item!r} has no image that could be encoded, so nothing is near to it.")
    return from_fixed(table.views.fixed[rows])


def read_filter(serving: Serving, raw: Any) -> Filter:
    """Check a filter against the fields of this generation.

    Raises
    ------
    InvalidFilterError
    """
    return parse_filter(raw, serving.snapshot.schema)
