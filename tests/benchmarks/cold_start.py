"""A process that starts with an empty cache: bytes and seconds until it answers, with and without a rotation.

    python tests/benchmarks/cold_start.py EMBEDDINGS.npy [EMBEDDINGS.npy ...] [--views 100000]

Each file holds embeddings of one encoder as they are kept: (N, D) int16. They are mixed, and as many views as asked for
become items with documents of six fields. Of these two snapshots are built as the product builds them, one of them with
rotations forbidden, and written to SeaweedFS, a real S3 server on this machine. Printed, in Markdown: what a cold start
fetches and how long it takes, up to the first answer and up to the first one by full vectors; then recall@10 against
an exact search by full vectors, and the median time of a search, by filter. The queries are 200 views that are left out
of the index, every other one turned 37 degrees away from it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import boto3
import numpy as np
from numpy.typing import NDArray

from aws.services import SeaweedFS
from tonari.contract.artefacts import Live
from tonari.contract.engine import EngineQuery
from tonari.contract.findings import QualityReport
from tonari.encoders.store import load_encoder, save_encoder
from tonari.engines.builtin import BuiltinOpening
from tonari.fields.schema import Field, Schema
from tonari.index import shortening
from tonari.index.planner import find
from tonari.index.tuning import tune
from tonari.index.vector_index import VectorIndex
from tonari.index.vectors import from_fixed
from tonari.query.reader import Reader
from tonari.snapshots.canaries import encode_picture
from tonari.snapshots.head import Head, publish, read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import REPORTED
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import Table, build_table, sort_into_cells
from tonari.storage.s3 import S3Bucket
from tonari_tools.onnx.default import read_default

QUERIES = 200
K = 10
TIE = 1e-6
BLOCK = 8192
STAYS = 0.8
SEED = 1
SCHEMA = Schema(
    {
        "title": Field("string", filterable=False),
        "category": Field("string"),
        "color": Field("string"),
        "season": Field("string"),
        "price": Field("number"),
        "stock": Field("number"),
    }
)
FILTERS = (
    ("all", 1.0),
    *((kind, share) for kind in ("independent", "correlated", "against") for share in (0.5, 0.1, 0.01)),
)


@dataclass(frozen=True)
class Start:
    """What one cold start fetched, in bytes, and how many seconds it took."""

    first_bytes: int
    first_seconds: float
    all_bytes: int
    all_seconds: float


class CountingBucket:
    """Passes every call on to a bucket, and adds up the bytes of what is read."""

    def __init__(self, bucket: Any) -> None:
        self._bucket = bucket
        self.bytes = 0

    def download(self, key: str, path: Path, sha256: str) -> None:
        self._bucket.download(key, path, sha256)
        self.bytes += path.stat().st_size

    def get(self, key: str) -> Any:
        found = self._bucket.get(key)
        self.bytes += len(found.data)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)


def main() -> None:
    """Build, start, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embeddings", type=Path, nargs="+")
    parser.add_argument("--views", type=int, default=100_000)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--only", choices=("full", "rotated"), help="leave the other one out")
    asked = parser.parse_args()
    mixed = np.concatenate([np.load(path) for path in asked.embeddings])
    mixed = mixed[np.random.default_rng(SEED).permutation(len(mixed))]
    fixed, queries = mixed[QUERIES : QUERIES + asked.views], _turned(from_fixed(mixed[:QUERIES]))
    print(f"{len(fixed):,} views of {fixed.shape[1]:,} dimensions\n", flush=True)
    with tempfile.TemporaryDirectory() as folder, SeaweedFS(Path(folder) / "s3") as server:
        os.environ.update(server.endpoint.environment())
        boto3.client("s3", endpoint_url=server.endpoint.url, region_name=server.endpoint.region).create_bucket(
            Bucket="artefacts"
        )
        bucket = S3Bucket("artefacts")
        default = read_default()
        maker = save_encoder(bucket, default.model, default.config)
        encoder = load_encoder(bucket, maker, Path(folder) / "encoder")
        plain = build_table(_items(fixed), SCHEMA, fixed.shape[1])
        built: dict[str, VectorIndex] = {}
        starts: dict[str, list[Start]] = {}
        sizes: dict[str, dict[str, int]] = {}
        for name in (asked.only,) if asked.only else ("full", "rotated"):
            began = time.monotonic()
            table, recall = _laid_out(plain, rotate=name == "rotated")
            about = f"{name}: {table.views.codes.shape[1]:,} dimensions, built in {time.monotonic() - began:.0f} s"
            print(f"{about}, recall measured at build {recall}; {table.index.tuning.reason}\n", flush=True)
            built[name] = table.index
            snapshot = Snapshot(
                name, maker, SCHEMA, table, {}, recall, {}, dict.fromkeys(REPORTED, QualityReport({})), {}
            )
            snapshot = replace(snapshot, picture=encode_picture(encoder))
            files = Path(folder) / name
            files.mkdir()
            write_snapshot(bucket, snapshot, files)
            sizes[name] = {path.name: path.stat().st_size for path in files.iterdir()}
            _make_live(bucket, Live(name, maker, ()))
            starts[name] = [
                _start(bucket, Path(folder) / f"cache-{name}-{number}", queries) for number in range(asked.starts)
            ]
        print(_table_of_starts(starts, sizes))
        print(_table_of_searches(built, queries))


def _turned(queries: NDArray[np.float32]) -> NDArray[np.float32]:
    random = np.random.default_rng(SEED)
    away = queries[random.permutation(len(queries))] - queries[random.permutation(len(queries))]
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
    queries[::2] = (STAYS * queries + np.sqrt(1 - STAYS**2) * away)[::2]
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), np.float32)


