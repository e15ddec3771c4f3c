"""A linear map, and how it came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari_tools.fit.choose import Parameters
from tonari_tools.fit.projection import Projection


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
    parameters: Parameters | None
    refit: Callable[[NDArray[np.int64]], Projection | None]
