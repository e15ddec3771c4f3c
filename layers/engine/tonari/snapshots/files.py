"""The files of a snapshot: their names, what lies in each, and the manifest that names them all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
from tonari.index.planner import Tuning
from tonari.snapshots.table import Table, read_table
from tonari.storage.packing import map_file, pack_file

MANIFEST = "manifest.json"
FORMAT = 6


class _Format(msgspec.Struct, frozen=True):
    format: int


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """Give the bytes of ``manifest.json``, with the sha256 of all that it says."""
    plain = msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    return encode(msgspec.structs.replace(plain, sha256=_digest(plain)))


def manifest_from_bytes(data: bytes) -> Manifest:
    """Read ``manifest.json``.

    Raises
    ------
    CorruptArtefactError
        If it is not of this form or format, or its own sha256 is another.
    """
    said = decode(data, _Format, MANIFEST).format
    if said != FORMAT:
        remedy = "update tonari" if said > FORMAT else "rebuild"
        raise CorruptArtefactError(f"{MANIFEST} has format {said}, this version reads {FORMAT}: {remedy}.")
    manifest = decode(data, Manifest, MANIFEST)
    if manifest.sha256 != _digest(manifest):
        raise CorruptArtefactError(f"{MANIFEST} has not the sha256 that it says of itself: rebuild.")
    return manifest


def schema_of(manifest: Manifest) -> Schema:
    """Give the schema that a manifest states."""
    return parse_schema(msgspec.json.encode(manifest.schema))


def tuning_of(manifest: Manifest) -> Tuning:
    """Give what searches must visit.

    Raises
    ------
    CorruptArtefactError
        If it is of another version's form.
    """
    try:
        return msgspec.convert(manifest.tuning, Tuning)
    except msgspec.ValidationError as error:
        raise CorruptArtefactError(f"{MANIFEST} does not say what searches must visit: {error}; rebuild.") from error


def _digest(manifest: Manifest) -> str:
    """Hash what a manifest says (hex): all else is verified by what stands in it."""
    plain = msgspec.structs.replace(manifest, sha256="")
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


PREFIX = "snapshots/"
TABLE, VECTORS, CODES, CLASSES = "table.pack", "vectors.pack", "codes.pack", "classes.pack"
FILES = (TABLE, VECTORS, CODES, CLASSES)
"""What every snapshot serves from."""
GRAPH = "graph.usearch"
"""What a snapshot serves from as well where the graph is worth it."""
REPORT, AUDIT = "report.json", "audit.json"
REPORTED = (REPORT, AUDIT)
"""What is written for people to read: never fetched to serve."""


def write_files(
    folder: Path,
    table: Table,
    learned: Mapping[str, AttributeModel],
    rejected: Mapping[str, str],
    reported: Mapping[str, QualityReport | Audit],
) -> tuple[str, ...]:
    """Write all files of a snapshot but its manifest into an empty folder; gives their names."""
    index = table.index
    scanned: dict[str, NDArray[Any]] = {"codes": table.views.codes}
    if index.cells is not None:
        scanned |= {"centroids": index.cells.centroids, "start": index.cells.start}
    pack_file(folder / TABLE, TableHeader(rejected), table.to_arrays())
    pack_file(folder / VECTORS, {}, {"fixed": table.views.fixed})
    pack_file(folder / CODES, {}, scanned)
    pack_file(folder / CLASSES, {}, learned_to_arrays(learned))
    if index.graph is not None:
        index.graph.save(folder / GRAPH)
    for name in REPORTED:
        (folder / name).write_bytes(encode(reported[name]))
    return (*FILES, *([GRAPH] if index.graph is not None else []), *REPORTED)


def map_table(paths: Mapping[str, Path], views: int, dimensions: int) -> Table:
    """Map items, embeddings, cells and graph.

    Parameters
    ----------
    paths
        By name.

    Raises
    ------
    CorruptArtefactError
        If a file lacks an array, or has one of another type or shape.
    """
    scanned = map_file(paths[CODES], CODES)
    cells = None
    if "centroids" in scanned.arrays:
        centroids = scanned.array("centroids", np.float32, (None, dimensions))
        cells = Cells(centroids, scanned.array("start", np.int64, (len(centroids) + 1,)))
    return read_table(
        map_file(paths[TABLE], TABLE),
        map_file(paths[VECTORS], VECTORS).array("fixed", np.int16, (views, dimensions)),
        scanned.array("codes", np.int8, (views, dimensions)),
        cells,
    )


def map_items(path: Path, dimensions: int) -> Table:
    """Map items without their embeddings: a few percent of a snapshot's bytes."""
    none = np.empty((0, dimensions))
    return read_table(map_file(path, TABLE), none.astype(np.int16), none.astype(np.int8))


def read_rejected(path: Path) -> Mapping[str, str]:
    """Read the reason by key of each object that could not be used."""
    return map_file(path, TABLE).about(TableHeader).rejected


def read_learned(path: Path) -> dict[str, AttributeModel]:
    """Read class weights, and how good they are."""
    return learned_from_arrays(map_file(path, CLASSES).arrays)
