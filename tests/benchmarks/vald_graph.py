"""The graph of a Vald agent beside a comparison of all vectors: recall and time of a search, in one run.

`TONARI_VALD_AGENT=PROGRAM .venv/bin/python tests/benchmarks/vald_graph.py [--vectors 30000] [--dimensions 256]` draws
vectors in 500 clusters, loads each once and then twice, as an old and a new collection do, and asks an agent for the 60
nearest of queries that are none of them. Recall@10 is the share of the ten nearest, as numpy finds them, that are among
these 60.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tonari.engines.databases.vald import client
from tonari.engines.databases.vald.client import Near, Vald
from tonari.engines.databases.vald.database import BATCH
from tonari_tools.local_engines import vald_agent

CLUSTERS, NOISE = 500, 0.9
K, ASKED = 10, 60
EPSILONS = (0.1, 0.2, 0.3, 0.4, 0.5)


def drawn(count: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Draw unit vectors in clusters, (N, D) float32."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, dimensions))
    rows = centres[random.integers(CLUSTERS, size=count)] + NOISE * random.standard_normal((count, dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def measured(
    ask: Callable[[NDArray[np.float32]], Sequence[Near]], queries: NDArray[np.float32], true: Sequence[set[str]]
) -> tuple[float, float]:
    """Give recall@10, and the median of a search in ms."""
    shares, seconds = [], []
    for row, wanted in zip(queries, true, strict=True):
        started = time.perf_counter()
        near = ask(row)
        seconds.append(time.perf_counter() - started)
        shares.append(len(wanted & {one.id.partition("/")[2] for one in near}) / K)
    return float(np.mean(shares)), float(np.median(seconds)) * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vectors", type=int, default=30_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=100)
    given = parser.parse_args()
    rows, queries = drawn(given.vectors, given.dimensions, 1), drawn(given.queries, given.dimensions, 2)
    true = [{str(place) for place in np.argsort(-(rows @ query))[:K]} for query in queries]
    os.environ[vald_agent.DIMENSIONS] = str(given.dimensions)
    print("| vectors | search | recall@10 | p50 ms |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="vald-") as folder, vald_agent.start(Path(folder)) as running:
        vald = Vald(urlsplit(running.access.url).netloc)
        for copy in (1, 2):
            for start in range(0, len(rows), BATCH):
                places = range(start, min(start + BATCH, len(rows)))
                vald.put([(f"{copy}/{place}", rows[place]) for place in places])
                vald.settle()
            for epsilon in EPSILONS:
                client.EPSILON = epsilon
                recall, ms = measured(lambda row: vald.nearest(row, ASKED, exact=False), queries, true)
                print(f"| {copy} x {len(rows):,} | graph, epsilon {epsilon} | {recall:.3f} | {ms:.1f} |", flush=True)
            recall, ms = measured(lambda row: vald.nearest(row, ASKED, exact=True), queries, true)
            print(f"| {copy} x {len(rows):,} | all compared | {recall:.3f} | {ms:.1f} |", flush=True)
        vald.close()


if __name__ == "__main__":
    sys.exit(main())
