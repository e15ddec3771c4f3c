"""What must hold of an index, whoever does what to it: it is whole, never goes back, and shows what was promised."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from living.shop import NAMES, Shop, etag_of
from simulation.materials import picture_encoders
from tonari.catalogue.documents import document_key, image_key, parse_document, select_images
from tonari.contract.artefacts import Head, Live
from tonari.encoders.store import save_encoder
from tonari.errors import InvalidCatalogueError, TonariError
from tonari.index.vectors import to_fixed
from tonari.snapshots.head import SNAPSHOTS, read_head, segment_key
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.manifest import read_manifest
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import load_snapshot
from tonari.storage.bucket import Bucket


@dataclass(frozen=True)
class Shown:
    """What a head shows, and for which encoder."""

    head: Head
    items: Mapping[str, IndexedItem]
    rejected: Mapping[str, str]


def save_encoders(artefacts: Bucket) -> list[str]:
    """Upload two tiny encoders, which see colours differently; gives their ids."""
    return [save_encoder(artefacts, one.model, one.config) for one in picture_encoders().values()]


class Watch:
    """Looks at an index from outside.

    Parameters
    ----------
    shop
        Its catalogue.
    folder
        For what is downloaded.
    """

    def __init__(self, shop: Shop, artefacts: Bucket, folder: Path) -> None:
        self.shop, self._artefacts, self._generation = shop, artefacts, 0
        self._floors: dict[str, int] = {}
        self._snapshot = functools.lru_cache(maxsize=8)(lambda name: _items_of(artefacts, name, folder))

    def acknowledged(self, items: Iterable[str], moment: int) -> None:
        """Take note: what these items were at a moment, or became since, is promised to be shown."""
        for item in items:
            self._floors[item] = max(moment, self._floors.get(item, 0))

    def violations(self) -> list[str]:
        """Tell what does not hold now."""
        try:
            shown = self._read()
            return [*self._goes_back(shown.head), *self._older(shown), *self._wrong_vectors(shown)]
        except TonariError as error:
            return [f"the index cannot be read: {error.detail}"]

    def differences(self) -> list[str]:
        """Tell where the index is not what the catalogue is now, to the bit."""
        try:
            shown = self._read()
        except TonariError as error:
            return [f"the index cannot be read: {error.detail}"]
        found, rejected = [], set[str]()
        for item in self.shop.items:
            wanted, why = self._wanted(item, shown.head.encoder or "")
            rejected |= why
            held = shown.items.get(item)
            if _plain(held) != _plain(wanted):
                found.append(f"{item} is shown as {_plain(held)}, should be {_plain(wanted)}")
        if shown.rejected.keys() != rejected:
            found.append(f"{sorted(shown.rejected)} are rejected, should be {sorted(rejected)}")
        return found

    def _read(self) -> Shown:
        """Read all that the head names, after having made sure that it is there."""
        head = read_head(self._artefacts).head
        live = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
        for one in (live, head.previous):
            if one:
                self._read_live(one)
        if live is None:
            return Shown(head, {}, {})
        whole = self._read_live(live)
        return Shown(head, {name: item for name, item in whole.items.items() if item}, whole.rejected)

    def _read_live(self, live: Live) -> Segment:
        prefix = f"{SNAPSHOTS}{live.snapshot}/"
        there = {found.key for found in self._artefacts.list(prefix)}
        named = {f"{prefix}{name}" for name in read_manifest(self._artefacts, live.snapshot).files}
        if missing := sorted(named - there):
            raise TonariError(f"{missing} of a named snapshot are missing")
        for ref in live.segments:
            if self._artefacts.head(segment_key(ref)) is None:
                raise TonariError(f"{segment_key(ref)} is named and missing")
        base = self._snapshot(live.snapshot)
        if base.encoder != live.encoder:
            raise TonariError(f"snapshot {live.snapshot} is of encoder {base.encoder}, not of {live.encoder}")
        return merge(live.encoder, [base, *read_segments(self._artefacts, live.segments, live.encoder)])

    def _goes_back(self, head: Head) -> Iterator[str]:
        if head.generation < self._generation:
            yield f"generation {head.generation} follows {self._generation}"
        self._generation = head.generation

    def _older(self, shown: Shown) -> Iterator[str]:
        """Tell which items are shown as they were only before what was acknowledged."""
        for item, moment in self._floors.items():
            held = shown.items.get(item)
            documents = self.shop.since(document_key(item), moment)
            etag = held.document_etag if held else ""
            if etag not in {etag_of(one) if one and _fields(item, one) is not None else "" for one in documents}:
                yield f"{item} has document {etag or None}, acknowledged at {moment}"
            views = {view.name: view.source for view in held.views} if held else {}
            selections = [_fields(item, one) or {} for one in documents if one] or [{}]
            for name in NAMES:
                was = self.shop.since(image_key(item, name), moment)
                right = views.get(name) in {etag_of(one) if one and _is_picture(one) else None for one in was}
                unselected = any(one.get("images") and name not in one["images"] for one in selections)
                if not right and not (name not in views and unselected):
                    yield f"{item} has image {name}: {views.get(name)}, acknowledged at {moment}"

    def _wrong_vectors(self, shown: Shown) -> Iterator[str]:
        for item in shown.items.values():
            for view in item.views:
                wanted = _embedding(shown.head.encoder or "", self.shop.data[view.source])
                if wanted != view.embedding.tobytes():
                    yield f"{item.id}/{view.name} has not the embedding that its encoder gives"

    def _wanted(self, item: str, encoder: str) -> tuple[tuple[object, ...] | None, set[str]]:
        """Tell how an item should be shown, and which of its objects rejected."""
        document = self.shop.now(document_key(item))
        fields = _fields(item, document) if document is not None else {}
        images = {name: data for name in NAMES if (data := self.shop.now(image_key(item, name))) is not None}
        rejected = {document_key(item)} if fields is None else set()
        if document is None and not images:
            return None, rejected
        selected, missing = select_images(item, fields or {}, images)
        rejected |= missing.keys() | {image_key(item, name) for name in selected if not _is_picture(images[name])}
        views = tuple(
            (name, etag_of(images[name]), _embedding(encoder, images[name]))
            for name in selected
            if _is_picture(images[name])
        )
        etag = etag_of(document) if document is not None and fields is not None else ""
        return (etag, fields or {}, views), rejected


def _items_of(artefacts: Bucket, name: str, folder: Path) -> Segment:
    loaded = load_snapshot(artefacts, name, folder)
    items = [loaded.table.item(position) for position in range(len(loaded.table))]
    return Segment(loaded.encoder, {item.id: item for item in items}, loaded.rejected)


def _plain(item: IndexedItem | tuple[object, ...] | None) -> tuple[object, ...] | None:
    if not isinstance(item, IndexedItem):
        return item
    views = tuple((view.name, view.source, view.embedding.tobytes()) for view in item.views)
    return item.document_etag, dict(item.fields), views


@functools.cache
def _fields(item: str, document: bytes) -> Mapping[str, object] | None:
    """Read a document; None if it cannot be read."""
    try:
        return parse_document(item, document)
    except InvalidCatalogueError:
        return None


def _is_picture(data: bytes) -> bool:
    return _embedding(next(iter(picture_encoders())), data) is not None


@functools.cache
def _embedding(encoder: str, data: bytes) -> bytes | None:
    found = picture_encoders()[encoder].embedding(data)
    return None if found is None else to_fixed(found).tobytes()
