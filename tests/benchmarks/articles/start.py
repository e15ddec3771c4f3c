"""A new process with an empty cache: seconds and bytes until it answers, with and without words."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articles.retrieval import ARTICLES
from articles.served import published
from tonari.encoders.bundle import Bundle
from tonari.fields.schema import Schema

STARTS = 5
QUERY = "ferry strike ends"
CHILD = """
import json, sys, time
began = time.perf_counter()
from pathlib import Path
from tonari.api.app import App
from tonari.api.http import Request
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.storage.folder import FolderBucket
bucket, cache, asked = FolderBucket(Path(sys.argv[1]), "http://localhost"), Path(sys.argv[2]), sys.argv[3]
app = App(Reader(bucket, cache, 3600.0, BuiltinOpening(), print), bucket, bucket)
def ask(query):
    answer = app(Request("POST", "/v1/search", (), "application/json", json.dumps(query).encode()))
    assert answer.status == 200, answer.body
    return time.perf_counter() - began, sum(one.stat().st_size for one in cache.rglob("*") if one.is_file())
first = ask({"id": sys.argv[4]})
then = ask({"text": asked, "retrieval": sys.argv[5]}) if asked else first
later = ask({"text": asked, "retrieval": sys.argv[5]}) if asked else then
print(json.dumps([*first, *then, *later, "tantivy" in sys.modules]))
"""


def starts(rows: Sequence[dict[str, str]], embeddings: NDArray[np.float32], bundle: Bundle) -> list[str]:
    wordless = Schema({name: replace(one, searched=False) for name, one in ARTICLES.fields.items()})
    lines = [
        "| snapshot, query | first answer (by id) | bytes | first by text | bytes | second by text |",
        "|---|---|---|---|---|---|",
    ]
    for named, schema, ways in (
        ("without words, none by text", wordless, ("",)),
        ("with words, none by text", ARTICLES, ("",)),
        ("with words", ARTICLES, ("lexical", "dense", "fused")),
    ):
        with (
            tempfile.TemporaryDirectory() as name,
            published(bundle, schema, rows, embeddings, "#1", Path(name)) as bucket,
        ):
            for way in ways:
                runs = [_start(bucket, way, rows[0]["id"]) for _ in range(STARTS)]
                first, held, then, grown, later = (statistics.median(one[at] for one in runs) for at in range(5))
                told = "| | |"
                if way:
                    told = f"+{then - first:.2f} s | {grown / 1e6:.1f} MB | +{1000 * (later - then):.0f} ms |"
                lines.append(f"| {named}{f', {way}' if way else ''} | {first:.2f} s | {held / 1e6:.1f} MB | {told}")
    return lines


def _start(bucket: Path, way: str, item: str) -> list[float]:
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", CHILD, str(bucket), cache, QUERY if way else "", item, way or "lexical"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        figures: list[float] = json.loads(done.stdout.splitlines()[-1])
        if not way and figures[6]:
            raise SystemExit("tantivy is loaded although nobody asked by words")
        return figures
