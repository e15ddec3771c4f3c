"""A folder -> the pictures in it, and the items and views that their places say."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tonari.catalogue.documents import IMAGES, SCHEMA, check_id, why_no_name
from tonari.contract.normal_form import nfc
from tonari.contract.parameters import PICTURE_SUFFIXES
from tonari.errors import InvalidCatalogueError
from tonari.fields.schema import parse_schema
from tonari_tools.push.folder.walk import NAMELESS, walk
from tonari_tools.push.table.metadata import TABLE_SUFFIXES

IMAGE_SUFFIXES = tuple(PICTURE_SUFFIXES)
MOST_NAME_BYTES = 512
PLAIN_FOLDERS = {IMAGES.rstrip("/"), "image", "img", "imgs", "photos", "photo", "pictures", "pics"}
"""Names of a folder that say no more than that pictures are in it."""


@dataclass(frozen=True, slots=True)
class LocalItem:
    """An item: pictures by the name that each gets in the bucket, in order, and the fields that a table gives it.

    Without fields no document is uploaded.
    """

    id: str
    views: Mapping[str, Path]
    fields: Mapping[str, Any] | None = None

    def document(self) -> bytes | None:
        """Give the bytes of ``items/<id>.json``."""
        if self.fields is None:
            return None
        images = {"images": [*self.views]} if self.views else {}
        return json.dumps({"id": self.id, **images, **self.fields}, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a folder, sorted.

    Parameters
    ----------
    root
        Where the items' subfolders are: the folder itself, or one in it that holds all others, such as ``images``.
    others
        Files that are neither pictures, tables nor the schema.
    tables
        However deep they lie.
    passed
        What was not looked into, by reason (see :class:`~tonari_tools.push.folder.walk.Walked`).
    own_ids
        Of pictures that are items by themselves, whatever folder they lie in.
    """

    path: Path
    root: Path
    images: tuple[Path, ...]
    others: tuple[Path, ...]
    schema: bytes | None
    tables: tuple[Path, ...] = ()
    passed: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    own_ids: Mapping[Path, str] = field(default_factory=dict)

    def id_of(self, image: Path) -> str:
        """Give the id of the item that a picture belongs to: its first subfolder, else its own name without suffix."""
        if image in self.own_ids:
            return self.own_ids[image]
        inner = self.place_of(image)
        return nfc(inner[0] if len(inner) > 1 else image.stem)

    def place_of(self, image: Path) -> tuple[str, ...]:
        """Give the folders below the root in which a picture lies, and its name; only that if it lies elsewhere."""
        root, parts = self.root.parts, image.parts
        return parts[len(root) :] if parts[: len(root)] == root else parts[-1:]

    def by_id(self) -> dict[str, list[Path]]:
        """Group the pictures by item."""
        found: dict[str, list[Path]] = {}
        for image in self.images:
            found.setdefault(self.id_of(image), []).append(image)
        return found

    def items(self) -> tuple[LocalItem, ...]:
        """Give the items, without fields.

        Raises
        ------
        InvalidCatalogueError
            If a name cannot stand in a key.
        """
        return tuple(LocalItem(check_id(item), self.name_views(views)) for item, views in self.by_id().items())

    def name_views(self, images: Iterable[Path]) -> dict[str, Path]:
        """Name the views of one item, in NFC.

        That is the name of the file, its path where two files have the same name, and a number with it where two have
        the same path in two normal forms.

        Raises
        ------
        InvalidCatalogueError
            If a name cannot stand in a key.
        """
        images = list(dict.fromkeys(images))
        times = Counter(nfc(image.name) for image in images)
        named: dict[str, Path] = {}
        for image in images:
            name = self._name(image, alone=times[nfc(image.name)] == 1)
            stem, dot, suffix = name.rpartition(".")
            others = (f"{stem}-{number}{dot}{suffix}" for number in itertools.count(2))
            named[next(one for one in (name, *itertools.islice(others, len(named))) if one not in named)] = image
        return named

    def _name(self, image: Path, *, alone: bool) -> str:
        name = nfc(image.name if alone else "-".join(self.place_of(image)))
        why = why_no_name(name)
        if not why and len(name.encode()) > MOST_NAME_BYTES:
            why = f"The name of a picture has at most {MOST_NAME_BYTES} bytes."
        if why:
            raise InvalidCatalogueError(f"{str(image)!r}: {why}")
        return name

    def in_two_forms(self) -> tuple[tuple[Path, Path], ...]:
        """Give pairs of pictures whose paths differ only in their normal form (NFC, NFD); both are kept."""
        first: dict[str, Path] = {}
        pairs = [(first.setdefault(nfc(str(image)), image), image) for image in self.images]
        return tuple((one, other) for one, other in pairs if one != other)


def scan_folder(path: Path) -> Folder:
    """Look through a folder and all its subfolders.

    Raises
    ------
    InvalidCatalogueError
        If it is not a folder, cannot be read, or its ``schema.json`` is not of the documented form.
    """
    walked = walk(path)
    kept = path / SCHEMA
    schema = _read_schema(kept)
    found = [file for file in walked.files if is_image(file)]
    depth = len(path.parts)
    images = tuple(file for file in found if not why_no_name("/".join(file.parts[depth:])))
    if len(images) < len(found):
        walked.passed[NAMELESS] = sorted({*found} - {*images})
    tables = tuple(file for file in walked.files if is_table(file))
    others = tuple(file for file in walked.files if not (is_image(file) or is_table(file) or file == kept))
    return Folder(path, find_root(path, images), images, others, schema, tables, walked.passed)


def beside_table(table: Path) -> Folder:
    """Give the folder of a table without what else lies there, but for ``schema.json``.

    Raises
    ------
    InvalidCatalogueError
        If ``schema.json`` cannot be read, or is not of the documented form.
    """
    path = table.parent
    return Folder(path, path, (), (), _read_schema(path / SCHEMA), (table,))


def _read_schema(path: Path) -> bytes | None:
    try:
        schema = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise InvalidCatalogueError(f"{path} cannot be read: {error.strerror}.") from error
    if schema is not None:
        parse_schema(schema)
    return schema


def find_root(path: Path, images: Sequence[Path]) -> Path:
    """Give the folder in which the items' subfolders are.

    Folders around all others are looked into, as archives make them (``shop/shop/…``); so is one whose name says
    nothing, such as ``images``, whether items or pictures are in it.
    """
    if not images:
        return path
    depth = len(path.parts)
    parents = {image.parent for image in images}
    shared = Path(os.path.commonpath(parents))
    if shared not in parents:
        return shared
    plain = (
        number for number in range(len(shared.parts), depth, -1) if shared.parts[number - 1].lower() in PLAIN_FOLDERS
    )
    return Path(*shared.parts[: next(plain, depth)])


def is_image(path: Path) -> bool:
    """Tell by the suffix whether a file is a picture."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_table(path: Path) -> bool:
    """Tell by the suffix whether a file is a table of fields."""
    return path.suffix.lower() in TABLE_SUFFIXES
