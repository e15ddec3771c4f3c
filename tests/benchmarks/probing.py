"""What docs/decisions/search.md rests on: `PEERS/bin/python tests/benchmarks/probing.py DATA WORK [sets]`.

WORK is the work folder of `tests/benchmarks/search`, whose vectors are used again; sets: 100k,1m. Two tables:
what an exact search over embeddings that are kept in 16 bits finds of the truth in float32; and how many rows each rule
compares, so that the share of true neighbours that tuning asks for lies in cells that it reads.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from search import data
from search.filters import Cell, K, Prepared
from search.measure import TIE

from tonari.index.cells import Cells, assign, cell_count, train
from tonari.index.truth import STAYS
from tonari.index.tuning import REACHED
from tonari.index.vectors import UNIT, quantise, to_fixed

ASKING = 100
SEED = 3
BLOCK = 50_000
MARGIN_FADING = 0.04
STORED = (Cell("independent", 1.0), Cell("correlated", 0.1))


def scores(queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(Q, N) cosines."""
    blocks = (queries @ np.asarray(rows[start : start + BLOCK], np.float32).T for start in range(0, len(rows), BLOCK))
    return np.concatenate(list(blocks), axis=1)


def recall(given: Prepared, cell: Cell, kept: np.ndarray, true: np.ndarray) -> float:
    """Of what is kept, by the truth."""
    least, shares = given.least(cell), []
    for number, (found, exact) in enumerate(zip(kept, true, strict=True)):
        mask = given.mask(cell, number)
        inside = found if mask is None else np.where(mask, found, -2)
        best = np.argpartition(-inside, K)[:K]
        shares.append(np.count_nonzero(exact[best] >= least[number] - TIE) / K)
    return float(np.mean(shares))


def stored(given: Prepared) -> str:
    queries, rows = given.queries[:ASKING], given.rows
    true = scores(queries, rows)
    ways = {"float16": np.asarray(rows, np.float16), "int16": to_fixed(rows)}
    lines = []
    for name, kept in ways.items():
        found = scores(queries, kept) / (UNIT if name == "int16" else 1)
        lines.append(f"| {name} | " + " | ".join(f"{recall(given, cell, found, true):.4f}" for cell in STORED) + " |")
    return "\n".join(lines)


def askers(rows: np.ndarray, images: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Test images; views of the catalogue, which must not find themselves; views turned away, as tuning does."""
    random = np.random.default_rng(SEED)
    own, turned = (np.sort(random.permutation(len(rows))[:ASKING]) for _ in range(2))
    queries = np.asarray(rows[turned])
    others = random.permutation(queries)
    away = others - np.roll(others, 1, axis=0)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    queries = STAYS * queries + np.sqrt(1 - STAYS**2) * away
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return {"images": (images, None), "own views": (np.asarray(rows[own]), own), "turned away": (queries, turned)}


def costs(cells: Cells, query: np.ndarray, found: float) -> dict[str, np.ndarray]:
    """How dear each cell is by each rule, (C,), in the order of the cells."""
    order, distance = cells.rank(*quantise(query[None]))
    margin = np.minimum(1 - found, 1 - distance[0]) - (1 - distance)
    by_rank = {
        "margin": margin,
        "margin, less by rank": margin + MARGIN_FADING * np.log2(np.arange(1, len(order) + 1)),
        "ratio, less by rank": cells.relative_distance(distance, found),
    }
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return {name: cost[place] for name, cost in by_rank.items()}


def compared(given: Prepared, images: np.ndarray) -> str:
    rows = given.rows
    fixed = to_fixed(rows)
    codes, _ = quantise(fixed)
    centroids = train(codes, cell_count(len(rows)))
    cell = assign(codes, centroids)
    size = np.bincount(cell, minlength=len(centroids))
    cells = Cells(centroids, np.concatenate([[0], np.cumsum(size)]))
    needed: dict[tuple[str, str], list[np.ndarray]] = {}
    priced: dict[tuple[str, str], list[np.ndarray]] = {}
    for kind, (queries, self_rows) in askers(rows, images).items():
        for number, near in enumerate(scores(queries, rows)):
            if self_rows is not None:
                near[self_rows[number]] = -2
            best = np.argpartition(-near, K)[:K]
            for rule, cost in costs(cells, queries[number], 1 - float(near[best].min())).items():
                needed.setdefault((rule, kind), []).append(cost[cell[best]])
                priced.setdefault((rule, kind), []).append(cost)
    lines = []
    for rule in dict.fromkeys(rule for rule, _ in needed):
        learned = np.concatenate([one for kind in ("own views", "turned away") for one in needed[rule, kind]])
        limit = np.quantile(learned, REACHED)
        said = []
        for kind in ("images", "own views", "turned away"):
            rows_read = np.mean([size[cost <= limit].sum() for cost in priced[rule, kind]])
            said.append(f"{rows_read:,.0f} ({np.mean(np.concatenate(needed[rule, kind]) <= limit):.3f})")
        lines.append(f"| {rule} | {' | '.join(said)} |")
    return "\n".join(lines)


def main() -> None:
    folder, work = Path(sys.argv[1]), Path(sys.argv[2])
    images = data.load(folder, "100k", ASKING, 0).queries
    for name in sys.argv[3].split(",") if len(sys.argv) > 3 else ("100k", "1m"):
        given = Prepared(work / name)
        print(f"\n{name}\n\n| kept as | no filter | a tenth in range, correlated |\n|---|---|---|\n{stored(given)}\n")
        print("| rule: rows compared (share reached) | images | own views | turned away |\n|---|---|---|---|")
        print(compared(given, images), flush=True)


if __name__ == "__main__":
    main()
