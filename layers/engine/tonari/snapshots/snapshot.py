"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, learned_from_arrays, learned_to_arrays
from tonari.contract.artefacts import Manifest, TableHeader, decode, encode
from tonari.contract.findings import Audit, QualityReport
from tonari.errors import CorruptArtefactError
from tonari.fields.schema import Schema, parse_schema
from tonari.index.cells import Cells
from tonari.index.graph import Graph
from tonari.index.planner import Tuning
from tonari.snapshots.table import Table, read_table
from tonari.storage.bucket import Bucket, fetch, file_sha256, sweep
from tonari.storage.packing import map_file, pack_file

PREFIX = "snapshots/"
FORMAT = 6
MANIFEST = "manifest.json"
TABLE, VECTORS, CODES, CLASSES = "table.pack", "vectors.pack", "codes.pack", "classes.pack"
FILES = (TABLE, VECTORS, CODES, CLASSES)
"""What every snapshot serves from."""
GRAPH = "graph.usearch"
"""What a snapshot serves from as well where the graph is worth it."""
REPORT, AUDIT = "report.json", "audit.json"
REPORTED = (REPORT, AUDIT)
"""What is written for people to read: never fetched to serve."""

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot in memory.

    Parameters
    ----------
    encoder
        Id of the encoder that made its embeddings.
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

    Raises
    ------
    CorruptArtefactError
        If S3 gives back other bytes than were written.
    """
    table = snapshot.table
    names = _write_files(snapshot, folder)
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
        schema=msgspec.to_builtins(snapshot.schema),
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
    artefacts.create(prefix + MANIFEST, encode(_sealed(manifest)))
    progress("upload", len(names) + 1, len(names) + 1)


def _write_files(snapshot: Snapshot, folder: Path) -> tuple[str, ...]:
    """Write all files but the manifest into an empty folder; gives their names."""
    table, index = snapshot.table, snapshot.table.index
    scanned: dict[str, NDArray[Any]] = {"codes": table.views.codes}
    if index.cells is not None:
        scanned |= {"centroids": index.cells.centroids, "start": index.cells.start}
    pack_file(folder / TABLE, TableHeader(snapshot.rejected), table.to_arrays())
    pack_file(folder / VECTORS, {}, {"fixed": table.views.fixed})
    pack_file(folder / CODES, {}, scanned)
    pack_file(folder / CLASSES, {}, learned_to_arrays(snapshot.learned))
    if index.graph is not None:
        index.graph.save(folder / GRAPH)
    for name in REPORTED:
        (folder / name).write_bytes(encode(snapshot.reported[name]))
    return (*FILES, *([GRAPH] if index.graph is not None else []), *REPORTED)


def load_snapshot(artefacts: Bucket, name: str, cache: Path) -> Snapshot:
    """Download what the cache lacks, in parallel, verify, and map it.

    Raises
    ------
    CorruptArtefactError
        If a file has another sha256, type or shape than the manifest records.
    """
    manifest = read_manifest(artefacts, name)
    try:
        tuning = msgspec.convert(manifest.tuning, Tuning)
    except msgspec.ValidationError as error:
        raise CorruptArtefactError(f"{MANIFEST} does not say what searches must visit: {error}; rebuild.") from error
    served = [*FILES, *([GRAPH] if GRAPH in manifest.files else [])]
    paths = _fetch_all(artefacts, manifest, cache, served)
    sweep(cache, manifest.files.values())
    shape = manifest.views, manifest.dimensions
    items, scanned = map_file(paths[TABLE], TABLE), map_file(paths[CODES], CODES)
    table = read_table(
        items,
        map_file(paths[VECTORS], VECTORS).array("fixed", np.int16, shape),
        scanned.array("codes", np.int8, shape),
    )
    cells = None
    if "centroids" in scanned.arrays:
        centroids = scanned.array("centroids", np.float32, (None, manifest.dimensions))
        cells = Cells(centroids, scanned.array("start", np.int64, (len(centroids) + 1,)))
    graph = Graph.open(paths[GRAPH], *shape) if GRAPH in paths else None
    return Snapshot(
        id=name,
        encoder=manifest.encoder,
        schema=parse_schema(msgspec.json.encode(manifest.schema)),
        table=replace(table, index=replace(table.index, cells=cells, graph=graph, tuning=tuning)),
        learned=learned_from_arrays(map_file(paths[CLASSES], CLASSES).arrays),
        recall=manifest.recall,
        rejected=items.about(TableHeader).rejected,
    )


def load_tables(artefacts: Bucket, name: str, cache: Path) -> Table:
    """Load what a snapshot says of its items, without their embeddings: a few percent of its bytes."""
    manifest = read_manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, (TABLE,))
    none = np.empty((0, manifest.dimensions))
    return read_table(map_file(paths[TABLE], TABLE), none.astype(np.int16), none.astype(np.int8))


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
        If it is damaged, or of another version's form or format.
    """
    data = artefacts.get(f"{PREFIX}{name}/{MANIFEST}").data
    said = decode(data, _Format, MANIFEST).format
    if said != FORMAT:
        remedy = "update tonari" if said > FORMAT else "rebuild"
        raise CorruptArtefactError(f"{MANIFEST} has format {said}, this version reads {FORMAT}: {remedy}.")
    manifest = decode(data, Manifest, MANIFEST)
    if manifest.sha256 != _digest(manifest):
        raise CorruptArtefactError(f"{MANIFEST} has not the sha256 that it says of itself: rebuild.")
    return manifest


class _Format(msgspec.Struct, frozen=True):
    format: int


def _sealed(manifest: Manifest) -> Manifest:
    """Add the sha256 of all that a manifest says, as it will be read."""
    plain = msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    return msgspec.structs.replace(plain, sha256=_digest(plain))


def _digest(manifest: Manifest) -> str:
    plain = msgspec.structs.replace(manifest, sha256="")
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def _fetch_all(artefacts: Bucket, manifest: Manifest, cache: Path, files: Sequence[str]) -> dict[str, Path]:
    cache.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if file not in manifest.files]
    if missing:
        raise CorruptArtefactError(f"{MANIFEST} of {manifest.id} lists no {missing[0]}: rebuild.")
    prefix = f"{PREFIX}{manifest.id}/"
    with ThreadPoolExecutor(len(files)) as pool:
        fetched = pool.map(lambda file: fetch(artefacts, prefix + file, cache, manifest.files[file]), files)
        return dict(zip(files, fetched, strict=True))
