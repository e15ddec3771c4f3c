"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tonari.attributes import Learned, learned_from_arrays, learned_to_arrays
from tonari.errors import CorruptArtefactError
from tonari.fields.schema import Schema
from tonari.index.graph import Graph
from tonari.snapshots.files import (
    CELLS,
    CLASSES,
    CODES,
    DOCUMENTS,
    FILES,
    GRAPH,
    MANIFEST,
    PREFIX,
    REJECTED,
    REPORTED,
    TABLES,
    VECTORS,
    map_array,
    map_bytes,
    read_arrays,
    read_cells,
    save_search,
)
from tonari.snapshots.manifest import Manifest
from tonari.snapshots.table import Table
from tonari.snapshots.table_arrays import table_from_arrays, tables_to_arrays
from tonari.storage.bucket import Bucket, file_sha256
from tonari.storage.cache import fetch, sweep


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot in memory.

    Parameters
    ----------
    id
        Its name on S3.
    encoder
        Id of the encoder that made its embeddings.
    schema
        Of its fields.
    part
        Its items and views.
    learned
        Class weights by attribute, and what they are worth.
    recall
        Recall@10 by selectivity, measured when it was built.
    rejected
        Reason by key, for objects that could not be used.
    told
        Of a new one, JSON of the files that only tell; empty where it was loaded.
    """

    id: str
    encoder: str
    schema: Schema
    table: Table
    learned: Mapping[str, Learned]
    recall: Mapping[str, float]
    rejected: Mapping[str, str]
    reported: Mapping[str, Any] = field(default_factory=dict)


def write_snapshot(artefacts: Bucket, snapshot: Snapshot, folder: Path) -> None:
    """Write all files through an empty ``folder``, the manifest last, and verify by reading each back.

    Raises
    ------
    CorruptArtefactError
        If S3 gives back other bytes than were written.
    """
    table = snapshot.table
    np.savez(folder / TABLES, **tables_to_arrays(table))
    (folder / DOCUMENTS).write_bytes(table.documents.tobytes())
    np.save(folder / VECTORS, table.views.fixed)
    np.save(folder / CODES, table.views.codes)
    np.savez(folder / CLASSES, **learned_to_arrays(snapshot.learned))
    (folder / REJECTED).write_text(json.dumps(snapshot.rejected))
    for name in REPORTED:
        (folder / name).write_text(json.dumps(snapshot.reported[name], indent=1))
    save_search(table.index, folder)
    names = (*FILES, *REPORTED)
    manifest = Manifest(
        id=snapshot.id,
        encoder=snapshot.encoder,
        items=len(table),
        views=len(table.views),
        rejected=len(snapshot.rejected),
        dimensions=table.views.codes.shape[1],
        recall=snapshot.recall,
        tuning=table.index.tuning,
        attributes={name: one.report() for name, one in snapshot.learned.items()},
        schema=snapshot.schema,
        files={name: file_sha256(folder / name) for name in names},
    )
    prefix = f"{PREFIX}{snapshot.id}/"
    with ThreadPoolExecutor(len(names)) as pool:
        for _ in pool.map(lambda name: artefacts.create_file(prefix + name, folder / name), names):
            pass
        for name, sha256 in zip(names, pool.map(lambda name: artefacts.sha256(prefix + name), names), strict=True):
            if sha256 != manifest.files[name]:
                raise CorruptArtefactError(f"{prefix}{name} was not stored as it was written.")
    artefacts.create(prefix + MANIFEST, manifest.to_json())


def load_snapshot(artefacts: Bucket, name: str, cache: Path) -> Snapshot:
    """Download what the cache lacks, in parallel, verify, and map it.

    Parameters
    ----------
    cache
        Folder of files named by their sha256; they are replaced, never overwritten, so mapped files stay whole.

    Raises
    ------
    CorruptArtefactError
        If a file has another sha256, shape or type than the manifest records.
    """
    manifest = read_manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, FILES)
    shape = (manifest.views, manifest.dimensions)
    table = table_from_arrays(
        read_arrays(paths[TABLES]),
        map_bytes(paths[DOCUMENTS]),
        map_array(paths[VECTORS], shape, np.int16),
        map_array(paths[CODES], shape, np.int8),
        read_cells(paths[CELLS]),
    )
    sweep(cache, manifest.files.values())
    graph = Graph.open(paths[GRAPH], *shape)
    graph.expand(manifest.tuning.expansion)
    return Snapshot(
        id=name,
        encoder=manifest.encoder,
        schema=manifest.schema,
        table=replace(table, index=replace(table.index, graph=graph, tuning=manifest.tuning)),
        learned=learned_from_arrays(read_arrays(paths[CLASSES])),
        recall=manifest.recall,
        rejected=json.loads(paths[REJECTED].read_bytes()),
    )


def load_tables(artefacts: Bucket, name: str, cache: Path) -> Table:
    """Load what a snapshot says of its items, without their embeddings: a few percent of its bytes.

    Raises
    ------
    CorruptArtefactError
    """
    manifest = read_manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, (TABLES, DOCUMENTS))
    none = np.empty((0, manifest.dimensions))
    return table_from_arrays(
        read_arrays(paths[TABLES]), map_bytes(paths[DOCUMENTS]), none.astype(np.int16), none.astype(np.int8)
    )


def load_reported(artefacts: Bucket, name: str, file: str) -> dict[str, Any]:
    """Read one of the files of a snapshot that only tell: ``report.json`` or ``audit.json``.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one that the manifest records.
    """
    manifest = read_manifest(artefacts, name)
    key = f"{PREFIX}{name}/{file}"
    data = artefacts.get(key).data
    if hashlib.sha256(data).hexdigest() != manifest.files[file]:
        raise CorruptArtefactError(f"{key} has not the sha256 that is recorded; a rebuild writes it anew.")
    reported: dict[str, Any] = json.loads(data)
    return reported


def read_manifest(artefacts: Bucket, name: str) -> Manifest:
    """Read what a snapshot says of itself.

    Raises
    ------
    CorruptArtefactError
        If it is damaged, or of another version's format.
    """
    return Manifest.parse(artefacts.get(f"{PREFIX}{name}/{MANIFEST}").data)


def _fetch_all(artefacts: Bucket, manifest: Manifest, cache: Path, files: Sequence[str]) -> dict[str, Path]:
    cache.mkdir(parents=True, exist_ok=True)
    prefix = f"{PREFIX}{manifest.id}/"
    with ThreadPoolExecutor(len(files)) as pool:
        fetched = pool.map(lambda file: fetch(artefacts, prefix + file, cache, manifest.files[file]), files)
        return dict(zip(files, fetched, strict=True))
