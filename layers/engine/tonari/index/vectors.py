"""Embeddings as they are kept, in 16 bits and in 8, and the hits of a search over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tonari.errors import InvalidVectorError
from tonari.index.rotation import Rotation

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
        Embeddings, as :func:`to_fixed` gives them; (0, D) while they are not here yet.
    codes : (N, R) int8
        What candidates are found by: the same more roughly, as :func:`quantise` gives them. Where there is a rotation,
        of the rotated embeddings; else ``R`` is ``D``.
    rotation
        None where there is none.
    lengths : (N,) float32, or (0,) without a rotation
        What is left of each embedding's length by the rotation.
    """

    item: NDArray[np.int32]
    fixed: NDArray[np.int16]
    codes: NDArray[np.int8]
    rotation: Rotation | None = None
    lengths: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))

    def __len__(self) -> int:
        """``N``."""
        return len(self.item)

    @property
    def whole(self) -> bool:
        """Whether the embeddings are here, and not only their codes."""
        return len(self.fixed) == len(self.item)

    @property
    def dimensions(self) -> int:
        """``D``."""
        return int(self.fixed.shape[1])

    def turn(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give queries (Q, D), of length 1, as candidates are found by them: (Q, R), of length 1."""
        return queries if self.rotation is None else self.rotation.turn(queries)[0]

    def embeddings(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Give the embeddings of some rows, (n, D); about so, and of length 1, where only their codes are here."""
        if self.whole or self.rotation is None:
            return from_fixed(self.fixed[rows])
        return self.rotation.turn_back(self.codes[rows].astype(np.float32))

    def kept(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Give what is here of the embeddings of some rows, (n, D).

        Where only their codes are here, that is shorter than 1 by what the rotation leaves out. A query by such a
        vector says so by its length, and scores are estimated as of one that is whole.
        """
        embeddings = self.embeddings(rows)
        return embeddings if self.whole or self.rotation is None else embeddings * self.lengths[rows][:, None]

    def without_embeddings(self) -> Views:
        """Keep what candidates are found by."""
        return replace(self, fixed=self.fixed[:0])


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that may be among the nearest.

    Parameters
    ----------
    rows : (n,) int64
        Each once, in no order.
    scanned
        How many rows were compared with the query to find them.
    """

    rows: NDArray[np.int64]
    scanned: int


@dataclass(frozen=True, slots=True)
class Hits:
    """The items nearest to a query: by descending score, then by item number.

    Parameters
    ----------
    items : (n,) int64
        Item numbers, each once.
    rows : (n,) int64
        The nearest view of each item; of equals, the one that its document names first.
    scores : (n,) float64
        The cosine similarity of that view, as :func:`tonari.index.scoring.score_rows` gives it.
    path
        Where the candidates came from.
    matching
        How many items are in range.
    scanned
        How many rows were compared with the query to find the candidates.
    exact
        Whether every view in range got its final score, so that nothing nearer exists. Never where the embeddings are
        not here: scores are then estimates.
    """

    items: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
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


def from_codes(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """Give vectors of length 1 from their codes, (n, D)."""
    rows = codes.astype(np.float32)
    return np.asarray(rows / np.maximum(np.sqrt(np.vecdot(rows, rows)), 1e-12)[:, None], np.float32)


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
    largest = max(float(embeddings.max(initial=0)), -float(embeddings.min(initial=0)))
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


def unit_rows(vectors: NDArray[np.number]) -> NDArray[np.int16]:
    """Check vectors, give them length 1 and round them as :func:`to_fixed` does.

    Parameters
    ----------
    vectors : (N, D), of any numbers

    Raises
    ------
    InvalidVectorError
        If one has NaN, infinity or no length.
    """
    fixed = np.empty(vectors.shape, np.int16)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64)
        largest = np.abs(block).max(axis=1, keepdims=True)
        wrong = np.flatnonzero(~np.isfinite(largest) | (largest == 0))
        if len(wrong):
            raise InvalidVectorError(
                f"Vector {start + int(wrong[0])} has NaN, infinity or no length; all must be finite and not 0."
            )
        block /= largest
        fixed[start : start + BLOCK] = to_fixed(block / np.linalg.norm(block, axis=1, keepdims=True))
    return fixed


def rows_of(vectors: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Give all vectors one after the other, (N, D), and how many each item has, (I,) int64.

    Parameters
    ----------
    vectors
        (I, D) numbers, or a list of I arrays (n, D).

    Raises
    ------
    InvalidVectorError
        If they are no numbers, or not all of one dimension.
    """
    if isinstance(vectors, Sequence) and len(vectors) and np.ndim(vectors[0]) > 1:
        parts = [as_array(part, f"Item {number}") for number, part in enumerate(vectors)]
        for number, part in enumerate(parts):
            if part.ndim != 2 or part.shape[1] != parts[0].shape[1]:
                raise InvalidVectorError(
                    f"The vectors of item {number} have shape {part.shape}; it must be (n, {parts[0].shape[1]})."
                )
        return np.concatenate(parts), np.array([len(part) for part in parts], np.int64)
    rows = as_array(vectors, "The array of vectors")
    if rows.ndim != 2 or not rows.shape[1]:
        raise InvalidVectorError(f"The vectors have shape {rows.shape}; it must be (items, dimensions).")
    return rows, np.ones(len(rows), np.int64)


def as_array(given: Any, what: str) -> NDArray[Any]:
    """Take numbers as an array; ``what`` they are, for messages. Raises as :func:`rows_of` does."""
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InvalidVectorError(f"{what} has vectors of different dimensions.") from error
    if array.dtype.kind not in "fiub":
        raise InvalidVectorError(f"{what} holds {array.dtype}; vectors are numbers.")
    return array
