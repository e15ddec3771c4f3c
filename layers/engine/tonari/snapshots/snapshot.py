"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec

from tonari.attributes import AttributeModel
from tonari.contract.artefacts import Manifest
from tonari.contract.catalogue import SchemaDocument
from tonari.contract.findings import Audit, QualityReport
from tonari.errors import CorruptArtefactError
from tonari.fields.schema import Schema
from tonari.index.graph import Graph
from tonari.snapshots.files import (
    CLASSES,
    FILES,
    FORMAT,
    GRAPH,
    MANIFEST,
    PREFIX,
    TABLE,
    manifest_from_bytes,
    manifest_to_bytes,
    map_items,
    map_table,
    read_learned,
    read_rejected,
    schema_of,
    tuning_of,
    write_files,
)
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket, file_sha256
from tonari.storage.cache import fetch, sweep

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and of how much."""


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
    table
        Its items and views.
    learned
        Class weights by attribute, and how good they are.
    recall
        Recall@10 by selectivity, measured when it was built.
    rejected
        Reason by key, for objects that could not be used.
    reported
        Of a new one, the files that are written for people to read; empty where it was loaded.
    """

    id: str
    encoder: str
    schema: Schema
    table: Table
    learned: Mapping[str, AttributeModel]
    recall: Mapping[str, float]
    rejected: Mapping[str, str]
    reported: Mapping[str, QualityReport | Audit] = field(default_factory=dict)


def write_snapshot(artefacts: Bucket, snapshot: Snapshot, folder: Path, progress: Progress = lambda *_: None) -> None:
    """Write all files through an empty ``folder``, the manifest last, and verify by reading each back.

    Parameters
    ----------
    progress
        Is told how many files are written and verified.

    Raises
    ------
    CorruptArtefactError
        If S3 gives back other bytes than were written.
    """
    table = snapshot.table
    names = write_files(folder, table, snapshot.learned, snapshot.rejected, snapshot.reported)
    manifest = Manifest(
        format=FORMAT,
        id=snapshot.id,
        encoder=snapshot.encoder,
        items=len(table),
        views=len(table.views),
        rejected=len(snapshot.rejected),
        dimensions=table.views.codes.shape[1],
        recall=snapshot.recall,
        tuning=asdict(table.index.tuning),
        attributes={name: one.report() for name, one in snapshot.learned.items()},
        schema=msgspec.convert(snapshot.schema.to_json(), SchemaDocument),
        files={name: file_sha256(folder / name) for name in names},
    )
    prefix = f"{PREFIX}{snapshot.id}/"

    def write(name: str) -> None:
        artefacts.create_file(prefix + name, folder / name)
        if artefacts.sha256(prefix + name) != manifest.files[name]:
            raise CorruptArtefactError(f"{prefix}{name} was not stored as it was written: try again.")

    progress("upload", 0, len(names) + 1)
    with ThreadPoolExecutor(len(names)) as pool:
        for done, _ in enumerate(pool.map(write, names), 1):
            progress("upload", done, len(names) + 1)
    artefacts.create(prefix + MANIFEST, manifest_to_bytes(manifest))
    progress("upload", len(names) + 1, len(names) + 1)


def load_snapshot(artefacts: Bucket, name: str, cache: Path) -> Snapshot:
    """Download what the cache lacks, in parallel, verify, and map it.

    Parameters
    ----------
    cache
        Folder of files named by their sha256; they are replaced, never overwritten, so mapped files stay whole.

    Raises
    ------
    CorruptArtefactError
        If a file has another sha256, type or shape than the manifest records.
    """
    manifest = read_manifest(artefacts, name)
    tuning = tuning_of(manifest)
    served = [*FILES, *([GRAPH] if GRAPH in manifest.files else [])]
    paths = _fetch_all(artefacts, manifest, cache, served)
    sweep(cache, manifest.files.values())
    table = map_table(paths, manifest.views, manifest.dimensions)
    graph = None
    if GRAPH in paths:
        graph = Graph.open(paths[GRAPH], manifest.views, manifest.dimensions)
    return Snapshot(
        id=name,
        encoder=manifest.encoder,
        schema=schema_of(manifest),
        table=replace(table, index=replace(table.index, graph=graph, tuning=tuning)),
        learned=read_learned(paths[CLASSES]),
        recall=manifest.recall,
        rejected=read_rejected(paths[TABLE]),
    )


def load_tables(artefacts: Bucket, name: str, cache: Path) -> Table:
    """Load what a snapshot says of its items, without their embeddings: a few percent of its bytes.

    Raises
    ------
    CorruptArtefactError
    """
    manifest = read_manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, (TABLE,))
    return map_items(paths[TABLE], manifest.dimensions)


def load_reported(artefacts: Bucket, name: str, file: str) -> bytes:
    """Read one of the files of a snapshot that people read: ``report.json`` or ``audit.json``.

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
    return data


def read_manifest(artefacts: Bucket, name: str) -> Manifest:
    """Read what a snapshot says of itself.

    Raises
    ------
    CorruptArtefactError
        If it is damaged, or of another version's format.
    """
    return manifest_from_bytes(artefacts.get(f"{PREFIX}{name}/{MANIFEST}").data)


def _fetch_all(artefacts: Bucket, manifest: Manifest, cache: Path, files: Sequence[str]) -> dict[str, Path]:
    cache.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if file not in manifest.files]
    if missing:
        raise CorruptArtefactError(f"{MANIFEST} of {manifest.id} lists no {missing[0]}: rebuild.")
    prefix = f"{PREFIX}{manifest.id}/"
    with ThreadPoolExecutor(len(files)) as pool:
        fetched = pool.map(lambda file: fetch(artefacts, prefix + file, cache, manifest.files[file]), files)
        return dict(zip(files, fetched, strict=True))
