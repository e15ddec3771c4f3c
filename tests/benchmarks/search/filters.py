"""What is in range: for each query, kind and selectivity a set of rows of its own, and the true neighbours within it.

Rows are ranked by their cosine to the query, `u` of the way from the nearest (0) to the farthest (1), and drawn without
replacement, exactly the number that the selectivity asks for, with odds

- `independent`: equal;
- `correlated`: 1000 ** -u, so that the nearest row is a thousand times as likely to be in range as the farthest
  ("dresses" for a picture of a dress);
- `against`: 1000 ** u, the other way round ("shoes" for a picture of a dress).

The sample is drawn by exponential keys [Efraimidis and Spirakis, Information Processing Letters 97, 2006].
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .data import Vectors

K = 10
SKEW = 1000.0
SELECTIVITIES = (0.001, 0.01, 0.05, 0.1, 0.3, 0.5)

Kind = Literal["independent", "correlated", "against"]
KINDS: tuple[Kind, ...] = ("independent", "correlated", "against")


@dataclass(frozen=True)
class Cell:
    """A kind of filter and a selectivity; at selectivity 1 nothing is filtered."""

    kind: Kind
    selectivity: float

    @property
    def stem(self) -> str:
        """Leading part of its files' names."""
        return f"{self.kind}_{self.selectivity:g}"


def cells() -> list[Cell]:
    """All cells of one set, the unfiltered one last."""
    return [*(Cell(kind, share) for kind in KINDS for share in SELECTIVITIES), Cell("independent", 1.0)]


@dataclass(frozen=True)
class Prepared:
    """Vectors, filters and truth of one set, as files in a folder, so that every engine maps the same."""

    folder: Path

    @property
    def rows(self) -> NDArray[np.float32]:
        """(N, D), mapped."""
        return np.asarray(np.load(self.folder / "rows.npy", mmap_mode="r"))

    @property
    def queries(self) -> NDArray[np.float32]:
        """(Q, D)."""
        return np.asarray(np.load(self.folder / "queries.npy"))

    def bits(self, cell: Cell) -> NDArray[np.uint8] | None:
        """(Q, N / 8) one bit per row, lowest first; None where nothing is filtered."""
        if cell.selectivity == 1:
            return None
        return np.asarray(np.load(self.folder / f"{cell.stem}_bits.npy", mmap_mode="r"))

    def least(self, cell: Cell) -> NDArray[np.float32]:
        """(Q,) the cosine of the kth nearest row in range."""
        return np.asarray(np.load(self.folder / f"{cell.stem}_least.npy"))

    def mask(self, cell: Cell, query: int) -> NDArray[np.bool_] | None:
        """(N,) which rows are in range of a query."""
        bits = self.bits(cell)
        if bits is None:
            return None
        return np.unpackbits(bits[query], count=len(self.rows), bitorder="little").view(np.bool_)

    def about(self) -> dict[str, int]:
        """Give sizes."""
        return dict(json.loads((self.folder / "about.json").read_text()))


def prepare(vectors: Vectors, folder: Path) -> Prepared:
    """Draw the filters of each query and find the truth by brute force in float32."""
    folder.mkdir(parents=True)
    count, queries = len(vectors.rows), len(vectors.queries)
    np.save(folder / "rows.npy", vectors.rows)
    np.save(folder / "queries.npy", vectors.queries)
    least = {cell: np.empty(queries, np.float32) for cell in cells()}
    bits = {cell: np.empty((queries, -(-count // 8)), np.uint8) for cell in cells() if cell.selectivity < 1}
    random = np.random.default_rng(11)
    for number, query in enumerate(vectors.queries):
        scores = vectors.rows @ query
        for cell, chosen in _draw(scores, random):
            least[cell][number] = np.partition(scores[chosen], -K)[-K]
            if cell in bits:
                mask = np.zeros(count, np.bool_)
                mask[chosen] = True
                bits[cell][number] = np.packbits(mask, bitorder="little")
    for cell, values in least.items():
        np.save(folder / f"{cell.stem}_least.npy", values)
    for cell, packed in bits.items():
        np.save(folder / f"{cell.stem}_bits.npy", packed)
    sizes = {"rows": count, "dimensions": vectors.rows.shape[1], "queries": queries}
    (folder / "about.json").write_text(json.dumps(sizes))
    return Prepared(folder)


def _draw(scores: NDArray[np.float32], random: np.random.Generator) -> Iterator[tuple[Cell, NDArray[np.int64]]]:
    count = len(scores)
    farness = np.empty(count, np.float32)
    farness[np.argsort(-scores)] = np.linspace(0, 1, count, dtype=np.float32)
    for kind in KINDS:
        keys = random.standard_exponential(count, np.float32)
        if kind != "independent":
            keys *= np.float32(SKEW) ** (farness if kind == "correlated" else -farness)
        order = np.argsort(keys)
        for share in SELECTIVITIES:
            yield Cell(kind, share), order[: round(share * count)]
    yield Cell("independent", 1.0), np.arange(count)


def as_json(cell: Cell) -> dict[str, str | float]:
    """Give a cell's fields."""
    return asdict(cell)
