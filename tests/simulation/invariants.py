"""What must hold at every moment, whoever is doing what; told each change of the store as it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from simulation.materials import NAMES, EncoderFiles, encoders
from simulation.store import Change, SimulatedStore
from tonari.catalogue.documents import document_key, image_key, item_of, parse_document
from tonari.catalogue.passages import Passage
from tonari.catalogue.views import choose_views, is_passage, view_key
from tonari.contract.artefacts import Head, Live, ViewRule
from tonari.errors import InvalidCatalogueError, TonariError
from tonari.index.vectors import UNIT
from tonari.snapshots.head import HEAD, head_from_bytes
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.manifest import read_manifest
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import load_snapshot

CATALOGUE, ARTEFACTS = "catalogue", "artefacts"
SAME = 0.9999
WORDS = ViewRule(("text",))


class Violation(BaseException):
    """An invariant does not hold: no use case shall take this for a passing fault."""


@dataclass(frozen=True)
class Shown:
    """What a head shows."""

    head: Head
    items: Mapping[str, IndexedItem]
    rejected: frozenset[str]


@dataclass
class Watch:
    """Watches a store.

    Parameters
    ----------
    folder
        For what it downloads.
    moment
        Counts the changes of the catalogue.
    """

    store: SimulatedStore
    folder: Path
    moment: int = 0
    publishes: int = 0
    shown: dict[int, Shown] = field(default_factory=dict)
    _history: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)
    _etags: dict[str, bytes] = field(default_factory=dict)
    _floors: dict[str, dict[int, int]] = field(default_factory=dict)
    _head: Head | None = None
    _named: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._artefacts = self.store.bucket(ARTEFACTS)
        self._snapshot = cache(self._read_snapshot)
        self._segment = cache(lambda ref, encoder: read_segments(self._artefacts, [ref], encoder)[0])

    def changed(self, change: Change) -> None:
        """Look at a change.

        Raises
        ------
        Violation
        """
        if change.bucket == CATALOGUE:
            self.moment += 1
            data = change.stored.data if change.stored else None
            self._history.setdefault(change.key, []).append((self.moment, data))
            if change.stored:
                self._etags[change.stored.etag] = change.stored.data
        elif change.key == HEAD:
            if change.stored is None:
                raise Violation("the head was deleted")
            self._publish(head_from_bytes(change.stored.data))
        elif change.stored is None and change.key in self._named:
            raise Violation(f"{change.key} was deleted, which generation {self._generation} names")

    def acknowledged(self, items: Iterable[str], begun: int, generation: int) -> None:
        """Hold every head from a generation on to showing what items were at a moment, or after it.

        Raises
        ------
        Violation
        """
        for item in items:
            floors = self._floors.setdefault(item, {})
            floors[generation] = max(begun, floors.get(generation, 0))
        for shown in [one for number, one in self.shown.items() if number >= generation]:
            self._check_acknowledged(shown)

    def settled(self) -> None:
        """Hold the live head to showing the catalogue exactly.

        Raises
        ------
        Violation
        """
        shown = self.shown[self._generation]
        rejected: set[str] = set()
        for item in {item for key in self._history if (item := item_of(key))}:
            wanted, why = self._wanted(item, encoders()[shown.head.encoder or ""])
            rejected |= why
            held = shown.items.get(item)
            found = (held.document_etag, {view.name: view.source for view in held.views}) if held else None
            if found != wanted:
                raise Violation(f"after all is quiet {item} is shown as {found}, the catalogue has {wanted}")
        if shown.rejected != rejected:
            raise Violation(f"after all is quiet {sorted(shown.rejected)} are rejected, should be {sorted(rejected)}")

    @property
    def head(self) -> Head:
        """The head as it is now."""
        return self._head or Head()

    @property
    def _generation(self) -> int:
        return self._head.generation if self._head else 0

    def _publish(self, head: Head) -> None:
        if self._head and head.generation != self._generation + 1:
            raise Violation(f"generation {head.generation} follows {self._generation}")
        named = frozenset(self._names(head))
        if missing := named - self.store.objects[ARTEFACTS].keys():
            raise Violation(f"generation {head.generation} names {sorted(missing)}, which is not there")
        self._head, self._named = head, named
        self.publishes += 1
        try:
            shown = self.show(head)
        except TonariError as error:
            raise Violation(f"generation {head.generation} cannot be read: {error}") from error
        self.shown[head.generation] = shown
        self._check_encoder(shown)
        self._check_acknowledged(shown)

    def _names(self, head: Head) -> Iterator[str]:
        live = Live(head.snapshot, head.encoder, head.segments) if head.snapshot and head.encoder else None
        for name in {head.next_encoder, *(one.encoder for one in (live, head.previous) if one)} - {None}:
            yield from (f"encoders/{name}/{file}" for file in ("model.onnx", "encoder.json"))
        for one in (live, head.previous):
            if one:
                prefix = f"snapshots/{one.snapshot}/"
                yield f"{prefix}manifest.json"
                yield from (f"{prefix}{name}" for name in self._snapshot(one.snapshot)[0])
                yield from (f"segments/{ref.id}.pack" for ref in one.segments)

    def _read_snapshot(self, name: str) -> tuple[tuple[str, ...], Segment]:
        try:
            loaded = load_snapshot(self._artefacts, name, self.folder)
            files = tuple(read_manifest(self._artefacts, name).files)
        except TonariError as error:
            raise Violation(f"snapshot {name} was published and cannot be loaded: {error}") from error
        items = [loaded.table.item(position) for position in range(len(loaded.table))]
        return files, Segment(loaded.encoder, {item.id: item for item in items}, loaded.rejected)

    def show(self, head: Head) -> Shown:
        """Read what a head names."""
        if head.snapshot is None or head.encoder is None:
            return Shown(head, {}, frozenset())
        base = self._snapshot(head.snapshot)[1]
        whole = merge(head.encoder, [base, *(self._segment(ref, head.encoder) for ref in head.segments)])
        return Shown(head, {name: item for name, item in whole.items.items() if item}, frozenset(whole.rejected))

    def _check_encoder(self, shown: Shown) -> None:
        if not shown.items:
            return
        encoder: EncoderFiles = encoders()[shown.head.encoder or ""]
        for item in shown.items.values():
            passages = self._passages(item)
            for view in item.views:
                data = passages.get(view.name) if is_passage(view.name) else self._etags[view.source]
                wanted = encoder.embedding(data) if data is not None else None
                if wanted is None or float(view.embedding.astype(np.float32) @ wanted) / UNIT < SAME:
                    raise Violation(
                        f"generation {shown.head.generation} has for {item.id}/{view.name} not what its encoder gives"
                    )

    def _check_acknowledged(self, shown: Shown) -> None:
        if shown.head.snapshot is None:
            return
        for item, floors in self._floors.items():
            begun = max((begun for since, begun in floors.items() if since <= shown.head.generation), default=0)
            if why := self._older(shown, item, begun):
                raise Violation(
                    f"generation {shown.head.generation} shows {item} as it was before what was acknowledged "
                    f"(begun at change {begun}): {why}"
                )

    def _older(self, shown: Shown, item: str, begun: int) -> str:
        """Tell what of an item is shown as it was only before a moment; empty if nothing is."""
        held = shown.items.get(item)
        documents = self._since(document_key(item), begun)
        etag = held.document_etag if held else ""
        if not any((_etag_of(data) if _readable(item, data) else "") == etag for data in documents):
            return f"document {etag or None}"
        if why := self._wrongly_read(held, encoders()[shown.head.encoder or ""], item, begun):
            return why
        if "image" not in encoders()[shown.head.encoder or ""].rule.modalities:
            return ""
        views = {view.name: view.source for view in held.views} if held else {}
        selected = held.fields.get("images") if held else None
        for name in NAMES:
            was = self._since(image_key(item, name), begun)
            if name in views:
                right = any(data is not None and _etag_of(data) == views[name] for data in was)
            else:
                right = bool(selected and name not in selected) or any(
                    data is None or _picture(data) is None for data in was
                )
            if not right:
                return f"image {name}: {views.get(name)}"
        return ""

    def _passages(self, held: IndexedItem) -> Mapping[str, Passage]:
        """Give the passages of the document that an item shows, by name."""
        if not held.document_etag:
            return {}
        fields = parse_document(held.id, self._etags[held.document_etag])
        return choose_views(held.id, fields, (), WORDS).passages

    def _wrongly_read(self, held: IndexedItem | None, encoder: EncoderFiles, item: str, begun: int) -> str:
        """Tell which passages of an item are shown that should not be, or are not that should; empty if none."""
        if held is None:
            return ""
        passages = {name: one for name, one in self._passages(held).items() if encoder.embedding(one) is not None}
        found = {view.name: view.source for view in held.views if is_passage(view.name)}
        whole = {name: one.source for name, one in passages.items()} if "text" in encoder.rule.modalities else {}
        chosen = held.fields.get("images") or NAMES
        there = [self._since(image_key(item, name), begun) for name in NAMES if name in chosen]
        pictures = "image" in encoder.rule.modalities
        may = not pictures or not any(all(data is not None for data in was) for was in there)
        must = not pictures or all(data is None for was in there for data in was)
        right = (found == whole) if must else (not found or (may and found == whole))
        return "" if right else f"passages {found} of {whole}"

    def _since(self, key: str, moment: int) -> list[bytes | None]:
        """Give what an object was at a moment, and all that it became since."""
        history = self._history.get(key, [])
        at = [data for when, data in history if when <= moment][-1:] or [None]
        return at + [data for when, data in history if when > moment]

    def _wanted(self, item: str, encoder: EncoderFiles) -> tuple[tuple[str, dict[str, str]] | None, set[str]]:
        """Tell how an item should be shown as the catalogue is now, and which of its objects rejected."""
        document = self._since(document_key(item), self.moment)[0]
        names = ((name, self._since(image_key(item, name), self.moment)[0]) for name in NAMES)
        images = {name: data for name, data in names if data is not None}
        readable = _readable(item, document)
        rejected = set() if document is None or readable else {document_key(item)}
        if document is None and not images:
            return None, rejected
        fields = parse_document(item, document) if readable and document else {}
        chosen = choose_views(item, fields, images, encoder.rule)
        whole = {name: images[name] for name in chosen.images} | dict(chosen.passages)
        unusable = {name for name, data in whole.items() if encoder.embedding(data) is None}
        rejected |= chosen.missing.keys() | {view_key(item, name) for name in unusable}
        sources = chosen.sources({name: _etag_of(data) for name, data in images.items()})
        views = {name: source for name, source in sources.items() if name not in unusable}
        return (_etag_of(document) if readable and document else "", views), rejected


@cache
def _etag_of(data: bytes) -> str:
    return SimulatedStore(objects={"": {}}).write("", "", data).etag


@cache
def _readable(item: str, document: bytes | None) -> bool:
    try:
        return document is not None and bool(parse_document(item, document))
    except InvalidCatalogueError:
        return False


def _picture(data: bytes) -> object:
    return next(iter(encoders().values())).embedding(data)
