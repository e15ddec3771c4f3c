"""When a USearch graph serves: `python tests/benchmarks/graph.py DATA [--rows 2000,10000] [--over-fetch FOLDER]`.

DATA holds fashion_mnist.npz. Prints Markdown: recall@10 and median milliseconds of 200 test images over rows drawn from
the set `100k` of the search benchmark, with the graph that tuning takes if its queries are turned by 26 degrees, and
without one; then, with `--over-fetch`, of candidates that a graph over `1m` (or another `--set`) gives under filters,
beside the cells: that takes some twenty minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent)

import numpy as np
from numpy.typing import NDArray
from search.data import load
from search.filters import Cell, K, prepare

from tonari.index import truth, tuning
from tonari.index.graph import Graph
from tonari.index.planner import find
from tonari.index.scoring import score_rows
from tonari.index.shortening import part
from tonari.index.truth import GroundTruth
from tonari.index.vector_index import VectorIndex, lay_out
from tonari.index.vectors import quantise, to_fixed

QUERIES = 200
NEAR = 0.9
"""Cosine of 26 degrees."""
WIDTHS = (64, 128, 192, 256, 384)
LOST = (
    Cell("independent", 1.0),
    Cell("independent", 0.5),
    Cell("independent", 0.3),
    Cell("correlated", 0.1),
    Cell("correlated", 0.3),
    Cell("correlated", 0.5),
)
TIE = 1e-6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", default="2000,5000,10000,20000,50000,100000")
    parser.add_argument("--over-fetch", type=Path, metavar="FOLDER", help="a new folder for vectors and filters")
    parser.add_argument("--set", default="1m", help="the set for --over-fetch")
    asked = parser.parse_args()
    print("| rows | with the graph so chosen | without a graph |\n|---|---|---|")
    for count in map(int, asked.rows.split(",")):
        print(_milder(asked.data, count), flush=True)
    if asked.over_fetch:
        _over_fetch(asked.data, asked.over_fetch / asked.set)


def _index(rows: NDArray[np.float32]) -> VectorIndex:
    index, _ = part(lay_out(to_fixed(rows), np.ones(len(rows), np.int64)))
    index, _ = tuning.tune(index)
    return replace(index, graph=None, tuning=replace(index.tuning, graph=False))


def _milder(data: Path, count: int) -> str:
    """Tune the graph, and it alone, with queries turned less."""
    vectors = load(data, "100k", QUERIES)
    rows = vectors.rows[np.random.default_rng(1).permutation(len(vectors.rows))[:count]]
    index = _index(rows)
    stays, truth.STAYS = truth.STAYS, NEAR
    walking = tuning._with_graph(index, GroundTruth(index).under_filters(1.0, "independent"))
    truth.STAYS = stays
    least = np.array([np.partition(rows @ query, -K)[-K] for query in vectors.queries])

    def measured(index: VectorIndex) -> str:
        return _ask(rows, vectors.queries, least, lambda number: find(vectors.queries[[number]], index, K).items)

    chosen = "none" if walking.graph is None else f"{measured(walking)}, expansion {walking.tuning.expansion}"
    return f"| {count:,} | {chosen} | {measured(index)} |"


def _ask(
    rows: NDArray[np.float32],
    queries: NDArray[np.float32],
    least: NDArray[np.float32],
    search: Callable[[int], NDArray[np.int64]],
) -> str:
    shares, seconds = [], []
    for number, query in enumerate(queries):
        began = time.perf_counter()
        found = search(number)
        seconds.append(time.perf_counter() - began)
        shares.append((rows[found] @ query >= least[number] - TIE).sum() / K)
    return f"{np.mean(shares):.3f} / {1000 * np.median(seconds):.2f}"


def _over_fetch(data: Path, folder: Path) -> None:
    given = prepare(load(data, folder.name, QUERIES), folder)
    rows, queries = given.rows, given.queries
    index = _index(rows)
    fixed = to_fixed(rows)
    graph = Graph.build(quantise(fixed)[0])
    codes = quantise(to_fixed(queries))[0]
    print("\n| in range | cells |", " | ".join(map(str, WIDTHS)), "|\n|" + "---|" * (2 + len(WIDTHS)))
    for cell in LOST:
        masks = [given.mask(cell, number) for number in range(QUERIES)]

        def by_cells(number: int, masks: list[NDArray[np.bool_] | None] = masks) -> NDArray[np.int64]:
            return find(queries[[number]], index, K, masks[number]).items

        def by_graph(number: int, width: int, masks: list[NDArray[np.bool_] | None] = masks) -> NDArray[np.int64]:
            found = graph.search(codes[number], width).rows
            if (mask := masks[number]) is not None:
                found = found[mask[found]]
            return found[np.argsort(-score_rows(queries[[number]], fixed, found))[:K]]

        least = given.least(cell)
        columns = [
            _ask(rows, queries, least, by_cells),
            *(_ask(rows, queries, least, lambda number, width=width: by_graph(number, width)) for width in WIDTHS),
        ]
        print(f"| {cell.kind} {cell.selectivity:.0%} |", " | ".join(columns), "|", flush=True)


if __name__ == "__main__":
    main()
