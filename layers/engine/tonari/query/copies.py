"""Near-copies of what an answer has already: left out where readers would see one thing twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COPY = 0.99
"""Cosine from which an item is taken for a copy of another.

The highest bound that an audit takes for one picture, however dense a catalogue is
(:data:`tonari.index.near_pairs.MOST`): a copy that stays is only seen twice, what is left out wrongly is not found.
"""
FIRST_ROOM = 64


class Originals:
    """Embeddings of what is there already, in the order in which they came.

    Parameters
    ----------
    embeddings : (n, D)
        Those that are there from the start; their lengths do not matter.
    """

    def __init__(self, embeddings: NDArray[np.float32]) -> None:
        self._rows = np.zeros((max(FIRST_ROOM, 2 * len(embeddings)), embeddings.shape[1]), np.float32)
        self._count = 0
        for row in embeddings:
            self.add(row)

    def has(self, embedding: NDArray[np.float32]) -> bool:
        """Tell whether an embedding, (D,), is a near-copy of one that is there; one of length 0 is none."""
        length = float(np.linalg.norm(embedding))
        if not length or not self._count:
            return False
        return bool((self._rows[: self._count] @ (embedding / length)).max() >= COPY)

    def add(self, embedding: NDArray[np.float32]) -> None:
        """Take an embedding in, (D,)."""
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        length = float(np.linalg.norm(embedding))
        self._rows[self._count] = embedding / length if length else 0
        self._count += 1
