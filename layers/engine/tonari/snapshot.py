"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tonari.attributes import Grouping, draw, labels_of, learn, learned_from_arrays, learned_to_arrays
from tonari.cache import fetch, sweep
from tonari.calibration import calibrate
from tonari.cells import Cells
from tonari.errors import CorruptArtefactError
from tonari.holdout import split_value, tenths
from tonari.manifest import Manifest
from tonari.native import Graph
from tonari.parts import Part, part_from_arrays, sort_into_cells, tables_to_arrays
from tonari.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tonari.attributes import Learned
    from tonari.fields.schema import Schema
    from tonari.store import Bucket

PREFIX = "snapshots/"
MANIFEST = "manifest.json"
TABLES, DOCUMENTS, VECTORS, CODES = "tables.npz", "documents.jsonl", "vectors.npy", "codes.npy"
GRAPH, CLASSES, REJECTED = "graph.usearch", "classes.npz", "rejected.json"
CELLS = "cells.npz"
FILES = (TABLES, DOCUMENTS, VECTORS, CODES, CELLS, CLASSES, REJECTED, GRAPH)


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
    """

    id: str
    encoder: str
    schema: Schema
    part: Part
    learned: Mapping[str, Learned]
    recall: Mapping[str, float]
    rejected: Mapping[str, str]


def new_id() -> str:
    """Make a snapshot id: ids sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def build_snapshot(encoder: str, schema: Schema, part: Part, rejected: Mapping[str, str]) -> Snapshot:
    """Compute what a snapshot holds beside its items: class weights, cells, graph, and what searches must visit."""
    learned = learn_attributes(schema, part)
    sorted_part = sort_into_cells(part)
    shelf = replace(sorted_part.shelf, graph=Graph.build(sorted_part.views.codes))
    budget, recall = calibrate(shelf)
    whole = replace(sorted_part, shelf=replace(shelf, budget=budget))
    return Snapshot(new_id(), encoder, schema, whole, learned, recall, rejected)


def learn_attributes(schema: Schema, part: Part) -> dict[str, Learned]:
    """Fit all attributes; items of one ``split_by`` value are never on both sides of a trial."""
    if not schema.attributes:
        return {}
    fields = part.fields if schema.split_by else lambda _: {}
    values = [split_value(part.id(position), fields(position), schema.split_by) for position in range(len(part))]
    grouping = Grouping(np.unique(np.array(values), return_inverse=True)[1], tenths(values))
    learned = {}
    for name in schema.attributes:
        labels = labels_of(part.columns[name])
        if labels is not None:
            sample = draw(labels, part.views.item, part.views.halves, grouping)
            precision = schema.fields[name].precision
            learned[name] = learn(sample, labels.classes, several=labels.several, precision=precision)
    return learned


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
    np.save(folder / VECTORS, part.views.halves)
    np.save(folder / CODES, part.views.codes)
    np.savez(folder / CLASSES, **learned_to_arrays(snapshot.learned))
    (folder / REJECTED).write_text(json.dumps(snapshot.rejected))
    _save_search(part, folder)
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
        files={name: file_sha256(folder / name) for name in FILES},
    )
    prefix = f"{PREFIX}{snapshot.id}/"
    with ThreadPoolExecutor(len(FILES)) as pool:
        for _ in pool.map(lambda name: artefacts.create_file(prefix + name, folder / name), FILES):
            pass
        for name, sha256 in zip(FILES, pool.map(lambda name: artefacts.sha256(prefix + name), FILES), strict=True):
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
    manifest = _manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, FILES)
    shape = (manifest.views, manifest.dimensions)
    part = part_from_arrays(
        _arrays(paths[TABLES]),
        _map_bytes(paths[DOCUMENTS]),
        _map(paths[VECTORS], shape, np.float16),
        _map(paths[CODES], shape, np.int8),
        _cells(paths[CELLS]),
    )
    sweep(cache, manifest.files.values())
    graph = Graph.open(paths[GRAPH], *shape)
    graph.expand(manifest.budget.expansion)
    return Snapshot(
        id=name,
        encoder=manifest.encoder,
        schema=manifest.schema,
        part=replace(part, shelf=replace(part.shelf, graph=graph, budget=manifest.budget)),
        learned=learned_from_arrays(_arrays(paths[CLASSES])),
        recall=manifest.recall,
        rejected=json.loads(paths[REJECTED].read_bytes()),
    )


def load_tables(artefacts: Bucket, name: str, cache: Path) -> Part:
    """Load what a snapshot says of its items, without their embeddings: a few percent of its bytes.

    Raises
    ------
    CorruptArtefactError
    """
    manifest = _manifest(artefacts, name)
    paths = _fetch_all(artefacts, manifest, cache, (TABLES, DOCUMENTS))
    none = np.empty((0, manifest.dimensions))
    return part_from_arrays(
        _arrays(paths[TABLES]), _map_bytes(paths[DOCUMENTS]), none.astype(np.float16), none.astype(np.int8)
    )


def _manifest(artefacts: Bucket, name: str) -> Manifest:
    return Manifest.parse(artefacts.get(f"{PREFIX}{name}/{MANIFEST}").data)


def _save_search(part: Part, folder: Path) -> None:
    shelf = part.shelf
    if shelf.graph is not None:
        shelf.graph.save(folder / GRAPH)
    cells = shelf.cells or Cells(np.empty((0, shelf.views.codes.shape[1]), np.float32), np.zeros(1, np.int64))
    np.savez(folder / CELLS, centroids=cells.centroids, start=cells.start)


def _cells(path: Path) -> Cells | None:
    arrays = _arrays(path)
    return Cells(arrays["centroids"], arrays["start"]) if len(arrays["centroids"]) else None


def _fetch_all(artefacts: Bucket, manifest: Manifest, cache: Path, files: Sequence[str]) -> dict[str, Path]:
    cache.mkdir(parents=True, exist_ok=True)
    prefix = f"{PREFIX}{manifest.id}/"
    with ThreadPoolExecutor(len(files)) as pool:
        fetched = pool.map(lambda file: fetch(artefacts, prefix + file, cache, manifest.files[file]), files)
        return dict(zip(files, fetched, strict=True))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _map(path: Path, shape: tuple[int, int], dtype: type[np.generic]) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise CorruptArtefactError(f"{path.name} holds {array.shape} {array.dtype}, recorded is {shape}.")
    return array


def _map_bytes(path: Path) -> NDArray[np.uint8]:
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
