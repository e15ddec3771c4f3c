"""Nearest neighbours among views: int8 scan or graph for candidates, re-scoring at 16 bits, items as the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonari.errors import InvalidVectorError
from tonari.index.graph import Graph
from tonari.index.kernels import dot_products

LEAST_CANDIDATES = 60
CANDIDATES_PER_ITEM = 4
BLOCK = 16_384
UNIT = 32_767

Path = Literal["scan", "cells", "graph"]


@dataclass(frozen=True, slots=True)
class Views:
    """The embeddings of N views.

    Parameters
    ----------
    item : (N,) int32
        The item of each view.
    fixed : (N, D) int16
        Embeddings, as :func:`to_fixed` gives them.
    codes : (N, D) int8
        The same more roughly, as :func:`quantise` gives them.
    """

    item: NDArray[np.int32]
    fixed: NDArray[np.int16]
    codes: NDArray[np.int8]

    def __len__(self) -> int:
        """``N``."""
        return len(self.item)


@dataclass(frozen=True, slots=True)
class Hits:
    """The items nearest to a query, best first.

    Parameters
    ----------
    items : (n,) int32
        Item numbers, each once.
    views : (n,) int64
        The view of each item that is nearest.
    scores : (n,) float32
        Its cosine similarity.
    path
        Where the candidates came from.
    matching, scanned
        How many views (:mod:`tonari.index.planner` says: items) are in range, and how many views were compared.
    exact
        Whether every matching view was compared in float32 arithmetic over the stored 16 bits.
    """

    items: NDArray[np.int32]
    views: NDArray[np.int64]
    scores: NDArray[np.float32]
    path: Path
    matching: int
    scanned: int
    exact: bool


def to_fixed(embeddings: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round to multiples of 1/32767, as embeddings are kept.

    Float16 has as many bits, but spends them on small components: where a few are large it moves cosines several times
    as much, enough to change which rows are the ten nearest.

    Parameters
    ----------
    embeddings : (…, D) float, rows of length 1
    """
    return np.asarray(np.rint(np.asarray(embeddings, np.float64) * UNIT), np.int16)


def from_fixed(fixed: NDArray[np.int16]) -> NDArray[np.float32]:
    """Undo :func:`to_fixed`."""
    return np.asarray(fixed * np.float32(1 / UNIT), np.float32)


def quantise(embeddings: NDArray[np.floating] | NDArray[np.int16]) -> tuple[NDArray[np.int8], float]:
    """Round to int8 so that the largest absolute component becomes 127.

    Parameters
    ----------
    embeddings : (N, D) int16 or float32

    Returns
    -------
    codes : (N, D) int8
    scale
        ``embeddings`` is about ``codes / scale``.

    Raises
    ------
    InvalidVectorError
        If there is NaN or infinity, for which no scale exists.
    """
    largest = float(np.abs(embeddings).max(initial=0))
    if not np.isfinite(largest):
        raise InvalidVectorError("The embeddings hold NaN or infinity; all their components must be finite.")
    codes = np.empty(embeddings.shape, np.int8)
    for start in range(0, len(embeddings), BLOCK):
        block = embeddings[start : start + BLOCK].astype(np.float32)
        codes[start : start + BLOCK] = np.rint(block / (largest or 1) * 127)
    return codes, 127 / (largest or 127)


def unit(vector: NDArray[np.floating], dimensions: int) -> NDArray[np.float32]:
    """Check a query vector and give it length 1.

    Returns
    -------
    (D,) float32

    Raises
    ------
    InvalidVectorError
        If it has another dimension, NaN, infinity or no length.
    """
    if vector.shape != (dimensions,):
        raise InvalidVectorError(
            f"The vector has shape {vector.shape}; this encoder's embeddings have ({dimensions},)."
        )
    if not np.isfinite(vector).all():
        raise InvalidVectorError("The vector has NaN or infinity; all its components must be finite.")
    wide = vector.astype(np.float64)
    largest = float(np.abs(wide).max(initial=0))
    if largest == 0:
        raise InvalidVectorError("The vector has length 0, so it points nowhere.")
    wide /= largest
    return np.asarray(wide / np.linalg.norm(wide), np.float32)


