"""Rows of a table and the pictures in a folder -> items: which pictures and which id each row means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from tonari.catalogue.documents import check_id, parse_document
from tonari.contract.normal_form import nfc
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import IMAGE_SUFFIXES, Folder, LocalItem
from tonari_tools.push.joining.locating import Locator
from tonari_tools.push.joining.roles import find_roles, is_id_name
from tonari_tools.push.joining.words import find_word_roles
from tonari_tools.push.table.lists import read_list, split_at
from tonari_tools.push.table.metadata import Row, Table
from tonari_tools.push.table.records import BadRow
from tonari_tools.push.table.written_cells import BLANKS, unescape

SHOWN = 3
BETWEEN_NAMES = "|;\n,"
_WHOLE_AS_FLOAT = re.compile(r"(\d{1,15})\.0")


class Join:
    """Goes through the rows once.

    Attributes
    ----------
    words_alone
        Whether there are no pictures, and rows have words.
    used
        The columns that serve as ``id`` and ``image``, where there are such.
    notes
        What else was decided about columns, and what of the table was left out.
    differing
        By column, rows that say something else than their item's first; an empty cell says nothing.
    skipped
        Rows that were left out, by line, if that was asked for.
    """

    def __init__(self, folder: Folder, table: Table, beside: Path, how: Reading) -> None:
        self._folder, self._table, self._skips = folder, table, how.skip_bad_rows
        if not table.rows:
            raise InvalidCatalogueError(self._explain(table.bad))
        self._locator = Locator(folder, beside)
        words = find_word_roles(table, folder, how)
        self.words_alone = words is not None
        self._roles = words or find_roles(table, self._locator, how)
        self._floats = {column for column in self._roles.ids if self._are_floats(column)}
        self._places: dict[str, Path] = {}
        ids, image = self._roles.ids, self._roles.image
        self._no_fields = {image, *self._roles.left_out, *filter(is_id_name, ids)}
        self.used: Mapping[str, str] = {
            what: column for what, column in (("id", ", ".join(ids)), ("image", image)) if column
        }
        decimals = [f"The ids in {column!r} are read without .0" for column in sorted(self._floats)]
        self.notes: tuple[str, ...] = (*table.notes, *self._roles.notes, *decimals)
        self.differing: Counter[str] = Counter()
        self.skipped: tuple[BadRow, ...] = ()

    def _are_floats(self, column: str) -> bool:
        """Tell whether a program wrote whole numbers with .0, as pandas does where one is missing."""
        texts = [row.texts[column] for row in self._table.rows if row.texts.get(column, "") not in BLANKS]
        return bool(texts) and all(map(_WHOLE_AS_FLOAT.fullmatch, texts))

    def items(self) -> tuple[LocalItem, ...]:
        """Go through all rows.

        Raises
        ------
        InvalidCatalogueError
            Naming the first rows that cannot be sent as they are, unless they are to be left out and others remain.
        """
        drafts: dict[str, tuple[Row, list[Path]]] = {}
        items: list[LocalItem] = []
        bad = [*self._table.bad]
        for row in self._table.rows:
            try:
                self._take(row, drafts)
            except InvalidCatalogueError as error:
                bad.append(BadRow(row.line, error.detail))
        for name, (first, images) in drafts.items():
            try:
                item = LocalItem(name, self._folder.name_views(images), self._fields(first))
                parse_document(name, item.document() or b"")
                items.append(item)
            except InvalidCatalogueError as error:
                bad.append(BadRow(first.line, error.detail))
        bad.sort(key=lambda one: one.line)
        if bad and not (self._skips and items):
            raise InvalidCatalogueError(f"{self._explain(bad)}{'' if drafts else self._hint()}")
        self.skipped = tuple(bad)
        return tuple(items)

    def _explain(self, bad: Sequence[BadRow]) -> str:
        rows = len(self._table.rows) + len(self._table.bad)
        listed = " ".join(f"line {one.line}: {one.why}" for one in bad[:SHOWN])
        more = f" … and {len(bad) - SHOWN:,} more." if len(bad) > SHOWN else ""
        remedy = "." if len(bad) == rows or self._skips else ": --skip-bad-rows leaves them out."
        return f"{self._table.name}, {listed}{more} {len(bad):,} of {rows:,} rows cannot be used{remedy}"

    def _hint(self) -> str:
        """Say what may be wrong if no row has a picture."""
        image = self._roles.image
        if not image:
            ids = {row.texts.get(self._roles.ids[0], "") for row in self._table.rows}
            full = next((one for one in self._folder.by_id() if one[:1] == "0" and one.lstrip("0") in ids), "")
            if full:
                return f" There is {full!r}: Excel leaves out leading zeros unless the column is formatted as text."
            return " If a column names the pictures: --image COLUMN."
        if any(self._locator.finds(row.texts.get(image, "")) for row in self._table.rows):
            return ""
        return f" No picture in {image!r} is found: correct the names, or move the table out of the folder."

    def _take(self, row: Row, drafts: dict[str, tuple[Row, list[Path]]]) -> None:
        if self.words_alone:
            name = self._id(row, ()) if self._roles.ids else f"row-{row.line}"
            first, _ = drafts.setdefault(name, (row, []))
            if first is not row:
                raise InvalidCatalogueError(f"{name!r} is in line {first.line} already: an item is one row.")
            return
        images = self._images(row)
        name = self._id(row, images)
        images = images or self._locator.of_item(name)
        if not images:
            raise InvalidCatalogueError(
                f"there is no picture of {name!r}: neither a file such as {name}.jpg nor a folder {name}."
            )
        first, of_item = drafts.setdefault(name, (row, []))
        one, other = self._fields(first), self._fields(row)
        differing = sorted(column for column in other if one.get(column) != other[column])
        if differing and self._skips and set(images) <= set(of_item):
            raise InvalidCatalogueError(
                f"{name!r} and its pictures are in line {first.line} already, with another "
                f"{', '.join(differing[:SHOWN])}."
            )
        self.differing.update(differing)
        of_item += images

    def _fields(self, row: Row) -> dict[str, Any]:
        return {column: value for column, value in row.values.items() if column not in self._no_fields}

    def _id(self, row: Row, images: Sequence[Path]) -> str:
        if not self._roles.ids:
            return check_id(self._folder.id_of(images[0]))
        parts = [part for column in self._roles.ids if (part := self._id_part(row, column, images))]
        if not parts:
            written = " ".join(row.texts[column] for column in self._roles.ids if column in row.texts)
            what = f"{written!r:.40}, which stands for no value" if written else "empty"
            raise InvalidCatalogueError(f"{', '.join(self._roles.ids)}, which makes the id, is {what}.")
        name = nfc("-".join(parts))
        if "/" in name and self._locator.finds(name):
            raise InvalidCatalogueError(
                f"{name!r:.80} cannot be an id. It has a '/' and is the name of a picture: say --image "
                f"{quote(self._roles.ids[0])}."
            )
        if "/" in name:
            raise InvalidCatalogueError(
                f"{name!r:.80} cannot be an id. It has a '/': write {name.strip('/').replace('/', '-')!r:.80}, or "
                "choose another column (--id)."
            )
        return check_id(name)

    def _id_part(self, row: Row, column: str, images: Sequence[Path]) -> str:
        text, value = unescape(row.texts.get(column, "")).strip(), row.values.get(column)
        if isinstance(value, bool) or (isinstance(value, list) and text.startswith("[")):
            raise InvalidCatalogueError(
                f"{column!r}, which makes the id, is {text:.40}: write a text or a whole number."
            )
        if text in BLANKS:
            return ""
        if column == self._roles.image:
            return self._id_of_picture(images[0])
        if column in self._floats:
            return text[: -len(".0")]
        if not is_id_name(column) and text.lower().endswith(IMAGE_SUFFIXES) and self._locator.finds(text):
            return self._id_of_picture(self._locator.find(text))
        return text

    def _id_of_picture(self, image: Path) -> str:
        name = self._locator.id_of_picture(image)
        place = image.with_suffix("")
        if self._places.setdefault(name, place) != place:
            raise InvalidCatalogueError(
                f"{image} and {self._places[name]} would both be the item {name!r}: rename one."
            )
        return name

    def _images(self, row: Row) -> list[Path]:
        column = self._roles.image
        if not column:
            return []
        text = row.texts.get(column, "")
        if text in BLANKS:
            raise InvalidCatalogueError(f"the column {column!r} names no picture.")
        names = read_list(text) if text.startswith("[") else None
        if names is None and text.count("://") > 1:
            names = self._several(text)
        if names is None:
            try:
                return [self._locator.find(text)]
            except InvalidCatalogueError:
                names = self._several(text)
                if names == [text]:
                    raise
        return [self._locator.find(name) for name in names]

    def _several(self, text: str) -> list[str]:
        """Split the names of several pictures; give one if they are not all there."""
        split = [names for separator in BETWEEN_NAMES if len(names := split_at(text, separator)) > 1]
        whole = next((names for names in split if all(map(self._locator.finds, names))), None)
        return whole or next((names for names in split if any(map(self._locator.finds, names))), [text])
