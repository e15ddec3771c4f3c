"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tonari.attributes import learned_from_arrays, learned_to_arrays
from tonari.cache import fetch, sweep
from tonari.errors import CorruptArtefactError
from tonari.manifest import Manifest
from tonari.native import Graph
from tonari.part_arrays import part_from_arrays, tables_to_arrays
from tonari.snapshot_files import (
    CELLS,
    CLASSES,
    CODES,
    DOCUMENTS,
    FILES,
    GRAPH,
    MANIFEST,
    PREFIX,
    REJECTED,
    TABLES,
    TOLD,
    VECTORS,
    map_array,
    map_bytes,
    read_arrays,
    read_cells,
    save_search,
)
from tonari.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tonari.attributes import Learned
    from tonari.fields.schema import Schema
    from tonari.parts import Part
    from tonari.store import Bucket


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
    part: Part
    learned: Mapping[str, Learned]
    recall: Mapping[str, float]
    rejected: Mapping[str, str]
    told: Mapping[str, Any] = field(default_factory=dict)


def write_snapshot(artefacts: Bucket, snapshot: Snapshot, folder: Path) -> None:
    """Write all files through an empty ``folder``, the manifest last, and verify by reading each back.

    Raises
    ------
    CorruptArtefactError
        If S3 gives back other bytes than were written.
    """
    part = snapshot.part
    np.savez(folder / TABLES, **tables_to_arrays(part))
    (folder / DOCUMENTS).write_bytes(part.documents.tobytes())
    np.save(folder / VECTORS, part.views.fixed)
    np.save(folder / CODES, part.views.codes)
    np.savez(folder / CLASSES, **learned_to_arrays(snapshot.learned))
    (folder / REJECTED).write_text(json.dumps(snapshot.rejected))
    for name in TOLD:
        (folder / name).write_text(json.dumps(snapshot.told[name], indent=1))
    save_search(part.shelf, folder)
    names = (*FILES, *TOLD)
    manifest = Manifest(
        id=snapshot.id,
        encoder=snapshot.encoder,
        items=len(part),
        views=len(part.views),
        rejected=len(snapshot.rejected),
        dimensions=part.views.codes.shape[1],
        recall=snapshot.recall,
        budget=part.shelf.budget,
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
    part = part_from_arrays(
        read_arrays(paths[TABLES]),
        map_bytes(paths[DOCUMENTS]),
        map_array(paths[VECTORS], shape, np.int16),
        map_array(paths[CODES], shape, np.int8),
        read_cells(paths[CELLS]),
    )
    sweep(cache, manifest.files.values())
    graph = Graph.open(paths[GRAPH], *shape)
    graph.expand(manifest.budget.expansion)
    return Snapshot(
        id=name,
        encoder=manifest.encoder,
        schema=manifest.schema,
        part=replace(part, shelf=replace(part.shelf, graph=graph, budget=manifest.budget)),
        learned=learned_from_arrays(read_arrays(paths[CLASSES])),
        recall=manifest.recall,
        rejected=json.loads(paths[REJECTED].read_bytes()),
    )


def load_tables(artefacts: Bucket, name: str, cache: Path) -> Part:
    """Load what a snapshot says of its items, without their embeddings: a few percent of its bytes.

    Raises
    ------
    CorruptArtefactError
    """
    manifest = read_manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, (TABLES, DOCUMENTS))
    none = np.empty((0, manifest.dimensions))
    return part_from_arrays(
        read_arrays(paths[TABLES]), map_bytes(paths[DOCUMENTS]), none.astype(np.int16), none.astype(np.int8)
    )


def load_told(artefacts: Bucket, name: str, file: str) -> dict[str, Any]:
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
    told: dict[str, Any] = json.loads(data)
    return told


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