def nearest(
    queries: NDArray[np.float32],
    views: Views,
    k: int,
    *,
    matching: NDArray[np.int64] | None = None,
    graph: Graph | None = None,
    exact: bool = False,
) -> Hits:
    """Find the k items whose best view is nearest to the best of the queries.

    More candidates → recall nearer to 1, slower. They grow until k different items are among them or all are compared,
    so that k items come back whenever k match.

    Parameters
    ----------
    queries : (Q, D) float32, rows of length 1
        Usually one; an item that serves as query brings all its views.
    views
        Where to search.
    k
        How many items.
    matching : (n,) int64
        The rows that may be returned, ascending; all of them if it is left out.
    graph
        Gives the candidates instead of a scan; only without ``matching``.
    exact
        Compare every matching row in float32.
    """
    count = len(views) if matching is None else len(matching)
    if k <= 0 or count == 0:
        nothing = np.empty(0, np.int64)
        return Hits(nothing.astype(np.int32), nothing, nothing.astype(np.float32), "scan", count, 0, exact=True)
    wanted = candidates(k)
    if graph is not None and matching is None and not exact and wanted < count:
        codes, _ = quantise(queries)
        rows = np.unique(np.concatenate([graph.search(code, wanted) for code in codes]))
        hits = best_items(queries, views, rows, k, "graph", matching=count, scanned=len(rows), exact=len(rows) == count)
        if len(hits.items) == k:
            return hits
    if exact or wanted >= count:
        rows = np.arange(len(views)) if matching is None else matching
        return best_items(queries, views, rows, k, "scan", matching=count, scanned=count, exact=True)
    return _scan(queries, views, matching, k, wanted)


def _scan(queries: NDArray[np.float32], views: Views, matching: NDArray[np.int64] | None, k: int, wanted: int) -> Hits:
    codes = views.codes if matching is None else views.codes.take(matching, axis=0)
    coarse = dot_products(quantise(queries)[0], codes).max(axis=0)
    while True:
        rows = np.argpartition(-coarse, wanted)[:wanted] if wanted < len(coarse) else np.arange(len(coarse))
        rows = rows if matching is None else matching[rows]
        hits = best_items(
            queries, views, rows, k, "scan", matching=len(coarse), scanned=len(coarse), exact=len(rows) == len(coarse)
        )
        if len(hits.items) == k or len(rows) == len(coarse):
            return hits
        wanted *= 4


def candidates(k: int) -> int:
    """Choose how many candidates are scored again for k items."""
    return max(LEAST_CANDIDATES, CANDIDATES_PER_ITEM * k)


def best_items(
    queries: NDArray[np.float32],
    views: Views,
    rows: NDArray[np.int64],
    k: int,
    path: Path,
    *,
    matching: int,
    scanned: int,
    exact: bool,
) -> Hits:
    """Score rows in float32 and keep the best view of each of the best k items; ties go to the lower row."""
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        scores[start : start + BLOCK] = (views.fixed.take(block, axis=0).astype(np.float32) @ queries.T).max(axis=1)
    scores /= UNIT
    order = np.lexsort((rows, -scores))
    items = views.item[rows[order[:k]]].tolist()
    if len(set(items)) < len(items):
        _, first = np.unique(views.item[rows[order]], return_index=True)
        order = order[np.sort(first)]
    chosen = order[:k]
    return Hits(
        items=views.item[rows[chosen]],
        views=rows[chosen],
        scores=np.clip(scores[chosen], -1, 1),
        path=path,
        matching=matching,
        scanned=scanned,
        exact=exact,
    )
