"""A snapshot without its items, for an engine elsewhere that holds them: schema, class weights, what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tonari.attributes import learned_from_arrays
from tonari.contract.artefacts import TableHeader
from tonari.fields.schema import schema_of
from tonari.snapshots.canaries import ask_predictions, read_canaries
from tonari.snapshots.checks import check_learned, reading
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.manifest import CANARIES, CLASSES, TABLE, fetch_all, manifest_of
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import build_table
from tonari.storage.bucket import Bucket
from tonari.storage.packing import map_file, read_about


def load_described(artefacts: Bucket, name: str, cache: Path, encoder: str | None = None) -> Snapshot:
    """Load what predicts and describes, of a snapshot whose items an engine elsewhere holds.

    Of the table only the beginning is read, so that this takes as long for a billion items as for a thousand.

    Parameters
    ----------
    encoder
        The one that must have made its embeddings; whatever did, if it is None.

    Returns
    -------
    A snapshot whose table is empty, but for what it says of the fields.

    Raises
    ------
    CorruptArtefactError
        If a file has another sha256 than the manifest records, if files do not belong together, or another encoder made
        the embeddings.
    """
    manifest = manifest_of(artefacts, name, encoder)
    files = fetch_all(artefacts, manifest, cache, (CLASSES, CANARIES))
    header = read_about(artefacts, f"{SNAPSHOTS}{name}/{TABLE}", TableHeader)
    with reading(f"The snapshot {name}"):
        schema = schema_of(manifest.schema)
        learned = learned_from_arrays(map_file(files[CLASSES].path, CLASSES).arrays)
        check_learned(learned, schema, manifest.dimensions)
        canaries = read_canaries(map_file(files[CANARIES].path, CANARIES), manifest.dimensions)
        ask_predictions(canaries, manifest.encoder, learned)
    empty = build_table([], schema, manifest.dimensions)
    return Snapshot(
        manifest.id,
        manifest.encoder,
        schema,
        replace(empty, unusable=header.unusable, rule=header.rule),
        learned,
        manifest.recall,
        header.rejected,
        ignored=header.ignored,
        grouping=manifest.grouping,
        picture=canaries.picture,
        familiarity=manifest.familiarity,
        mapped=tuple((cached, np.memmap(cached.path, np.uint8, "r")) for cached in files.values()),
        cut_elsewhere=manifest.cut,
    )
