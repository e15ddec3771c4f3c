"""Held-out products against a running demo: pushed, built, asked over HTTP.

    python tests/benchmarks/whole_path.py DATA [--out docs/measurements/whole_path.md]

DATA holds magento.tar and clothing.tar (each with a labels.csv). For every split the program makes a shop of its own
with `tonari demo`, asks it over HTTP, and prints a table: recall@10 of the default search against `exact`, how often
the same item is first or among the first ten, and accuracy by the discriminant and by the vote.

magento: an item is a product in one colour. Products are split, never photographs: of a held-out item one photograph is
the query and the others, where there are any, lie in the catalogue without labels, so that the item can be found but
teaches nothing.
clothing: the given train part is the catalogue, the validation part asks.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import platform
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tonari.client import Client
from tonari.contract.answers import Prediction
from tonari.contract.requests import PredictRequest, SearchOptions
from tonari.index.planner import find
from tonari.index.vectors import from_fixed
from tonari.snapshots.snapshot import load_snapshot
from tonari_tools.serve.buckets import open_bucket
from tonari_tools.serve.running import find_running

K = 10
HELD_OUT_TENTHS = 3
SPLITS = 5
METHODS = ("discriminant", "vote")


@dataclass(frozen=True)
class Photo:
    """One photograph: the item that it shows and what is known of it."""

    path: str
    item: str
    labels: dict[str, str]
    view: str = ""


@dataclass(frozen=True)
class Split:
    """What lies in the catalogue, with or without labels, and what asks."""

    name: str
    labelled: list[Photo]
    plain: list[Photo]
    queries: list[Photo]


@dataclass
class Figures:
    """What one split gave, one entry per query."""

    recall: list[float] = field(default_factory=list)
    graph_recall: list[float] = field(default_factory=list)
    first: list[bool] = field(default_factory=list)
    tenth: list[bool] = field(default_factory=list)
    right: dict[tuple[str, str], list[bool]] = field(default_factory=dict)
    build_seconds: float = 0.0
    items: int = 0
    views: int = 0


def magento_splits(rows: list[dict[str, str]]) -> Iterator[Split]:
    """Hold out three tenths of the products, five times."""
    photos = [
        Photo(
            row["path"],
            f"{row['product']}-{row['color']}",
            {"color": row["color"], "category": row["category"], "product": row["product"]},
            row["view"],
        )
        for row in rows
    ]
    for seed in range(SPLITS):
        held = {p.item for p in photos if zlib.crc32(f"{seed}{p.labels['product']}".encode()) % 10 < HELD_OUT_TENTHS}
        queries, plain = [], []
        for item, group in itertools.groupby(
            sorted(photos, key=lambda p: (p.item, p.view != "main", p.view)), key=lambda p: p.item
        ):
            if item in held:
                first, *others = group
                queries.append(first)
                plain += others
        yield Split(f"magento {seed}", [photo for photo in photos if photo.item not in held], plain, queries)


def clothing_splits(rows: list[dict[str, str]]) -> Iterator[Split]:
    """Use the split that the data set gives."""
    parts: dict[str, list[Photo]] = {"train": [], "validation": []}
    for row in rows:
        if row["small_split"] in parts:
            photo = Photo(row["path"], Path(row["path"]).stem, {"category": row["small_category"]})
            parts[row["small_split"]].append(photo)
    yield Split("clothing", parts["train"], [], parts["validation"])


def make_shop(data: Path, split: Split, folder: Path) -> None:
    """Lay the catalogue's photographs and table of fields out as a folder."""
    names = sorted({name for photo in split.labelled for name in photo.labels} - {"product"})
    with (folder / "fields.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "path", *names])
        for photo in [*split.labelled, *split.plain]:
            target = folder / photo.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(data / photo.path)
            labels = [photo.labels[name] for name in names] if photo in split.labelled else [""] * len(names)
            table.writerow([photo.item, photo.path, *labels])


def measure(data: Path, split: Split, workplace: Path) -> Figures:
    """Run a demo over the split's shop and ask it everything."""
    shop = workplace / "shop"
    shop.mkdir()
    make_shop(data, split, shop)
    started = time.monotonic()
    command = [sys.executable, "-m", "tonari_tools.cli.main", "demo", str(shop), "--port", "0"]
    demo = subprocess.Popen(command, cwd=workplace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while (running := next(filter(None, map(find_running, _states(workplace))), None)) is None:
            if demo.poll() is not None:
                raise SystemExit(f"the demo ended with {demo.returncode}")
            time.sleep(0.2)
        client = Client(running.url)
        figures = Figures(build_seconds=time.monotonic() - started)
        health = client.health()
        figures.items, figures.views = health.items, health.views
        again = {photo.item for photo in split.plain}
        for query in split.queries:
            _ask(client, data / query.path, query, figures, findable=query.item in again)
        _graph_recall(running.artefacts, health.snapshot, figures, workplace)
        return figures
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


def _states(workplace: Path) -> list[Path]:
    return [path.parent for path in (workplace / ".tonari").rglob("running.json")]


def _ask(client: Client, photo: Path, query: Photo, figures: Figures, *, findable: bool) -> None:
    found = [item.id for item in client.search(photo, SearchOptions(k=K)).items]
    exact = [item.id for item in client.search(photo, SearchOptions(k=K, exact=True)).items]
    figures.recall.append(len({*found} & {*exact}) / len(exact))
    if findable:
        figures.first.append(query.item in found[:1])
        figures.tenth.append(query.item in found)
    for method in METHODS:
        predictions = client.predict(PredictRequest(image=photo.read_bytes(), method=method)).predictions
        for name in ("color", "category"):
            if name in query.labels and name in predictions:
                right = best_guess(predictions[name]) == query.labels[name]
                figures.right.setdefault((name, method), []).append(right)


def best_guess(prediction: Prediction) -> str:
    """Give the most probable class, also where it is withheld."""
    return str(prediction.alternatives[0].value if prediction.abstained else prediction.value)


def _graph_recall(artefacts: str, snapshot: str, figures: Figures, workplace: Path) -> None:
    """Compare what searches without a filter find with an exact search; every 5th view asks."""
    loaded = load_snapshot(open_bucket(artefacts), snapshot, workplace / "cache")
    index = loaded.table.index
    for row in range(0, len(index.views), 5):
        query = from_fixed(index.views.fixed[row])[None]
        true = find(query, index, K, exact=True).items
        found = find(query, index, K).items
        figures.graph_recall.append(len({*true.tolist()} & {*found.tolist()}) / len(true))


def report(results: dict[str, list[Figures]]) -> str:
    """Make a table in Markdown: means over queries, over all splits of a data set."""
    lines = [
        (
            "| data | catalogue | queries | findable | recall@10 | recall@10, graph | same item @1 | same item @10 "
            f"| {' | '.join(f'{of}, {method}' for of in ('colour', 'category') for method in METHODS)} | push + build |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, splits in results.items():
        asked = sum(len(one.recall) for one in splits)
        views = round(np.mean([one.views for one in splits]))
        items = round(np.mean([one.items for one in splits]))
        cells = [
            name + (f", {len(splits)} splits" if len(splits) > 1 else ""),
            f"{items:,} items, {views:,} views",
            f"{asked:,}",
            f"{sum(len(one.first) for one in splits):,}",
            _mean([one.recall for one in splits], 4),
            _mean([one.graph_recall for one in splits], 4),
            _mean([one.first for one in splits]),
            _mean([one.tenth for one in splits]),
            *(
                _mean([one.right.get((attribute, method), []) for one in splits])
                for attribute in ("color", "category")
                for method in METHODS
            ),
            f"{np.mean([one.build_seconds for one in splits]):.0f} s",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(per_split: list[list[float]] | list[list[bool]], digits: int = 3) -> str:
    means = [float(np.mean(one)) for one in per_split if one]
    if not means:
        return "-"
    spread = f" ± {np.std(means, ddof=1):.{digits}f}" if len(means) > 1 else ""
    return f"{np.mean(means):.{digits}f}{spread}"


def main() -> None:
    """Measure both data sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=("magento", "clothing"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results: dict[str, list[Figures]] = {}
    for name, splits in (("magento", magento_splits), ("clothing", clothing_splits)):
        if arguments.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as unpacked:
            with tarfile.open(arguments.data / f"{name}.tar") as archive:
                archive.extractall(unpacked, filter="data")
            with Path(unpacked, "labels.csv").open(newline="") as file:
                rows = list(csv.DictReader(file))
            for split in splits(rows):
                with tempfile.TemporaryDirectory(dir=unpacked) as workplace:
                    figures = measure(Path(unpacked), split, Path(workplace))
                results.setdefault(name, []).append(figures)
                print(
                    f"{split.name}: {figures.items} items, {len(figures.recall)} queries", file=sys.stderr, flush=True
                )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    table = f"{report(results)}\n\nMachine: {machine}."
    print(table)
    if arguments.out:
        arguments.out.write_text(f"{table}\n")


if __name__ == "__main__":
    main()
