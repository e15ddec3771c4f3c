"""The live snapshot on S3 -> all that its report is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tonari.encoders.bundle import EncoderConfig
from tonari.encoders.store import CONFIG
from tonari.encoders.store import PREFIX as ENCODERS
from tonari.errors import MissingObjectError, NotReadyError
from tonari.snapshots.files import AUDIT, REPORT
from tonari.snapshots.head import Head, read_head
from tonari.snapshots.snapshot import Snapshot, load_reported, load_snapshot
from tonari.storage.bucket import Bucket
from tonari_tools.report.compose import compose
from tonari_tools.report.material import Facts, Material, pictures
from tonari_tools.report.thumbnails import read_thumbnails


def gather(
    catalogue: Bucket, artefacts: Bucket, cache: Path, seed: int, progress: Callable[[str, int, int], None]
) -> Material:
    """Read the live snapshot, choose examples, read the pictures that are shown.

    Parameters
    ----------
    cache
        Folder for the snapshot's files.
    seed
        Of the examples.

    Raises
    ------
    NotReadyError
        If nothing is published.
    CorruptArtefactError
        If a file is damaged, or an older version built the snapshot.
    StoreError
    """
    head = read_head(artefacts).head
    if head.snapshot is None:
        raise NotReadyError("Nothing is published yet, so there is nothing to report on: run `tonari rebuild`.")
    progress("snapshot", 0, 1)
    report, audit = (load_reported(artefacts, head.snapshot, file) for file in (REPORT, AUDIT))
    snapshot = load_snapshot(artefacts, head.snapshot, cache)
    material = compose(_facts(artefacts, head, snapshot), snapshot.table, report, audit, seed)
    keys = pictures(material.examples, material.findings, material.goods)
    thumbnails = read_thumbnails(catalogue, keys, lambda done, total: progress("pictures", done, total))
    return replace(material, thumbnails=thumbnails)


def _facts(artefacts: Bucket, head: Head, snapshot: Snapshot) -> Facts:
    table = snapshot.table
    return Facts(
        snapshot=snapshot.id,
        encoder=snapshot.encoder,
        encoder_name=_encoder_name(artefacts, snapshot.encoder),
        generation=head.generation,
        segments=len(head.segments),
        items=len(table),
        views=len(table.views),
        dimensions=table.views.codes.shape[1],
        rejected=snapshot.rejected,
        recall=snapshot.recall,
        split_by=snapshot.schema.split_by,
    )


def _encoder_name(artefacts: Bucket, encoder: str) -> str:
    try:
        return EncoderConfig.parse(artefacts.get(f"{ENCODERS}{encoder}/{CONFIG}").data).name
    except MissingObjectError:
        return ""
