"""Which queries are like anything in a catalogue: the cosine of the nearest item that known ones reach.

The classes of an attribute share out all probability among themselves, whatever is asked. What tells a picture of
something else is how far it is from all that is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.labels import Grouping
from tonari.contract.findings import Familiarity
from tonari.index.near_pairs import nearest_outside

KNOWN = 0.985
"""Share of known ones that reach the level. By that of 99 %, more than 1 % of strangers reach it too."""
FAR_OUT = 3.0
"""Interquartile ranges below the lower quartile: Tukey calls what lies beyond them far out."""
MOST_ALONE = 0.03
"""Share that is left aside at most: what is more is spread, not alone. So 0.97 x 0.985 of all reach the level."""
MOST_ASKED = 2000
SEED = 20
DECIMALS = 1e6


def learn_familiarity(
    item: NDArray[np.int32],
    fixed: NDArray[np.int16],
    grouping: Grouping,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Familiarity:
    """Learn the level from the catalogue alone: each item asks for the nearest one outside of its own group.

    Up to 2,000 items ask, each by one of its views, drawn at random and always the same. Items that nothing else in the
    catalogue is like say nothing of known ones, and would lower the level for all: what is far out [Tukey, Exploratory
    Data Analysis, 1977, 2D] is left aside, 3 % at most. The level is then the ⌊0.015 (n + 1)⌋-th lowest of n cosines,
    which a further one reaches with a probability of at least 0.985 [split conformal prediction; Vovk, Gammerman and
    Shafer, Algorithmic Learning in a Random World, 2005, 4.2]. Fewer than 66 give no level.

    Parameters
    ----------
    item : (N,) int32
        The item of each view.
    fixed : (N, D) int16
        Embeddings, as :func:`tonari.index.vectors.to_fixed` gives them.
    grouping
        Of I items.
    progress
        Is told with how many views the drawn ones have been compared, and of how many.
    """
    nearest = nearest_outside(item, fixed, grouping.group, _draw(item), progress)
    return level_of(nearest[np.isfinite(nearest)])


def level_of(cosines: NDArray[np.floating]) -> Familiarity:
    """Give the level that 98.5 % of known ones reach, from the cosines of held-out ones: (n,)."""
    if not len(cosines):
        return Familiarity()
    few = np.quantile(cosines, MOST_ALONE, method="lower")
    lower, upper = np.quantile(cosines, (0.25, 0.75))
    kept = np.sort(cosines[cosines >= min(few, lower - FAR_OUT * (upper - lower))])
    rank = math.floor(round((1 - KNOWN) * (len(kept) + 1), 9))
    level = min(math.floor(float(kept[rank - 1]) * DECIMALS) / DECIMALS, 1.0) if rank else None
    return Familiarity(level, len(kept), len(cosines) - len(kept))


def _draw(item: NDArray[np.int32]) -> NDArray[np.int64]:
    """Draw one view of each item, of up to 2,000 items: ascending rows."""
    shuffled = np.random.default_rng(SEED).permutation(len(item))
    _, first = np.unique(item[shuffled], return_index=True)
    return np.sort(shuffled[np.sort(first)[:MOST_ASKED]])
