"""A catalogue whose embeddings are known, published in a folder and asked as over HTTP."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.api.app import App
from tonari.api.http import Request
from tonari.contract.findings import QualityReport
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import load_encoder, save_bundle
from tonari.engines.builtin import BuiltinOpening
from tonari.fields.schema import Schema
from tonari.index.tuning import tune
from tonari.index.vectors import to_fixed
from tonari.query.reader import Reader
from tonari.snapshots.canaries import encode_picture
from tonari.snapshots.head import Head, publish, read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import REPORTED
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import build_table, sort_into_cells
from tonari.storage.folder import FolderBucket


class Asked:
    """An application that answers searches."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.seconds: list[float] = []

    def search(self, **query: Any) -> list[dict[str, Any]]:
        """Give the items of an answer."""
        body = json.dumps(query).encode()
        began = time.thread_time()
        answer = self._app(Request("POST", "/v1/search", (), "application/json", body))
        self.seconds.append(time.thread_time() - began)
        found = json.loads(answer.body)
        if answer.status != 200:
            raise SystemExit(f"{query} was answered {answer.status}: {found}")
        items: list[dict[str, Any]] = found["items"]
        return items


@contextmanager
def served(
    bundle: Bundle,
    schema: Schema,
    documents: Sequence[dict[str, Any]],
    embeddings: NDArray[np.float32],
    view: str,
) -> Iterator[Asked]:
    """Answer from items of one view each, whose embeddings (N, D) a bundle's encoder made; ``view`` names all."""
    with (
        tempfile.TemporaryDirectory() as name,
        published(bundle, schema, documents, embeddings, view, Path(name)) as place,
    ):
        bucket = FolderBucket(place, "http://localhost")
        reader = Reader(bucket, Path(name) / "cache", 3600.0, BuiltinOpening(), print)
        yield Asked(App(reader, bucket, bucket))


@contextmanager
def published(
    bundle: Bundle,
    schema: Schema,
    documents: Sequence[dict[str, Any]],
    embeddings: NDArray[np.float32],
    view: str,
    folder: Path,
) -> Iterator[Path]:
    """Publish such items in a bucket of its own under ``folder``."""
    place = folder / "bucket"
    place.mkdir()
    bucket = FolderBucket(place, "http://localhost")
    maker = save_bundle(bucket, bundle)
    encoder = load_encoder(bucket, maker, folder / "cache of the build")
    rows = to_fixed(embeddings)
    items = (
        IndexedItem(one["id"], one, "etag", (IndexedView(view, f"source of {one['id']}", row),))
        for one, row in zip(documents, rows, strict=True)
    )
    table = sort_into_cells(build_table(items, schema, embeddings.shape[1]))
    index, recall = tune(table.index)
    snapshot = Snapshot(
        "articles",
        maker,
        schema,
        replace(table, index=index),
        {},
        recall,
        {},
        dict.fromkeys(REPORTED, QualityReport({})),
        picture=encode_picture(encoder),
    )
    (folder / "files").mkdir()
    write_snapshot(bucket, snapshot, folder / "files")
    read = read_head(bucket)
    publish(bucket, read, Head(read.head.generation, (), snapshot.id, maker))
    yield place
