"""What a way to a linear map gives, closed form or trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tonari.local.fit.choose import Parameters
    from tonari.local.fit.projection import Projection
    from tonari.local.fit.sample import Sample
    from tonari.local.fit.training import Training


@dataclass(frozen=True, slots=True)
class Solution:
    """A map, and how it came about.

    Parameters
    ----------
    projection
        Fitted on the whole fit part.
    parameters
        Chosen within the fit part; None if there was nothing to choose by: plain principal components.
    refit
        Gives the map that the same choice makes of some rows of the fit part, ascending; None if they teach nothing.
    """

    projection: Projection
    parameters: Parameters | Training | None
    refit: Callable[[NDArray[np.int64]], Projection | None]


Teach: TypeAlias = "Callable[[Sample, Sequence[int], int], Solution]"
"""From the fit part, the dimensions that may be chosen, ascending, and a seed."""
