"""Exact integer arithmetic over int8 rows, by numkong: the only importer of it."""

from __future__ import annotations

import numkong
import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 19
"""Codes that are copied out at a time: they stay in the core's cache, and no new pages are asked of the system."""


def dot_products(queries: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.int32]:
    """Exact integer dot products of int8 rows.

    Parameters
    ----------
    queries : (Q, D) int8
        At least one row.
    codes : (N, D) int8

    Returns
    -------
    (Q, N) int32
    """
    return np.asarray(numkong.dots_packed(codes, numkong.dots_pack(queries))).T


def dot_products_of(queries: NDArray[np.int8], codes: NDArray[np.int8], rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """Exact integer dot products of some of the rows, copied out block by block.

    Parameters
    ----------
    queries : (Q, D) int8
    codes : (N, D) int8
    rows : (n,) int64

    Returns
    -------
    (n,) int32
        The largest product of each row with a query.
    """
    size = max(1, BLOCK_BYTES // codes.shape[1])
    packed = numkong.dots_pack(queries)
    buffer = np.empty((min(size, len(rows)), codes.shape[1]), np.int8)
    largest = np.empty(len(rows), np.int32)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        block = codes.take(some, axis=0, out=buffer[: len(some)], mode="clip")  # with another mode numpy copies twice
        np.asarray(numkong.dots_packed(block, packed)).max(axis=1, out=largest[start : start + size])
    return largest


def count_true(mask: NDArray[np.bool_]) -> int:
    """Count the true places of a mask: quicker than numpy where they are a million."""
    return int(numkong.sum(mask.view(np.uint8))) if len(mask) else 0


class Packed:
    """Rows laid out for the dot products of all of them with a query: several times as fast as :func:`dot_products`.

    Parameters
    ----------
    codes : (N, D) int8
        At least one row.
    """

    def __init__(self, codes: NDArray[np.int8]) -> None:
        self._rows = numkong.dots_pack(codes)

    def dot_products(self, queries: NDArray[np.int8]) -> NDArray[np.int32]:
        """Exact integer dot products (Q, N) with queries (Q, D), at least one."""
        return np.asarray(numkong.dots_packed(queries, self._rows))
