"""Coarse cells: rows lie sorted by the nearest of some centroids, and a search visits the nearest cells first.

Inverted lists as in Rii [Matsui, Hinami and Satoh, Reconfigurable Inverted Index, ACM Multimedia 2018], with int8 codes
in the place of product quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tonari.index.kernels import Packed
from tonari.index.vectors import quantise

SPREAD = 0.3
"""How much nearer to a query than its cell's mean a row is taken to lie, in units of the cell's radius."""
FADING = 0.12
"""How much nearer a cell must be, in units of the distance to the best rows found, for twice as many cells visited."""
NEAREST = 0.02
"""Least distance, one less a cosine, that others are measured by: copies of a query say nothing of what lies around."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of N rows into C cells, one at least.

    Parameters
    ----------
    centroids : (C, D) float32
        Means of the cells' rows, which have length 1: the shorter a mean, the wider its cell.
    start : (C + 1,) int64
        Where each cell's rows begin; a cell may be empty.
    off : (C,) float32
        One, less how much nearer a cell's rows reach than its mean: a share of the root mean square distance from it.
    fading : (C,) float32
        What the cells of each rank have lost by it.
    """

    centroids: NDArray[np.float32]
    start: NDArray[np.int64]
    off: NDArray[np.float32] = field(init=False, repr=False)
    fading: NDArray[np.float32] = field(init=False, repr=False)
    _packed: Packed = field(init=False, repr=False)
    _scale: float = field(init=False, repr=False)
    _numbers: NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        squares = np.einsum("ij,ij->i", self.centroids, self.centroids)
        ranks = np.arange(1, len(squares) + 1, dtype=np.float32)
        codes, scale = quantise(self.centroids)
        object.__setattr__(self, "off", 1 - np.float32(SPREAD) * np.sqrt(np.maximum(0, 1 - squares)))
        object.__setattr__(self, "fading", np.float32(FADING) * np.log2(ranks))
        object.__setattr__(self, "_packed", Packed(codes))
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "_numbers", np.arange(len(codes), dtype=np.int32))

    def __len__(self) -> int:
        """``C``."""
        return len(self.centroids)

    def rank(self, codes: NDArray[np.int8], scale: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Put the cells in the order in which they are to be visited.

        Parameters
        ----------
        codes, scale
            (Q, D), of the queries, as :func:`tonari.index.vectors.quantise` gives them.

        Returns
        -------
        Cells, nearest first, (C,) int32; and how far off the nearest rows of each are to be expected, as one less their
        cosine with the nearest query, to three digits or so, (C,) float32, ascending.
        """
        products = self._packed.dot_products(codes).max(axis=0).astype(np.float32)
        far = np.maximum(self.off - products * np.float32(1 / (scale * self._scale)), np.float32(0))
        # Floats of one sign are in the order of their bits; the lowest bits of each make room for its number.
        low = np.int32((1 << (len(self) - 1).bit_length()) - 1)
        keys = far.view(np.int32) & ~low
        keys |= self._numbers
        keys.sort()
        order = keys & low
        keys ^= order
        return order, keys.view(np.float32)

    def ratio(self, far: NDArray[np.float32], found: float) -> NDArray[np.float32]:
        """Tell how many times as far off as what was found the cells are, and add what they lose by their rank.

        True neighbours sit in the first few cells; where a filter has taken those, in others that are hardly farther
        off than what was found instead.

        Parameters
        ----------
        far : (C,) float32
            As :meth:`rank` gives it.
        found
            How far off the last of the best rows is, alike.

        Returns
        -------
        (C,) float32, ascending.
        """
        return np.asarray(far / max(found, float(far[0]), NEAREST) + self.fading)
