"""A folder -> the pictures in it, and the items and views that their places say."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.catalogue.documents import IMAGES, SCHEMA, check_id
from tonari.errors import InvalidCatalogueError
from tonari.fields.schema import parse_schema
from tonari_tools.push.metadata import TABLE_SUFFIXES

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
MOST_NAME_BYTES = 512


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
        return json.dumps({"id": self.id, "images": [*self.views], **self.fields}, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a folder, sorted.

    Parameters
    ----------
    root
        Where the items' subfolders are: the folder itself, or its ``images`` if all pictures lie in there.
    others
        Files that are neither pictures, tables nor the schema.
    """

    path: Path
    root: Path
    images: tuple[Path, ...]
    others: tuple[Path, ...]
    schema: bytes | None

    def id_of(self, image: Path) -> str:
        """Give the id of the item that a picture belongs to: its first subfolder, else its own name without suffix."""
        inner = image.relative_to(self.root).parts if image.is_relative_to(self.root) else (image.name,)
        return unicodedata.normalize("NFC", inner[0] if len(inner) > 1 else image.stem)

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
            If there are none, or a name cannot stand in a key.
        """
        if not self.images:
            raise InvalidCatalogueError(
                f"{self.path} holds no picture: the name of one ends in {' '.join(IMAGE_SUFFIXES)}."
            )
        return tuple(LocalItem(check_id(item), self.name_views(views)) for item, views in self.by_id().items())

    def name_views(self, images: Iterable[Path]) -> dict[str, Path]:
        """Name the views of one item: the name of the file, or its path where two files have the same name.

        Raises
        ------
        InvalidCatalogueError
            If a name cannot stand in a key.
        """
        images = list(dict.fromkeys(images))
        times = Counter(image.name for image in images)
        return {self._name(image, alone=times[image.name] == 1): image for image in images}

    def _name(self, image: Path, *, alone: bool) -> str:
        inner = image.relative_to(self.root).parts if image.is_relative_to(self.root) else image.parts[1:]
        name = unicodedata.normalize("NFC", image.name if alone else "-".join(inner))
        if not name.isprintable() or len(name.encode()) > MOST_NAME_BYTES:
            raise InvalidCatalogueError(
                f"{str(image)!r}: the name of a picture needs printable characters, at most {MOST_NAME_BYTES} bytes."
            )
        return name


def scan_folder(path: Path) -> Folder:
    """Look through a folder and all its subfolders; hidden files are left out.

    Raises
    ------
    InvalidCatalogueError
        If it is not a folder, or its ``schema.json`` is not of the documented form.
    """
    if not path.is_dir():
        raise InvalidCatalogueError(f"{path} is not a folder.")
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    images = tuple(file for file in files if is_image(file))
    inner = path / IMAGES.rstrip("/")
    root = inner if images and all(image.is_relative_to(inner) for image in images) else path
    schema = (path / SCHEMA).read_bytes() if path / SCHEMA in files else None
    if schema is not None:
        parse_schema(schema)
    others = tuple(file for file in files if not (is_image(file) or is_table(file) or file == path / SCHEMA))
    return Folder(path, root, images, others, schema)


def find_table(path: Path) -> Path | None:
    """Find the one table that lies directly in a folder; None if there is none or more than one."""
    found = [file for file in sorted(path.glob("*")) if is_table(file) and file.is_file()]
    return found[0] if len(found) == 1 else None


def is_image(path: Path) -> bool:
    """Tell by the suffix whether a file is a picture."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_table(path: Path) -> bool:
    """Tell by the suffix whether a file is a table of fields."""
    return path.suffix.lower() in TABLE_SUFFIXES
