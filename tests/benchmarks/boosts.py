"""How many candidates make an order by boosts certain: python tests/benchmarks/boosts.py EMBEDDINGS.npy [ROWS].

Embeddings are int16, (N, D), as :func:`tonari.index.vectors.to_fixed` gives them. Sales are drawn with a long tail; one
boost adds their logarithm, scaled, times a weight.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tonari.index.vectors import from_fixed

QUERIES, FIRST = 60, 10
MOST_SALES = 1_000
WEIGHTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
DEPTHS = (100, 500, 1_000, 5_000)


def main(path: Path, rows: int) -> None:
    random = np.random.default_rng(0)
    embeddings = from_fixed(np.load(path, mmap_mode="r")[:rows])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    share = np.minimum(1, np.log1p(10 * random.pareto(1.2, len(embeddings))) / np.log1p(MOST_SALES))
    queries = random.choice(len(embeddings), QUERIES, replace=False)
    scores = embeddings[queries] @ embeddings.T
    scores[np.arange(QUERIES), queries] = -2
    print(f"{path.name}: {len(embeddings):,} pictures, {QUERIES} queries, the first {FIRST}\n")
    print(f"| weight | certain at (median) | nine tenths | {' | '.join(f'right of {depth:,}' for depth in DEPTHS)} |")
    print(f"|{' --- |' * (3 + len(DEPTHS))}")
    for weight in WEIGHTS:
        certain, right = [], []
        for row in scores:
            ranked, nearest = row + weight * share, np.argsort(-row)
            best = np.sort(ranked)[-FIRST]
            certain.append(np.count_nonzero(row >= best - weight))
            true = np.argsort(-ranked)[:FIRST]
            found = (nearest[:depth][np.argsort(-ranked[nearest[:depth]])[:FIRST]] for depth in DEPTHS)
            right.append([np.isin(true, some).mean() for some in found])
        means = " | ".join(f"{one:.2f}" for one in np.mean(right, axis=0))
        print(f"| {weight:g} | {np.median(certain):,.0f} | {np.quantile(certain, 0.9):,.0f} | {means} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize)
