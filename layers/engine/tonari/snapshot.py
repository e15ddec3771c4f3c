"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tonari.attributes import class_means, weights_from_arrays, weights_to_arrays
from tonari.errors import CorruptArtefactError
from tonari.fields.columns import ClassColumn
from tonari.fields.schema import parse_schema
from tonari.native import Graph
from tonari.parts import Part, part_from_arrays, tables_to_arrays
from tonari.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tonari.attributes import ClassWeights
    from tonari.fields.schema import Schema
    from tonari.store import Bucket

FORMAT = 1
PREFIX = "snapshots/"
MANIFEST, CHECK = "manifest.json", "sha256"
TABLES, DOCUMENTS, VECTORS, CODES = "tables.npz", "documents.jsonl", "vectors.npy", "codes.npy"
GRAPH, CLASSES, REJECTED = "graph.usearch", "classes.npz", "rejected.json"
FILES = (TABLES, DOCUMENTS, VECTORS, CODES, CLASSES, REJECTED, GRAPH)


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
    weights
        Class weights by attribute.
    graph
        Over the codes.
    rejected
        Reason by key, for objects that could not be used.
    """

    id: str
    encoder: str
    schema: Schema
    part: Part
    weights: Mapping[str, ClassWeights]
    graph: Graph
    rejected: Mapping[str, str]


def new_id() -> str:
    """Make a snapshot id: ids sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def build_snapshot(encoder: str, schema: Schema, part: Part, rejected: Mapping[str, str]) -> Snapshot:
    """Compute what a snapshot holds beside its items: class weights and graph."""
    weights = {
        name: class_means(part.views.item, part.views.halves, column)
        for name in schema.attributes
        if isinstance(column := part.columns[name], ClassColumn)
    }
    return Snapshot(new_id(), encoder, schema, part, weights, Graph.build(part.views.codes), rejected)


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
    np.savez(folder / CLASSES, **weights_to_arrays(snapshot.weights))
    (folder / REJECTED).write_text(json.dumps(snapshot.rejected))
    snapshot.graph.save(folder / GRAPH)
    recorded = {name: {"sha256": file_sha256(folder / name), "bytes": (folder / name).stat().st_size} for name in FILES}
    manifest = {
        "format": FORMAT,
        "id": snapshot.id,
        "encoder": snapshot.encoder,
        "items": len(part),
        "views": len(part.views),
        "dimensions": part.views.codes.shape[1],
        "rejected": len(snapshot.rejected),
        "schema": snapshot.schema.to_json(),
        "files": recorded,
    }
    prefix = f"{PREFIX}{snapshot.id}/"
    with ThreadPoolExecutor(len(FILES)) as pool:
        for _ in pool.map(lambda name: artefacts.create_file(prefix + name, folder / name), FILES):
            pass
        for name, sha256 in zip(FILES, pool.map(lambda name: artefacts.sha256(prefix + name), FILES), strict=True):
            if sha256 != recorded[name]["sha256"]:
                raise CorruptArtefactError(f"{prefix}{name} was not stored as it was written.")
    artefacts.create(prefix + MANIFEST, json.dumps({**manifest, CHECK: _check(manifest)}, indent=1).encode())


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
    )
    return Snapshot(
        id=name,
        encoder=manifest.encoder,
        schema=manifest.schema,
        part=part,
        weights=weights_from_arrays(_arrays(paths[CLASSES])),
        graph=Graph.open(paths[GRAPH], *shape),
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


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What ``manifest.json`` says; ``files`` gives the sha256 by name."""

    id: str
    encoder: str
    views: int
    dimensions: int
    schema: Schema
    files: Mapping[str, str]


def _manifest(artefacts: Bucket, name: str) -> _Manifest:
    key = f"{PREFIX}{name}/{MANIFEST}"
    try:
        raw = json.loads(artefacts.get(key).data)
        if raw.pop(CHECK) != _check(raw):
            raise CorruptArtefactError(f"{key} has not the sha256 that it says of itself.")
        if raw["format"] != FORMAT:
            raise CorruptArtefactError(f"{key} has format {raw['format']}, this version reads {FORMAT}: rebuild.")
        return _Manifest(
            id=name,
            encoder=raw["encoder"],
            views=int(raw["views"]),
            dimensions=int(raw["dimensions"]),
            schema=parse_schema(json.dumps(raw["schema"]).encode()),
            files={file: raw["files"][file]["sha256"] for file in FILES},
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorruptArtefactError(f"{key} is not of the documented form: {error!r}.") from error


def _check(manifest: Mapping[str, Any]) -> str:
    """Hash what a manifest says (hex): all else is verified by what stands in it."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _fetch_all(artefacts: Bucket, manifest: _Manifest, cache: Path, files: Sequence[str]) -> dict[str, Path]:
    cache.mkdir(parents=True, exist_ok=True)
    prefix = f"{PREFIX}{manifest.id}/"
    with ThreadPoolExecutor(len(files)) as pool:
        fetched = pool.map(lambda file: _fetch(artefacts, prefix + file, cache, manifest.files[file]), files)
        return dict(zip(files, fetched, strict=True))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _fetch(artefacts: Bucket, key: str, cache: Path, sha256: str) -> Path:
    path = cache / sha256
    if not (path.exists() and file_sha256(path) == sha256):
        fresh = cache / f"{sha256}.{secrets.token_hex(4)}"
        artefacts.download(key, fresh, sha256)
        fresh.replace(path)
    return path


def _map(path: Path, shape: tuple[int, int], dtype: type[np.generic]) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise CorruptArtefactError(f"{path.name} holds {array.shape} {array.dtype}, recorded is {shape}.")
    return array


def _map_bytes(path: Path) -> NDArray[np.uint8]:
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
