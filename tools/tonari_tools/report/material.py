"""The live snapshot on S3 -> all that its report is made of: what is shown of it, and how much."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from tonari.catalogue.documents import item_of
from tonari.catalogue.views import is_passage_key, passage_text, view_key
from tonari.contract.artefacts import Head
from tonari.contract.encoder import CONFIG, read_encoder_file
from tonari.contract.findings import AttributeQuality, Audit, MissingValue, QualityReport, decode_audit, decode_report
from tonari.encoders.store import PREFIX as ENCODERS
from tonari.errors import MissingObjectError, NotReadyError
from tonari.index.planner import find
from tonari.index.vectors import from_fixed
from tonari.snapshots.head import read_head
from tonari.snapshots.manifest import AUDIT, REPORT
from tonari.snapshots.snapshot import Snapshot, load_reported, load_snapshot
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket
from tonari_tools.report.thumbnails import NO_PICTURE, NOT_SHOWN, Thumbnail, read_thumbnails

EXAMPLES = 6
NEIGHBOURS = 6
LOOKED_AT = 2000
MOST_CONTRADICTED = 24
MOST_NEIGHBOURS = 5
MOST_GROUPS = 16
MOST_OF_GROUP = 4
MOST_MISSING = 48
MOST_LETTERS = 70
"""Of a passage that is shown in the place of a picture."""
"""With 6 examples of 6 neighbours that makes 298 pictures at most."""


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item as the report shows it: the key of a view, empty if it has none, and its classes by attribute."""

    id: str
    image: str
    labels: Mapping[str, tuple[Any, ...]]

    def differs(self, other: ShownItem, attribute: str) -> bool:
        """Tell whether both have classes of an attribute, and none in common."""
        own, others = self.labels.get(attribute, ()), other.labels.get(attribute, ())
        return bool(own and others) and set(own).isdisjoint(others)


