"""What the pieces of a search cost, by which `tonari.index.costs` reckons.

    .venv/bin/python tests/benchmarks/costs.py [rows,...] [dimensions,...]

Made-up embeddings; processor time of one thread, medians of nine; 16 MB of other memory are written before each, so
that nothing is in the core's own cache.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from planner import CACHE, embeddings

from tonari.index.kernels import dot_products, dot_products_of
from tonari.index.probing import InvertedLists, _positions, _row_numbers, _score, best_positions
from tonari.index.vector_index import lay_out, sort_by_cell
from tonari.index.vectors import from_fixed, quantise

REPEATS = 9
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5)
CELLS = (16, 64, 256)


def microseconds(ask: Callable[[], Any]) -> float:
    other, spent = np.ones(CACHE, np.uint8), []
    for _ in range(REPEATS):
        other += 1
        began = time.thread_time_ns()
        ask()
        spent.append(time.thread_time_ns() - began)
    return float(np.median(spent)) / 1000


def one_call_a_cell(query: np.ndarray, lists: InvertedLists, chosen: np.ndarray) -> np.ndarray:
    return np.concatenate([dot_products(query, lists.codes_of[cell])[0] for cell in chosen.tolist()])


def measure(rows: int, width: int, random: np.random.Generator) -> None:
    index = sort_by_cell(lay_out(embeddings(rows, width, 1), np.ones(rows, np.int64)))[0]
    lists, cells, codes = index.lists, index.cells, index.views.codes
    assert lists is not None
    assert cells is not None
    asked = quantise(from_fixed(index.views.fixed[:1]))
    query = asked[0]
    whole = microseconds(lambda: dot_products(query, codes))
    print(f"{rows:,} x {width}, {len(cells):,} cells")
    print(f"  rank the cells: {microseconds(lambda: cells.rank(*asked)):.0f} us")
    print(f"  compare all where they lie: {whole:.0f} us, {1000 * whole / rows:.1f} ns a row")
    for share in SHARES:
        allowed = random.random(rows) < share
        inside = index.rows_in(allowed, rows)
        products = dot_products_of(query, codes, inside)
        listed = microseconds(lambda some=allowed: index.rows_in(some, rows)) / rows
        looked_up = microseconds(lambda some=allowed: index.rows_in(some, 0)) / len(inside)
        copied = microseconds(lambda some=inside: dot_products_of(query, codes, some)) / len(inside)
        best = microseconds(lambda some=products: best_positions(some, 100, 10, 30.0))
        print(f"  {share:.0%} in range: list {1000 * listed:.1f} ns for each of all rows, ", end="")
        print(f"or look up {1000 * looked_up:.0f} ns for each in range; ", end="")
        print(f"copy and compare {1000 * copied:.1f} ns a row; find the best {best:.0f} us")
    allowed = random.random(rows) < SHARES[1]
    for count in CELLS:
        chosen = random.choice(len(cells), count, replace=False).astype(np.int32)
        size = int(lists.size[chosen].sum())
        quarter = _row_numbers(lists, chosen, np.sort(random.choice(size, size // 4, replace=False)))
        each = microseconds(lambda some=chosen: one_call_a_cell(query, lists, some))
        together = microseconds(lambda some=chosen: _score(query, lists, some, None))
        part = microseconds(lambda some=quarter: dot_products_of(query, codes, some))
        look = microseconds(lambda some=chosen: _positions(lists, some, allowed))
        print(f"  {count} cells, {size:,} rows: a call each {each:.0f} us, together {together:.0f}, ", end="")
        print(f"a quarter of them {part:.0f}; look up in a filter {look:.0f}", flush=True)


def main() -> None:
    sizes = [int(one) for one in sys.argv[1].split(",")] if len(sys.argv) > 1 else [21_000, 100_000]
    widths = [int(one) for one in sys.argv[2].split(",")] if len(sys.argv) > 2 else [64, 192, 256]
    random = np.random.default_rng(0)
    for rows in sizes:
        for width in widths:
            measure(rows, width, random)


if __name__ == "__main__":
    main()
