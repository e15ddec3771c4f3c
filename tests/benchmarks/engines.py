"""Search engines beside the built-in one, on one machine: load time, latency, recall and memory, in one run.

`.venv/bin/python tests/benchmarks/engines.py [--items 100000] [--dimensions 256] [pgvector] [milvus] …` starts each
engine, loads the same drawn items, asks the same questions, one after the other by one thread and then by four threads
at once, and prints a table.
Memory is that of the server's processes; of the built-in engine, which has none, of documents, columns and vectors.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import CollectionState, Database
from tonari.contract.engine import Engine, EngineQuery, FieldType
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.engines.builtin import open_builtin
from tonari.engines.lagging import Lag
from tonari.engines.opening import connect_to
from tonari.engines.remote import RemoteEngine
from tonari.fields.filters import parse_filter
from tonari.fields.schema import Field, Schema
from tonari.index.tuning import tune
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.records import RecordMaker
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import Table, build_table, sort_into_cells

TYPES: Mapping[str, FieldType] = {"price": "number", "brand": "string", "tags": "strings"}
SCHEMA = Schema({name: Field(kind) for name, kind in TYPES.items()})
CLUSTERS = 500
CLIENTS = {"milvus_lite": "milvus", "vald_agent": "vald"}
K, THREADS = 10, 4
FILTERS: Mapping[str, dict[str, Any] | None] = {
    "all": None,
    "10 %": {"price": {"$lt": 10.0}},
    "1 %": {"price": {"$lt": 1.0}},
    "1 % by brand": {"brand": "brand 7"},
}


def drawn(items: int, dimensions: int, seed: int) -> Iterator[IndexedItem]:
    """Draw items of one view, in clusters; prices are uniform from 0 to 100, brands are a hundred."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, dimensions))
    for number in range(items):
        row = centres[random.integers(CLUSTERS)] + 0.9 * random.standard_normal(dimensions)
        fields = {
            "id": f"item-{number:07}",
            "title": f"A thing of the drawn kind number {number}",
            "price": round(float(random.uniform(0, 100)), 4),
            "brand": f"brand {random.integers(100)}",
            "tags": [f"tag {one}" for one in random.integers(0, 50, 3)],
        }
        view = IndexedView("0.jpg", "e", to_fixed(np.asarray(row / np.linalg.norm(row), np.float32)))
        yield IndexedItem(fields["id"], fields, "d", (view,))


@dataclass(frozen=True)
class Held:
    """An engine with the items in it: how long that took, and how much memory it uses in MB."""

    name: str
    engine: Engine
    seconds: float
    memory: Callable[[], float]


def builtin(table: Table) -> Held:
    """Tune the table's index as a rebuild does."""
    started = time.perf_counter()
    index, _ = tune(table.index)
    snapshot = Snapshot("s", "e", SCHEMA, replace(table, index=index), {}, {}, {})
    engine = open_builtin(snapshot, Segment("e"))
    arrays = [*table.to_arrays().values(), table.views.fixed, table.views.codes]
    return Held("builtin", engine, time.perf_counter() - started, lambda: sum(one.nbytes for one in arrays) / 1e6)


def remote(kind: str, database: Database, table: Table, pids: Sequence[int]) -> Held:
    """Load the table's items, in batches, as a rebuild does."""
    started = time.perf_counter()
    count, name = len(table), "s_benchmark"
    database.drop(name)
    state = CollectionState(
        snapshot="benchmark", encoder="e", dimensions=table.views.dimensions, types=TYPES, items=count, views=count
    )
    database.create(name, state)
    records = RecordMaker.of(SCHEMA).records(table, range(count))
    while some := list(islice(records, database.limits.batch)):
        database.write(name, some)
    written = time.perf_counter()
    full = CollectionState(
        snapshot="benchmark", encoder="e", dimensions=table.views.dimensions, types=TYPES, items=count, views=count,
        loaded=count, complete=True,
    )  # fmt: skip
    database.record(name, full)
    print(f"{kind}: written in {written - started:.0f} s, indexed in {time.perf_counter() - written:.0f} s", flush=True)
    lag = Lag.of({}, (), 0, SCHEMA, table.views.dimensions)
    engine = RemoteEngine(database, kind, name, full, SCHEMA, lag)
    return Held(kind, engine, time.perf_counter() - started, lambda: memory_of(pids))


def memory_of(pids: Sequence[int]) -> float:
    """Add up what processes and all they started have in memory, what they share counted once: MB [proc(5), Pss]."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = set(pids)
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    total = 0
    for one in family:
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1e3


def ask(engine: Engine, rows: NDArray[np.float32], within: Range) -> tuple[list[float], list[set[str]]]:
    """Ask approximately: seconds of each answer, and its ids."""
    engine.search(EngineQuery(rows[:1], K, within, embeddings=False))
    seconds, found = [], []
    for row in rows:
        started = time.perf_counter()
        answer = engine.search(EngineQuery(row[None], K, within, embeddings=False))
        seconds.append(time.perf_counter() - started)
        found.append({one.id for one in answer.items})
    return seconds, found


def throughput(engine: Engine, rows: NDArray[np.float32], within: Range) -> float:
    """Give the queries a second that several threads have answered."""
    with ThreadPoolExecutor(THREADS) as pool:
        started = time.perf_counter()
        for _ in pool.map(lambda row: engine.search(EngineQuery(row[None], K, within, embeddings=False)), rows):
            pass
        return len(rows) / (time.perf_counter() - started)


def measure(held: Held, truth: Engine, rows: NDArray[np.float32]) -> Iterator[str]:
    """Give a line for each filter."""
    for label, given in FILTERS.items():
        within = EVERYTHING if given is None else Range(parse_filter(given, SCHEMA))
        seconds, found = ask(held.engine, rows, within)
        exact = [{one.id for one in truth.search(EngineQuery(row[None], K, within, exact=True)).items} for row in rows]
        recall = np.mean([len(one & true) / len(true) for one, true in zip(found, exact, strict=True)])
        p50, p95 = np.percentile(seconds, [50, 95]) * 1e3
        at_once = throughput(held.engine, rows, within)
        yield (
            f"| {held.name} | {label} | {recall:.3f} | {p50:.2f} | {p95:.2f} | {at_once:.0f} | {held.seconds:.0f} "
            f"| {held.memory():.0f} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("engines", nargs="*", default=["pgvector", "milvus"])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    started = time.perf_counter()
    table = sort_into_cells(build_table(drawn(given.items, given.dimensions, 1), SCHEMA, given.dimensions))
    print(f"{given.items:,} items x {given.dimensions} drawn in {time.perf_counter() - started:.0f} s", flush=True)
    wanted = [one.views[0].embedding for one in drawn(given.queries, given.dimensions, 2)]
    rows = np.stack(wanted).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    own = builtin(table)
    print("| engine | in range | recall@10 | p50 ms | p95 ms | queries/s | load s | memory MB |")
    print("|" + "---|" * 8)
    for line in measure(own, own.engine, rows):
        print(line, flush=True)
    with ExitStack() as stack:
        for name in given.engines:
            os.environ["TONARI_VALD_DIMENSIONS"] = str(given.dimensions)
            local = importlib.import_module(f"tonari_tools.local_engines.{name}")
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-"))
            with local.start(Path(folder)) as running:
                database = connect_to(CLIENTS.get(name, name), running.access)
                held = remote(name, database, table, running.pids)
                for line in measure(held, own.engine, rows):
                    print(line, flush=True)
                database.close()


if __name__ == "__main__":
    sys.exit(main())