def _items(fixed: NDArray[np.int16]) -> Iterator[IndexedItem]:
    random = np.random.default_rng(SEED)
    for number, row in enumerate(fixed):
        item = f"sku-{number:07}"
        etags = [bytes(random.integers(0, 256, 16, np.uint8)).hex() for _ in range(2)]
        fields = {
            "id": item,
            "title": f"Garment {number % 7919} of line {number % 331}",
            "category": f"category {number % 140}",
            "color": f"colour {number % 46}",
            "season": ("spring", "summer", "autumn", "winter")[number % 4],
            "price": float(random.integers(100, 50_000)) / 100,
            "stock": int(random.integers(0, 500)),
        }
        yield IndexedItem(item, fields, etags[0], (IndexedView("main.jpg", etags[1], row),))


def _laid_out(plain: Table, *, rotate: bool) -> tuple[Table, dict[str, float]]:
    tried = shortening.DIMENSIONS
    try:
        shortening.DIMENSIONS = tried if rotate else ()
        table = sort_into_cells(plain)
    finally:
        shortening.DIMENSIONS = tried
    index, recall = tune(table.index)
    return replace(table, index=index), recall


def _make_live(bucket: S3Bucket, live: Live) -> None:
    read = read_head(bucket)
    publish(bucket, read, Head(read.head.generation, (), live.snapshot, live.encoder))


def _start(bucket: S3Bucket, cache: Path, queries: NDArray[np.float32]) -> Start:
    """Answer a query from an empty cache, then until full vectors answer; a query every 20 ms."""
    counting: Any = CountingBucket(bucket)
    began = time.monotonic()
    reader = Reader(counting, cache, 3600.0, BuiltinOpening(), lambda why: print(why, file=sys.stderr))
    serving = reader.current()
    before = counting.bytes
    serving.engine.search(EngineQuery(queries[:1], K))
    first = time.monotonic() - began
    while reader.current().engine.search(EngineQuery(queries[:1], K)).plan.vectors != "full":
        time.sleep(0.02)
    return Start(before, first, counting.bytes, time.monotonic() - began)


def _similarities(index: VectorIndex, queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare all queries with all items in full: (queries, items)."""
    scores = np.empty((len(queries), len(index)), np.float32)
    for start in range(0, len(index), BLOCK):
        rows = slice(start, start + BLOCK)
        scores[:, index.views.item[rows]] = queries @ from_fixed(index.views.fixed[rows]).T
    return scores


def _range(scores: NDArray[np.float32], kind: str, share: float) -> NDArray[np.bool_]:
    """Draw a range: evenly, or eight times as many or a 64th in the sixteenth of the items nearest to the query."""
    random = np.random.default_rng(SEED)
    odds = np.full(len(scores), share)
    if kind in ("correlated", "against"):
        near = scores >= np.partition(scores, -(len(scores) // 16))[-(len(scores) // 16)]
        odds[near] = min(1.0, 8 * share) if kind == "correlated" else share / 64
        odds[~near] = (share - near.mean() * odds[near][0]) / (1 - near.mean())
    return np.asarray(random.random(len(scores)) < odds)


def _table_of_searches(built: dict[str, VectorIndex], queries: NDArray[np.float32]) -> str:
    indices = {**built}
    last = list(built.values())[-1]
    if last.views.rotation is not None:
        indices["before the full vectors are here"] = last.without_embeddings()
    scores = _similarities(last, queries)
    lines = [f"| filter | {' | '.join(indices)} |", f"|---{'|---' * len(indices)}|"]
    for kind, share in FILTERS:
        masks = [None if kind == "all" else _range(one, kind, share) for one in scores]
        cells = [_cell(index, queries, scores, masks) for index in indices.values()]
        lines.append(f"| {'none' if kind == 'all' else f'{kind}, {share:.0%}'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(
    index: VectorIndex,
    queries: NDArray[np.float32],
    scores: NDArray[np.float32],
    masks: list[NDArray[np.bool_] | None],
) -> str:
    """Give recall@10, the median of each query's best time out of three, and the ways that were taken."""
    shares, seconds, paths = [], [], set()
    for query, right, mask in zip(queries, scores, masks, strict=True):
        there = right if mask is None else right[mask]
        least = np.partition(there, -K)[-K] - TIE
        times = []
        for _ in range(3):
            began = time.perf_counter()
            hits = find(query[None], index, K, mask)
            times.append(time.perf_counter() - began)
        seconds.append(min(times))
        paths.add(hits.path)
        shares.append((right[hits.items] >= least).sum() / K)
    return f"{np.mean(shares):.4f} / {1000 * float(np.median(seconds)):.2f} ms, {' and '.join(sorted(paths))}"


def _table_of_starts(starts: dict[str, list[Start]], sizes: dict[str, dict[str, int]]) -> str:
    lines = [
        "| | MB before the first answer | seconds | MB until full vectors answer | seconds |",
        "|---|---|---|---|---|",
    ]
    for name, runs in starts.items():
        least = min(runs, key=lambda run: run.first_seconds)
        lines.append(
            f"| {name} | {least.first_bytes / 1e6:.1f} | {least.first_seconds:.2f} | {least.all_bytes / 1e6:.1f} | "
            f"{min(run.all_seconds for run in runs):.2f} |"
        )
    files = sorted({file for one in sizes.values() for file in one})
    lines += ["", f"| MB | {' | '.join(files)} |", f"|---{'|---' * len(files)}|"]
    for name, one in sizes.items():
        lines.append(f"| {name} | {' | '.join(f'{one.get(file, 0) / 1e6:.1f}' for file in files)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
