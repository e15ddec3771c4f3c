"""The live snapshot on S3 -> all that its report is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tonari.catalogue.documents import image_key
from tonari.contract.artefacts import Head
from tonari.contract.findings import Audit, QualityReport, decode_audit, decode_report
from tonari.encoders.image import EncoderConfig
from tonari.encoders.store import CONFIG
from tonari.encoders.store import PREFIX as ENCODERS
from tonari.errors import MissingObjectError, NotReadyError
from tonari.index.planner import find
from tonari.index.vectors import from_fixed
from tonari.snapshots.files import AUDIT, REPORT
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import Snapshot, load_reported, load_snapshot
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket
from tonari_tools.report.material import (
    Example,
    Facts,
    Material,
    Neighbour,
    ShownItem,
    items_named,
    pictures,
    shortened,
)
from tonari_tools.report.thumbnails import read_thumbnails

EXAMPLES = 6
NEIGHBOURS = 6
LOOKED_AT = 2000


def collect(
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
    quality = decode_report(load_reported(artefacts, head.snapshot, REPORT))
    audit = decode_audit(load_reported(artefacts, head.snapshot, AUDIT))
    snapshot = load_snapshot(artefacts, head.snapshot, cache)
    material = select(_facts(artefacts, head, snapshot), snapshot.table, quality, audit, seed)
    keys = pictures(material.examples, material.audit, material.items)
    thumbnails = read_thumbnails(catalogue, keys, lambda done, total: progress("pictures", done, total))
    return replace(material, thumbnails=thumbnails)


def select(facts: Facts, table: Table, quality: QualityReport, audit: Audit, seed: int) -> Material:
    """Choose what is shown, without the pictures.

    Parameters
    ----------
    seed
        Of the examples.
    """
    names = tuple(quality.attributes)
    shown = shortened(audit)
    items = {item: _item(table, item, names) for item in items_named(shown)}
    return Material(facts, quality.attributes, shown, choose_examples(table, names, seed), items, {})


def choose_examples(table: Table, attributes: Sequence[str], seed: int) -> tuple[Example, ...]:
    """Choose six items that have a view, each with as many classes as may be that none before it has."""
    with_views = np.unique(table.views.item)
    drawn = np.random.default_rng(seed).permutation(with_views)[:LOOKED_AT].tolist()
    classes = {one: {(name, label) for name in attributes for label in table.classes_of(name, one)} for one in drawn}
    seen: set[tuple[str, object]] = set()
    chosen: list[int] = []
    while drawn and len(chosen) < EXAMPLES:
        best = max(drawn, key=lambda one: len(classes[one] - seen))
        drawn.remove(best)
        chosen.append(best)
        seen |= classes[best]
    return tuple(_example(table, one, attributes) for one in chosen)


def _example(table: Table, position: int, attributes: Sequence[str]) -> Example:
    """Search with all views of an item, among all others."""
    queries = from_fixed(table.views.fixed[table.rows(position)])
    hits = find(queries, table.index, NEIGHBOURS, np.arange(len(table)) != position)
    near = (
        Neighbour(_item_at(table, item, attributes, row), score)
        for item, row, score in zip(hits.items.tolist(), hits.rows.tolist(), hits.scores.tolist(), strict=True)
    )
    return Example(_item_at(table, position, attributes), tuple(near))


def _item_at(table: Table, position: int, attributes: Sequence[str], row: int | None = None) -> ShownItem:
    """Give the item at a position, with the view at a row, else its first one."""
    item = table.id(position)
    rows = table.rows(position)
    shown = int(rows[0]) if row is None and len(rows) else row
    image = "" if shown is None else image_key(item, table.view_name(shown))
    return ShownItem(item, image, {name: table.classes_of(name, position) for name in attributes})


def _item(table: Table, item: str, attributes: Sequence[str]) -> ShownItem:
    """Give an item by its id; one that is unknown has neither picture nor labels."""
    position = table.find(item)
    return ShownItem(item, "", {}) if position is None else _item_at(table, position, attributes)


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
