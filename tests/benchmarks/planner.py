"""What the planner costs beside the better of its ways.

    .venv/bin/python tests/benchmarks/planner.py [rows,...] [dimensions,...] [items wanted] [shares in range,...]

Each query is answered by a scan alone, by cells alone (read until those left are too far off), and by the planner,
under filters that are independent of the query, correlated with it, against it, and of the farthest items only
(`beyond`).
Made-up embeddings of a few hundred kinds, with one view an item or three. Processor time of one thread, medians over
the queries; the ratio of the medians is what counts, where the better way takes longer than LEAST.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from tonari.index.kernels import count_true
from tonari.index.planner import _answer, find
from tonari.index.probing import probe_lists
from tonari.index.tuning import KINDS, FilteredQuery, GroundTruth, _learn_probes
from tonari.index.vector_index import Tuning, VectorIndex, lay_out, sort_by_cell
from tonari.index.vectors import Hits, quantise, to_fixed

KINDS_OF_THINGS = 400
LATENT = 48
SELECTIVITIES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0)
ASKED, REPEATS = 16, 7
CACHE = 16 << 20
LEAST = 0.0002
ENOUGH = 1.2


def embeddings(rows: int, dimensions: int, views: int) -> np.ndarray:
    """(N, D) int16: kinds of things, items of a kind, views of an item."""
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(dimensions, LATENT)))[0].T.astype(np.float32)
    kinds = random.normal(size=(KINDS_OF_THINGS, LATENT)).astype(np.float32)
    items = kinds[random.integers(0, len(kinds), rows // views)] + 0.6 * random.normal(size=(rows // views, LATENT))
    seen = np.repeat(items, views, axis=0) + 0.2 * random.normal(size=(rows // views * views, LATENT))
    found = seen.astype(np.float32) @ basis + 0.02 * random.normal(size=(len(seen), dimensions)).astype(np.float32)
    return to_fixed(found / np.linalg.norm(found, axis=1, keepdims=True))


def build(rows: int, dimensions: int, views: int) -> tuple[VectorIndex, GroundTruth]:
    index = lay_out(embeddings(rows, dimensions, views), np.full(rows // views, views, np.int64))
    index = sort_by_cell(index)[0]
    truth = GroundTruth(index)
    assert index.cells is not None
    return replace(index, tuning=_learn_probes(index, index.cells, truth)), truth


def seconds(ways: Sequence[Callable[[], Hits]]) -> tuple[list[float], Hits]:
    """Give the least time of each way, and the hits of the last.

    All are taken in turn, so that what else the machine does befalls all, and each finds in the cache neither what it
    read itself nor what the one before it read.
    """
    other = np.ones(CACHE, np.uint8)
    best = [np.inf] * len(ways)
    for _ in range(REPEATS):
        for number, ask in enumerate(ways):
            other += 1
            began = time.thread_time()
            hits = ask()
            best[number] = min(best[number], time.thread_time() - began)
    return best, hits


def compare(index: VectorIndex, queries: list[FilteredQuery], k: int) -> tuple[float, float, float, float, float, str]:
    """Median milliseconds of scan, cells and planner; share of rows that the planner read; recall; ways taken."""
    scanning = replace(index, tuning=Tuning())
    spent: list[list[float]] = []
    shares, recalls, paths = [], [], []
    for one in queries:
        allowed = None if one.allowed.sum() >= len(index) - 1 else one.allowed
        ways = (
            lambda one=one, a=allowed: find(one.query, scanning, k, a),
            lambda one=one, a=allowed: by_cells(one, index, a, k),
            lambda one=one, a=allowed: find(one.query, index, k, a),
        )
        least, hits = seconds(ways)
        spent.append(least)
        shares.append(hits.scanned / len(index.views))
        if len(one.rows) and allowed is not None:
            known = one.scores[:k]
            recalls.append(min(1.0, np.count_nonzero(hits.scores >= known[-1]) / len(known)))
        paths.append(hits.path)
    scan, cells, whole = np.median(np.array(spent), axis=0).tolist()
    said = ", ".join(f"{path} {paths.count(path)}" for path in dict.fromkeys(paths))
    return scan, cells, whole, float(np.median(shares)), float(np.mean(recalls or [1.0])), said


def by_cells(one: FilteredQuery, index: VectorIndex, allowed: np.ndarray | None, k: int) -> Hits:
    """Read cells whatever they cost."""
    matching = len(index) if allowed is None else count_true(allowed)
    selectivity = matching / len(index)
    asked = quantise(index.views.turn(one.query))
    found = probe_lists(asked, index.lists, allowed, index.probe(selectivity, k), selectivity * len(index.views))
    hits = _answer(one.query, index, k, found.rows, "cells", found.scanned)
    assert len(hits.items) == min(k, matching)
    return replace(hits, matching=matching)


def main() -> None:
    rows = [int(one) for one in sys.argv[1].split(",")] if len(sys.argv) > 1 else [21_000, 40_000, 100_000]
    dimensions = [int(one) for one in sys.argv[2].split(",")] if len(sys.argv) > 2 else [192, 256]
    k = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    selectivities = tuple(map(float, sys.argv[4].split(","))) if len(sys.argv) > 4 else SELECTIVITIES
    print("| rows x D, views | filter | scan ms | cells ms | planner ms | ratio | rows read | recall | way |")
    print("|---|---|---|---|---|---|---|---|---|")
    ratios, lost = [], []
    for size in rows:
        for width in dimensions:
            for views in (1, 3):
                index, truth = build(size, width, views)
                print(index.tuning, file=sys.stderr)
                for selectivity in selectivities:
                    for kind in (*KINDS, "beyond") if selectivity < 1 else KINDS[:1]:
                        queries = truth.under_filters(selectivity, kind)[:ASKED]
                        scan, cells, whole, share, recall, way = compare(index, queries, k)
                        ratio = whole / min(scan, cells)
                        if min(scan, cells) >= LEAST:
                            ratios.append(ratio)
                            lost.append(1000 * (whole - min(scan, cells)))
                        times = " | ".join(f"{1000 * one:.2f}" for one in (scan, cells, whole))
                        said = f"{ratio:.2f} | {share:.3f} | {recall:.3f} | {way}"
                        print(
                            f"| {size:,} x {width}, {views} | {selectivity:g} {kind} | {times} | {said} |", flush=True
                        )
    over = sum(ratio > ENOUGH for ratio in ratios)
    print(f"\n{over} of {len(ratios)} cases of {1000 * LEAST:.1f} ms or more cost more than {ENOUGH} x the better way:")
    print(f"{max(ratios):.2f} x at most, and {max(lost):.2f} ms more at most.")


if __name__ == "__main__":
    main()
