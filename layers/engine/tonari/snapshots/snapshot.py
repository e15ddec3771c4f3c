"""Snapshots: immutable sets of files built from one state of the catalogue by one encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, learned_from_arrays
from tonari.contract.artefacts import IgnoredKeys, Manifest, TableHeader
from tonari.contract.findings import Audit, Familiarity, ItemGroups, QualityReport
from tonari.contract.forms import convert
from tonari.errors import CorruptArtefactError
from tonari.fields.schema import Schema, schema_of
from tonari.index.bounds import check_cells, check_index, check_recall, demand
from tonari.index.cells import Cells
from tonari.index.graph import Graph
from tonari.index.rotation import Rotation
from tonari.index.vector_index import Tuning
from tonari.index.vectors import from_fixed
from tonari.snapshots.canaries import ask_canaries, read_canaries
from tonari.snapshots.checks import check_learned, check_table, reading
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.manifest import (
    CANARIES,
    CLASSES,
    CODES,
    GRAPH,
    LATER,
    TABLE,
    VECTORS,
    fetch_all,
    manifest_of,
    needed,
    read_manifest,
    served,
)
from tonari.snapshots.snapshot_words import NO_TEXTS, NOT_BUILT, WORDS, SnapshotWords
from tonari.snapshots.table import Table, read_table
from tonari.storage.bucket import Bucket
from tonari.storage.cache import CachedFile, sweep
from tonari.storage.packing import map_file
from tonari.words.searched import searched_of

ROWS_AT_ONCE = 8
"""Embeddings that are read one by one, at once."""
NEARLY_UNIT = 0.05
"""By how much rounding may change the length of an embedding."""

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
    ignored
        By reason: keys of the catalogue that belong to no item.
    grouping
        Which items were held out together.
    picture : (D,) int16, or (0,) where nobody encoded it
        What the encoder made of the canary picture.
    familiarity
        Which queries are like anything in it.
    mapped
        Of a loaded one, the files in which its arrays lie, each mapped: no new file can then have the same inode.
    words
        Of a loaded one, the index of its words, which is fetched when somebody first asks by words; or why it has none.
    cut_elsewhere
        Of how many views that are not here the encoder left out the end.
    """

    id: str
    encoder: str
    schema: Schema
    table: Table
    learned: Mapping[str, AttributeModel]
    recall: Mapping[str, float]
    rejected: Mapping[str, str]
    reported: Mapping[str, QualityReport | Audit] = field(default_factory=dict)
    ignored: Mapping[str, IgnoredKeys] = field(default_factory=dict)
    grouping: ItemGroups = field(default_factory=ItemGroups)
    picture: NDArray[np.int16] = field(default_factory=lambda: np.empty(0, np.int16))
    familiarity: Familiarity = Familiarity()  # noqa: RUF009 - immutable
    mapped: tuple[tuple[CachedFile, NDArray[np.uint8]], ...] = ()
    words: SnapshotWords | str | None = None
    cut_elsewhere: int = 0

    @property
    def cut(self) -> int:
        """Of how many views the encoder left out the end."""
        return self.cut_elsewhere + int(np.count_nonzero(self.table.view_cut))

    @property
    def whole(self) -> bool:
        """Whether the embeddings are here, and not only what candidates are found by."""
        return self.table.views.whole

    def damaged(self) -> bool:
        """Tell whether somebody wrote into a file in which its arrays lie: it must not be asked any more."""
        return any(file.damaged() for file, _ in self.mapped)


def load_snapshot(artefacts: Bucket, name: str, cache: Path, encoder: str | None = None) -> Snapshot:
    """Download what the cache lacks, in parallel, verify, map it, and ask its canaries.

    Parameters
    ----------
    encoder
        The one that must have made its embeddings; whatever did, if it is None.

    Raises
    ------
    CorruptArtefactError
        If a file has another sha256, type or shape than the manifest records, if files do not belong together, or
        another encoder made the embeddings.
    """
    manifest = manifest_of(artefacts, name, encoder)
    return _load(artefacts, manifest, cache, served(manifest))


def load_scanned(artefacts: Bucket, name: str, cache: Path, encoder: str | None = None) -> Snapshot:
    """Load what candidates are found by, without embeddings and graph: a fraction of the bytes.

    Where vectors are not rotated everything is loaded. Parameters, and what is raised, are those of
    :func:`load_snapshot`, which loads the rest later.
    """
    manifest = manifest_of(artefacts, name, encoder)
    later = LATER if manifest.rotated else ()
    return _load(artefacts, manifest, cache, [file for file in served(manifest) if file not in later])


def _load(artefacts: Bucket, manifest: Manifest, cache: Path, served: Sequence[str]) -> Snapshot:
    files = fetch_all(artefacts, manifest, cache, served)
    sweep(cache, needed(manifest))
    paths = {file: cached.path for file, cached in files.items()}
    with reading(f"The snapshot {manifest.id}"):
        snapshot = _read_snapshot(manifest, paths)
        canaries = read_canaries(map_file(paths[CANARIES], CANARIES), manifest.dimensions)
        ask_canaries(canaries, manifest.encoder, snapshot.table, snapshot.learned)
    mapped = tuple((cached, np.memmap(cached.path, np.uint8, "r")) for cached in files.values())
    words = _words(artefacts, manifest, cache, snapshot.schema)
    return replace(snapshot, picture=canaries.picture, mapped=mapped, words=words)


