"""Groups by looks alone: rows so near to each other, for the place where they lie, that chance does not explain it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonari.index.neighbourhoods import Neighbourhoods

LEVELS = np.geomspace(0.001, 0.6, 200)
FALSE_SHARE = 0.1
LEAST_SHARE = 0.02
LEAST_ROWS = 100


def nearer_than_chance(around: Neighbourhoods) -> float:
    """Choose the relative distance up to which two rows show one thing; 0 if nothing is nearer than chance explains.

    The distance of a row's nearest neighbour is taken relative to that of its ``rank``-th. In data of intrinsic
    dimension m without twins, the ratio r is distributed as ``1 - (1 - r^m)^(rank - 1)``: the neighbours within a small
    ball lie evenly [Facco et al., Estimating the intrinsic dimension of datasets by a minimal neighborhood information,
    Scientific Reports 7, 2017]. m is estimated from neighbours farther away, which twins do not touch. The level is the
    largest at which at most a tenth of the rows that lie as near are expected to by chance [Efron, Large-Scale
    Inference, 2010, chapter 4].
    """
    seen = np.isfinite(around.scale)
    if np.count_nonzero(seen) < LEAST_ROWS:
        return 0.0
    halfway = float(np.median(around.middle[seen] / around.scale[seen]))
    if halfway >= 1:
        return 0.0
    dimension = np.log(0.5) / np.log(halfway)
    ratio = np.sort(around.distance[seen, 0] / around.scale[seen])
    share = np.searchsorted(ratio, LEVELS) / len(ratio)
    chance = 1 - (1 - LEVELS**dimension) ** (around.rank - 1)
    good = np.flatnonzero((share >= LEAST_SHARE) & (chance <= FALSE_SHARE * share))
    return float(LEVELS[good[-1]]) if len(good) else 0.0


def near_rows(around: Neighbourhoods, level: float) -> NDArray[np.int64]:
    """Give the pairs of rows nearer than a level, nearest first: (P, 2); each counts by the scales of both."""
    found = [np.empty((0, 2), np.int64)]
    ratios = [np.empty(0)]
    for place in range(around.nearest.shape[1]):
        other = around.nearest[:, place]
        rows = np.flatnonzero(other >= 0)
        mates = other[rows]
        ratio = around.distance[rows, place] / np.sqrt(around.scale[rows] * around.scale[mates])
        near = ratio < level
        found.append(np.stack([rows[near], mates[near]], axis=1).astype(np.int64))
        ratios.append(ratio[near])
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], np.concatenate(ratios)))]
