"""What the benchmark asks of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.filters import Cell, Prepared


@dataclass(frozen=True)
class Asked:
    """A query's place among the cells and queries, and the mask of what is in range (None: everything)."""

    cell: Cell
    number: int
    mask: NDArray[np.bool_] | None


class Engine(ABC):
    """An index, built once, asked one query at a time."""

    asks = 1_000
    """How many queries per cell at most."""

    @abstractmethod
    def build(self, given: Prepared, folder: Path) -> None:
        """Build the index over the rows; files go to the folder."""

    @abstractmethod
    def settings(self, cell: Cell) -> Sequence[Any]:
        """Give search settings to be tried, quickest first; the first that reaches the recall is reported."""

    @abstractmethod
    def ready(self, asked: Asked, setting: Any) -> Any:
        """Bring filter and setting into the form that the engine prefers; not timed."""

    @abstractmethod
    def search(self, query: NDArray[np.float32], k: int, ready: Any) -> Any:
        """Give the numbers of the k nearest rows in range; timed."""

    @abstractmethod
    def about(self) -> str:
        """Say how the index was made."""