def _words(artefacts: Bucket, manifest: Manifest, cache: Path, schema: Schema) -> SnapshotWords | str | None:
    if WORDS in manifest.files:
        return SnapshotWords(lambda: fetch_all(artefacts, manifest, cache, (WORDS,))[WORDS], cache)
    return NOT_BUILT if searched_of(schema).weights else NO_TEXTS


def _read_snapshot(manifest: Manifest, paths: Mapping[str, Path]) -> Snapshot:
    """Map the files of a snapshot, all or those that candidates are found by, and check that they fit each other."""
    dimensions, rotated = manifest.dimensions, manifest.rotated or manifest.dimensions
    schema = schema_of(manifest.schema)
    items, scanned = map_file(paths[TABLE], TABLE), map_file(paths[CODES], CODES)
    header = items.about(TableHeader)
    codes = scanned.array("codes", np.int8, (manifest.views, rotated))
    fixed, rotation, lengths = np.empty((0, dimensions), np.int16), None, None
    if VECTORS in paths:
        fixed = map_file(paths[VECTORS], VECTORS).array("fixed", np.int16, (manifest.views, dimensions))
    if manifest.rotated:
        rotation = Rotation(scanned.array("basis", np.float32, (dimensions, rotated)))
        lengths = scanned.array("lengths", np.float32, (manifest.views,))
    table = read_table(items, fixed, codes, rotation, lengths)
    check_table(table, manifest, schema)
    cells = None
    if "centroids" in scanned.arrays:
        centroids = scanned.array("centroids", np.float32, (None, rotated))
        start = scanned.array("start", np.int64, (len(centroids) + 1,))
        check_cells(centroids, start, codes)
        cells = Cells(centroids, start)
    graph = Graph.open(paths[GRAPH], manifest.views, rotated) if GRAPH in paths else None
    tuning = convert(manifest.tuning, Tuning)
    if VECTORS not in paths:
        tuning = replace(tuning, graph=False, expansion=0)
    index = replace(table.index, cells=cells, graph=graph, tuning=tuning)
    check_index(index)
    check_recall(manifest.recall)
    learned = learned_from_arrays(map_file(paths[CLASSES], CLASSES).arrays)
    check_learned(learned, schema, manifest.dimensions)
    rejected = header.rejected
    demand(len(rejected) == manifest.rejected, f"{len(rejected)} objects were rejected, not {manifest.rejected}")
    table = replace(table, index=index, unusable=header.unusable, rule=header.rule)
    return Snapshot(
        manifest.id,
        manifest.encoder,
        schema,
        table,
        learned,
        manifest.recall,
        rejected,
        ignored=header.ignored,
        grouping=manifest.grouping,
        familiarity=manifest.familiarity,
    )


def load_tables(artefacts: Bucket, name: str, cache: Path) -> Table:
    """Load what a snapshot says of its items, without their embeddings: a few percent of its bytes.

    Raises
    ------
    CorruptArtefactError
        If the file has another sha256 than the manifest records, or contradicts itself.
    """
    manifest = read_manifest(artefacts, name)
    table_file = fetch_all(artefacts, manifest, cache, (TABLE,))[TABLE].path
    none = np.empty((0, manifest.dimensions))
    with reading(f"The snapshot {name}"):
        packed = map_file(table_file, TABLE)
        table = read_table(packed, none.astype(np.int16), none.astype(np.int8))
        table = replace(table, rule=packed.about(TableHeader).rule)
        check_table(table, manifest, schema_of(manifest.schema))
    return table


def load_rows(artefacts: Bucket, name: str, table: Table, rows: NDArray[np.int64]) -> NDArray[np.int16]:
    """Read a few embeddings of a snapshot, and not the others.

    Parameters
    ----------
    table
        As :func:`load_tables` gives it.
    rows : (n,) int64
        Of views.

    Returns
    -------
    (n, D) int16, as they were stored: their sha256 is not compared, which only all of them have.

    Raises
    ------
    CorruptArtefactError
        If what lies there is no unit vector.
    """
    dimensions = table.views.fixed.shape[1]
    if not len(rows):
        return np.empty((0, dimensions), np.int16)
    key, size = f"{SNAPSHOTS}{name}/{VECTORS}", dimensions * np.dtype(np.int16).itemsize
    found = artefacts.head(key)
    demand(found is not None, f"The snapshot {name} has no {VECTORS}")
    start = (found.size if found else 0) - len(table.views.item) * size
    with ThreadPoolExecutor(ROWS_AT_ONCE) as pool:
        read = list(pool.map(lambda row: artefacts.get_range(key, start + row * size, size), rows.tolist()))
    demand(all(len(one) == size for one in read), f"{key} is too short")
    fixed = np.frombuffer(b"".join(read), np.int16).reshape(-1, dimensions)
    lengths = np.linalg.norm(from_fixed(fixed), axis=1)
    demand(bool((np.abs(lengths - 1) < NEARLY_UNIT).all()), f"{key} holds vectors of lengths other than 1")
    return fixed


def load_reported(artefacts: Bucket, name: str, file: str) -> bytes:
    """Read one of the files of a snapshot that people read: ``report.json`` or ``audit.json``.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one that the manifest records.
    """
    manifest = read_manifest(artefacts, name)
    key = f"{SNAPSHOTS}{name}/{file}"
    data = artefacts.get(key).data
    if hashlib.sha256(data).hexdigest() != manifest.files[file]:
        raise CorruptArtefactError(f"{key} has not the sha256 that is recorded; a rebuild writes it anew.")
    return data
