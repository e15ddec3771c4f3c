"""`python tests/benchmarks/strangers DATA FASHION`: what gets an answer though it is like nothing in a catalogue.

DATA holds the folders magento, clothing and spree, each with a labels.csv; FASHION is fashion_mnist.npz. It needs
scikit-learn and scikit-image, which belong in a virtualenv of their own: see attributes/requirements.txt. Prints tables
in Markdown.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from attributes.data import Embedder, read_fashion, shop
from attributes.report import machine

from strangers.measure import run
from strangers.pictures import strangers
from strangers.report import CHOSEN, kinds_table, known_table, statistics_table
from strangers.statistics import STATISTICS, Catalogue
from tonari.attributes import Grouping, learn_familiarity
from tonari.index.vectors import from_fixed

GROUPS = {"magento": "product", "clothing": "sender_id", "spree": "product"}
UNLIKE = {"magento": ("spree",), "clothing": ("spree",), "fashion-mnist": ("spree",), "spree": ("magento", "clothing")}
"""Catalogues of unlike kinds: appliances beside clothes, never clothes beside clothes."""
MOST_OF_A_CATALOGUE = 250
ROWS, DIMENSIONS = 100_000, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("fashion", type=Path)
    parser.add_argument("--only", default="", help="the catalogue whose name begins so")
    parser.add_argument("--chosen", action="store_true", help="only what is built, without what it is compared with")
    arguments = parser.parse_args()
    compared = {CHOSEN[0]: STATISTICS[CHOSEN[0]]} if arguments.chosen else STATISTICS
    embedder = Embedder()
    pictures = list(strangers())
    drawn = unit(embedder.embed("strangers", len(pictures), lambda number: pictures[number].data))
    catalogues = {name: read_shop(name, arguments.data, embedder) for name in GROUPS}
    outcomes, kinds = {}, {}
    for name in (*GROUPS, "fashion-mnist"):
        if not name.startswith(arguments.only):
            continue
        catalogue, names = catalogues[name] if name in catalogues else read_drawn(arguments.fashion, embedder)
        others = {other: every(catalogues[other][0].rows) for other in UNLIKE[name]}
        kinds[name] = np.array([one.kind for one in pictures] + [f"{o}'s" for o, rows in others.items() for _ in rows])
        outcomes[name] = run(catalogue, names, np.concatenate([drawn, *others.values()]), compared)
        print(statistics_table({name: outcomes[name]}), "\n", flush=True)
    sources = {kind: len({one.source for one in pictures if one.kind == kind}) for kind in {p.kind for p in pictures}}
    print("\n\n".join([statistics_table(outcomes), known_table(outcomes), kinds_table(outcomes, kinds, sources)]))
    print(f"\n{cost()}\nEncoder {embedder.id[:12]}. {machine()}.")


def read_shop(name: str, data: Path, embedder: Embedder) -> tuple[Catalogue, np.ndarray]:
    """Give a catalogue, and the names of its rows' groups."""
    rows = shop(name, data, embedder)
    names = np.array([row[GROUPS[name]] for row in rows])
    label = np.array([row["category"].partition(" -> ")[0] for row in rows])
    group = np.unique(names, return_inverse=True)[1]
    return Catalogue(unit(embedder.embed(name, len(rows), lambda _: b"")), group, label), names


def read_drawn(fashion: Path, embedder: Embedder) -> tuple[Catalogue, np.ndarray]:
    """Give fashion-mnist, each picture a group of its own."""
    task = read_fashion(fashion, embedder)
    return Catalogue(unit(task.embeddings), np.arange(len(task.labels)), task.labels), task.groups


def unit(fixed: np.ndarray) -> np.ndarray:
    rows = from_fixed(fixed)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def every(rows: np.ndarray) -> np.ndarray:
    """Take up to 250 pictures, evenly spread."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, MOST_OF_A_CATALOGUE).astype(int))]


def cost() -> str:
    """Time the learning at 100,000 views."""
    fixed = np.random.default_rng(20).integers(-3000, 3000, (ROWS, DIMENSIONS), np.int16)
    item = np.arange(ROWS, dtype=np.int32)
    began = time.process_time()
    learn_familiarity(item, fixed, Grouping(np.arange(ROWS), np.arange(ROWS) % 10))
    seconds = time.process_time() - began
    return f"Learning the level from {ROWS:,} views of {DIMENSIONS} dimensions took {seconds:.1f} s of processor time."


if __name__ == "__main__":
    main()
