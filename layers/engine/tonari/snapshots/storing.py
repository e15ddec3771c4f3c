"""Writes a snapshot: its files first, the manifest that names them last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.attributes import learned_to_arrays
from tonari.contract.artefacts import Manifest, TableHeader
from tonari.contract.forms import encode, seal
from tonari.errors import CorruptArtefactError
from tonari.snapshots.canaries import choose_canaries
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.manifest import (
    CANARIES,
    CLASSES,
    CODES,
    FILES,
    FORMAT,
    GRAPH,
    MANIFEST,
    REPORTED,
    TABLE,
    VECTORS,
)
from tonari.snapshots.snapshot import Progress, Snapshot
from tonari.snapshots.snapshot_words import WORDS, write_words
from tonari.storage.bucket import Bucket, file_sha256
from tonari.storage.packing import pack_file


def write_snapshot(artefacts: Bucket, snapshot: Snapshot, folder: Path, progress: Progress = lambda *_: None) -> None:
    """Write all files through an empty ``folder``, the manifest last, and verify by reading each back.

    Raises
    ------
    CorruptArtefactError
        If S3 gives back other bytes than were written.
    """
    table = snapshot.table
    names = _write_files(snapshot, folder)
    if write_words(table, snapshot.schema, folder / WORDS, progress):
        names = (*names, WORDS)
    manifest = Manifest(
        format=FORMAT,
        id=snapshot.id,
        encoder=snapshot.encoder,
        items=len(table),
        views=len(table.views),
        rejected=len(snapshot.rejected),
        cut=int(np.count_nonzero(table.view_cut)),
        dimensions=table.views.dimensions,
        rotated=table.views.codes.shape[1] if table.views.rotation else 0,
        recall=snapshot.recall,
        tuning=asdict(table.index.tuning),
        attributes={name: one.report() for name, one in snapshot.learned.items()},
        familiarity=snapshot.familiarity,
        schema=msgspec.to_builtins(snapshot.schema),
        grouping=snapshot.grouping,
        files={name: file_sha256(folder / name) for name in names},
    )
    prefix = f"{SNAPSHOTS}{snapshot.id}/"

    def write(name: str) -> None:
        artefacts.create_file(prefix + name, folder / name)
        if artefacts.sha256(prefix + name) != manifest.files[name]:
            raise CorruptArtefactError(f"{prefix}{name} was not stored as it was written: try again.")

    progress("upload", 0, len(names) + 1)
    with ThreadPoolExecutor(len(names)) as pool:
        for done, _ in enumerate(pool.map(write, names), 1):
            progress("upload", done, len(names) + 1)
    artefacts.create(prefix + MANIFEST, encode(seal(manifest)))
    progress("upload", len(names) + 1, len(names) + 1)


def _write_files(snapshot: Snapshot, folder: Path) -> tuple[str, ...]:
    """Write all files but the manifest into an empty folder; gives their names."""
    table, index = snapshot.table, snapshot.table.index
    scanned: dict[str, NDArray[Any]] = {"codes": table.views.codes}
    if index.views.rotation is not None:
        scanned |= {"basis": index.views.rotation.basis, "lengths": index.views.lengths}
    if index.cells is not None:
        scanned |= {"centroids": index.cells.centroids, "start": index.cells.start}
    header = TableHeader(snapshot.rejected, snapshot.ignored, table.unusable, table.rule)
    pack_file(folder / TABLE, header, table.to_arrays())
    pack_file(folder / VECTORS, {}, {"fixed": table.views.fixed})
    pack_file(folder / CODES, {}, scanned)
    pack_file(folder / CLASSES, {}, learned_to_arrays(snapshot.learned))
    canaries = choose_canaries(snapshot.encoder, table, snapshot.learned, snapshot.picture)
    pack_file(folder / CANARIES, canaries.said, canaries.to_arrays())
    if index.graph is not None:
        index.graph.save(folder / GRAPH)
    for name in REPORTED:
        (folder / name).write_bytes(encode(snapshot.reported[name]))
    return (*FILES, *([GRAPH] if index.graph is not None else []), *REPORTED)
