"""Pictures and rows of a table, joined into the items that ``tonari push`` uploads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.catalogue.documents import check_id, parse_document
from tonari.errors import InvalidCatalogueError
from tonari.fields.schema import RESERVED
from tonari_tools.push.metadata import Row, Table, read_table
from tonari_tools.push.pictures import IMAGE_SUFFIXES, Folder, LocalItem, is_image, scan_folder

IMAGE_LIST = "images"
IMAGE_COLUMNS = ("image", IMAGE_LIST, "path", "file", "filename")
ID = "id"
SHOWN = 3


@dataclass(frozen=True, slots=True)
class LocalCatalogue:
    """Items, the bytes of ``schema.json`` if there is one, and notes for their owner."""

    items: tuple[LocalItem, ...]
    schema: bytes | None = None
    notes: tuple[str, ...] = ()


def split_columns(names: str | None) -> tuple[str, ...]:
    """Read ``COLUMN[,COLUMN]``."""
    return tuple(name.strip() for name in names.split(",")) if names else ()


def read_catalogue(folder: Path, metadata: Path | None = None, id_columns: Sequence[str] = ()) -> LocalCatalogue:
    """Read and check all that will be uploaded, except for the pictures' bytes.

    Parameters
    ----------
    folder
        Pictures. One directly in it is an item named by its stem; those in a subfolder, however deep, are views of one
        item. Where all lie in a subfolder ``images``, as in the catalogue itself, that one is meant instead.
    metadata
        A table with a row per item or per view. A column ``image``, ``path``, ``file`` or ``filename`` (JSON lines:
        ``images``, a list) says which pictures, relative to ``folder`` or to the table; without one they are found by
        id.
    id_columns
        Columns that make the id: what is in them, joined by ``-``; by default ``id``, else the picture's place says it.

    Raises
    ------
    InvalidCatalogueError
        If anything cannot be sent as it is.
    """
    found = scan_folder(folder)
    notes = [_ignored(found.others, "not a picture", "not pictures", found.path)] if found.others else []
    if metadata is None:
        return LocalCatalogue(found.items(), found.schema, tuple(notes))
    join = _Join(found, read_table(metadata), metadata.parent, tuple(id_columns))
    items = join.items()
    used = {path for item in items for path in item.views.values()}
    unused = [image for image in found.images if image not in used]
    if unused:
        notes.append(_ignored(unused, f"not in {metadata.name}", f"not in {metadata.name}", found.path))
    if join.differing:
        columns = ", ".join(f"{name} ({count} rows)" for name, count in join.differing.most_common())
        notes.append(f"Rows of the same item differ in {columns}: the first row of an item is used")
    return LocalCatalogue(items, found.schema, tuple(notes))


def _ignored(files: Sequence[Path], one: str, many: str, folder: Path) -> str:
    """Say which files are not used, and why."""
    names = ", ".join(str(file.relative_to(folder)) for file in files[:SHOWN])
    more = ", …" if len(files) > SHOWN else ""
    what = f"1 file that is {one}" if len(files) == 1 else f"{len(files)} files that are {many}"
    return f"Ignored {what}: {names}{more}"


class _Join:
    """Goes through the rows once; ``differing`` counts, by column, rows that differ from their item's first."""

    def __init__(self, folder: Folder, table: Table, beside: Path, id_columns: tuple[str, ...]) -> None:
        self._folder, self._table, self._roots = folder, table, (folder.path, beside)
        self._by_id = folder.by_id()
        self._image_column = next((name for name in IMAGE_COLUMNS if name in table.columns), None)
        self._id_columns = id_columns or ((ID,) if ID in table.columns else ())
        self.differing: Counter[str] = Counter()
        self._check_columns()

    def _check_columns(self) -> None:
        table = self._table
        missing = [name for name in self._id_columns if name not in table.columns]
        if missing:
            raise InvalidCatalogueError(
                f"{table.name} has no column {missing[0]!r} for the id; it has {', '.join(table.columns)}."
            )
        if not self._id_columns and not self._image_column:
            places = ", ".join(name for name in IMAGE_COLUMNS if name != IMAGE_LIST)
            raise InvalidCatalogueError(
                f"{table.name} has neither a column {ID!r} nor one of {places}: "
                f"name the id's column with --id; it has {', '.join(table.columns)}."
            )
        taken = {self._image_column, *(self._id_columns if ID in self._id_columns else ())}
        reserved = [name for name in RESERVED if name in table.columns and name not in taken]
        if reserved:
            raise InvalidCatalogueError(f"{table.name}: the column name {reserved[0]!r} is reserved; rename it.")

    def items(self) -> tuple[LocalItem, ...]:
        drafts: dict[str, tuple[Row, list[Path]]] = {}
        items: list[LocalItem] = []
        errors: list[str] = []
        for row in self._table.rows:
            try:
                self._take(row, drafts)
            except InvalidCatalogueError as error:
                errors.append(f"line {row.line}: {error.detail}")
        for name, (first, images) in drafts.items():
            try:
                item = LocalItem(name, self._folder.name_views(images), self._fields(first))
                parse_document(name, item.document() or b"")
                items.append(item)
            except InvalidCatalogueError as error:
                errors.append(f"line {first.line}: {error.detail}")
        if errors:
            more = f" … and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
            raise InvalidCatalogueError(f"{self._table.name}, {' '.join(errors[:SHOWN])}{more}")
        return tuple(items)

    def _take(self, row: Row, drafts: dict[str, tuple[Row, list[Path]]]) -> None:
        images = self._images(row)
        name = self._id(row, images)
        images = images or self._by_id.get(name, [])
        if not images:
            raise InvalidCatalogueError(
                f"there is no picture of {name!r}: neither a file such as {name}.jpg nor a folder {name}."
            )
        first, of_item = drafts.setdefault(name, (row, []))
        one, other = self._fields(first), self._fields(row)
        self.differing.update(column for column in one | other if one.get(column) != other.get(column))
        of_item += images

    def _fields(self, row: Row) -> dict[str, Any]:
        return {column: value for column, value in row.values.items() if column not in {self._image_column, ID}}

    def _id(self, row: Row, images: Sequence[Path]) -> str:
        if not self._id_columns:
            return check_id(self._folder.id_of(images[0]))
        parts = [row.texts[column] for column in self._id_columns if column in row.texts]
        if not parts:
            raise InvalidCatalogueError(f"{', '.join(self._id_columns)}, which makes the id, is empty.")
        return check_id("-".join(parts))

    def _images(self, row: Row) -> list[Path]:
        if self._image_column is None:
            return []
        given = row.values.get(self._image_column)
        if self._image_column == IMAGE_LIST and isinstance(given, str):
            raise InvalidCatalogueError(
                "'images' is reserved for lists, in JSON lines; use 'image', a row per picture."
            )
        names = given if self._image_column == IMAGE_LIST else [row.texts.get(self._image_column)]
        if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
            raise InvalidCatalogueError(f"the column {self._image_column!r} names no picture.")
        return [self._find(name) for name in names]

    def _find(self, name: str) -> Path:
        path = next((root / name for root in self._roots if (root / name).is_file()), None)
        if path is None:
            raise InvalidCatalogueError(f"the picture {name} is not in {self._roots[0]}.")
        if not is_image(path):
            raise InvalidCatalogueError(f"{name} is not a picture: the name of one ends in {' '.join(IMAGE_SUFFIXES)}.")
        return path