@dataclass(frozen=True, slots=True)
class Example:
    """An item and the other items nearest to it, each with the cosine similarity of their nearest views."""

    item: ShownItem
    neighbours: tuple[tuple[ShownItem, float], ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of.

    Parameters
    ----------
    encoder_name
        Empty if the encoder is gone.
    audit
        As far as it is shown, with the counts of all.
    items
        By id: those that the audit names.
    thumbnails
        By key in the catalogue.
    """

    head: Head
    snapshot: Snapshot
    encoder_name: str
    attributes: Mapping[str, AttributeQuality]
    audit: Audit
    examples: tuple[Example, ...]
    items: Mapping[str, ShownItem]
    thumbnails: Mapping[str, Thumbnail] = field(default_factory=dict)

    def thumbnail(self, key: str) -> Thumbnail:
        """Give the thumbnail under a key, or one that says why there is none."""
        return self.thumbnails.get(key, NOT_SHOWN) if key else NO_PICTURE

    @property
    def built(self) -> dt.datetime | None:
        """When, as the snapshot's id says; None if it does not."""
        try:
            return dt.datetime.strptime(self.snapshot.id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
        except ValueError:
            return None


def collect(
    catalogue: Bucket, artefacts: Bucket, cache: Path, seed: int, progress: Callable[[str, int, int], None]
) -> Material:
    """Read the live snapshot into a folder, choose examples by a seed, read the pictures that are shown.

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
    snapshot = load_snapshot(artefacts, head.snapshot, cache, head.encoder)
    material = select(head, snapshot, _encoder_name(artefacts, snapshot.encoder), quality, audit, seed)
    shown = list(pictures(material))
    images = [key for key in shown if not is_passage_key(key)]
    thumbnails = read_thumbnails(catalogue, images, lambda done, total: progress("pictures", done, total))
    return replace(material, thumbnails={**thumbnails, **_texts(snapshot.table, shown)})


def _texts(table: Table, keys: Iterable[str]) -> dict[str, Thumbnail]:
    """Give the beginnings of those views that are passages, by key."""
    found: dict[str, Thumbnail] = {}
    for key in filter(is_passage_key, keys):
        position = table.find(item_of(key) or "")
        if position is None:
            continue
        passage = passage_text(table.fields(position), table.rule, key[key.rindex("#") :])
        if passage is not None:
            whole = passage.title or passage.text
            text = whole if len(whole) <= MOST_LETTERS else f"{whole[: MOST_LETTERS - 1]}…"
            found[key] = Thumbnail(text=text)
    return found


def _encoder_name(artefacts: Bucket, encoder: str) -> str:
    try:
        return read_encoder_file(artefacts.get(f"{ENCODERS}{encoder}/{CONFIG}").data).name
    except MissingObjectError:
        return ""


def select(
    head: Head, snapshot: Snapshot, encoder_name: str, quality: QualityReport, audit: Audit, seed: int
) -> Material:
    """Choose what is shown, without the pictures; the seed is that of the examples."""
    table, names = snapshot.table, tuple(quality.attributes)
    shown = _shortened(audit)
    items = {item: _item(table, item, names) for item in _items_named(shown)}
    examples = choose_examples(table, names, seed)
    return Material(head, snapshot, encoder_name, quality.attributes, shown, examples, items)


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
        (_item_at(table, item, attributes, row), score)
        for item, row, score in zip(hits.items.tolist(), hits.rows.tolist(), hits.scores.tolist(), strict=True)
    )
    return Example(_item_at(table, position, attributes), tuple(near))


def _item_at(table: Table, position: int, attributes: Sequence[str], row: int | None = None) -> ShownItem:
    """Give the item at a position, with the view at a row, else its first one."""
    item = table.id(position)
    rows = table.rows(position)
    shown = int(rows[0]) if row is None and len(rows) else row
    image = "" if shown is None else view_key(item, table.view_name(shown))
    return ShownItem(item, image, {name: table.classes_of(name, position) for name in attributes})


def _item(table: Table, item: str, attributes: Sequence[str]) -> ShownItem:
    """Give an item by its id; one that is unknown has neither picture nor labels."""
    position = table.find(item)
    return ShownItem(item, "", {}) if position is None else _item_at(table, position, attributes)


def _shortened(audit: Audit) -> Audit:
    """Keep what is shown; counts stay those of all."""
    contradicted = tuple(
        structs.replace(one, neighbours=one.neighbours[:MOST_NEIGHBOURS])
        for one in audit.contradicted.items[:MOST_CONTRADICTED]
    )
    groups = tuple(
        structs.replace(one, ids=one.ids[:MOST_OF_GROUP], images=one.images[:MOST_OF_GROUP])
        for one in audit.duplicates.items[:MOST_GROUPS]
    )
    parted = by_attribute(audit.missing.items).values()
    evenly = [one for some in parted for one in some[: max(1, MOST_MISSING // len(parted))]]
    return structs.replace(
        audit,
        contradicted=structs.replace(audit.contradicted, items=contradicted),
        duplicates=structs.replace(audit.duplicates, items=groups),
        missing=structs.replace(audit.missing, items=tuple(evenly[:MOST_MISSING])),
    )


def by_attribute(missing: Iterable[MissingValue]) -> dict[str, list[MissingValue]]:
    """Part values that could be filled in by their attribute."""
    parted: dict[str, list[MissingValue]] = {}
    for one in missing:
        parted.setdefault(one.attribute, []).append(one)
    return parted


def _items_named(audit: Audit) -> Iterator[str]:
    """Give the ids of the items whose own picture is shown, in the order of the report."""
    for contradicted in audit.contradicted.items:
        yield from contradicted.neighbours
        yield contradicted.id
    for missing in audit.missing.items:
        yield missing.id


def pictures(material: Material) -> Iterator[str]:
    """Give the keys of all pictures that are shown, the most important first."""
    for example in material.examples:
        yield from (one.image for one in (example.item, *(near for near, _ in example.neighbours)) if one.image)
    for group in material.audit.duplicates.items:
        yield from group.images
    for item in _items_named(material.audit):
        if material.items[item].image:
            yield material.items[item].image
