"""Which columns of a table name the item and its pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from shlex import quote
from typing import Any

from tonari.errors import InvalidCatalogueError
from tonari.fields.schema import RESERVED
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import IMAGE_SUFFIXES
from tonari_tools.push.joining.locating import ADDRESS, Locator
from tonari_tools.push.table.metadata import Row, Table
from tonari_tools.push.table.written_cells import BLANKS

ID = "id"
_IMAGE_NAMES = (
    "image images path file filename filepath imagepath imagefile imagefilename imagename imagefilepath relativepath "
    "localpath img imgs imgpath imgfile imgname picture pictures picturepath picturefile photo photos photopath "
    "photofile imagesrc imageurl src imageid filenames mainimage baseimage imagelink imageurls mainimageurl "
    "productimage productimages productimageurl image1 画像 商品画像"
)
IMAGE_NAMES = tuple(_IMAGE_NAMES.split())
"""Names of columns of pictures in small letters without separators, the likeliest first."""
_ID_NAMES = (
    "itemid sku productid articleid articlenumber itemnumber productnumber uid uuid handle asin gtin ean "
    "artikelnummer artikelnr 商品番号 商品コード 品番"
)
ID_NAMES = tuple(_ID_NAMES.split())
"""Names of columns of ids beside ``id``, likewise."""
SAMPLE = 50
"""Rows by which a column is tried."""
_FILE = re.compile(r"\.[A-Za-z]{2,5}\b|[/\\\[]")
"""What a name of a file has, and a number or a word has not."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that make the id, and the one that names pictures; empty where places and ids say it.

    ``left_out`` are columns that no document can have.
    """

    ids: tuple[str, ...]
    image: str
    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def find_roles(table: Table, locator: Locator, how: Reading) -> Roles:
    """Find the columns by what was said, else by their names, else by what is in them.

    Raises
    ------
    InvalidCatalogueError
        If a column that was said is not there, or none of any such name or content is.
    """
    given_ids = find_given(table, how)
    id_column = by_names(table, (ID,))[:1]
    notes: list[str] = []
    named, looking = by_names(table, IMAGE_NAMES), _pictures_by_content(table, locator)
    if how.image_column:
        image = _named(table, how.image_column, "pictures", "--image")
    else:
        image = _working(table, locator, named)
        if not image and not _found_by_id(table, locator, given_ids or id_column):
            image = _working(table, locator, looking)
        image = image or next(iter(named), "")
        if image and image not in looking:
            image = _unless_by_id(table, locator, image, given_ids or id_column, notes)
    if image and (others := [column for column in looking if column != image]):
        kept = "names files too and is kept as a field" if len(others) == 1 else "name files too and are kept as fields"
        notes.append(
            f"Pictures are those in the column {image!r}; {', '.join(map(repr, others))} {kept} (--image "
            f"{quote(others[0])} uses that one instead; several pictures of an item stand in one cell: a.jpg|b.jpg)"
        )
    ids = given_ids or id_column or _find_id(table, locator, image, notes)
    if not ids and not image:
        raise InvalidCatalogueError(
            f"{table.name} has neither a column {ID!r} nor one for the pictures, such as image, path or file_name: "
            f"name them with --id and --image; its first line says that it has {', '.join(table.columns)}."
        )
    return without_reserved(table, Roles(ids, image, notes=tuple(notes)))


def without_reserved(table: Table, roles: Roles) -> Roles:
    """Leave out the columns that documents keep for themselves, unless they are used; with a note on each."""
    used = (roles.image, *roles.ids)
    left_out = frozenset(name for name in RESERVED if name in table.columns and name not in used)
    notes = (
        f"Left out the column {name!r}, which documents keep for themselves: use it "
        f"({f'--id {name}' if name == ID else f'--image {name}'}), or rename it"
        for name in sorted(left_out)
    )
    return replace(roles, left_out=left_out, notes=(*roles.notes, *notes))


def find_given(table: Table, how: Reading) -> tuple[str, ...]:
    """Give the columns of the id that were said.

    Raises
    ------
    InvalidCatalogueError
        If one is not there.
    """
    return tuple(_named(table, column, "id", "--id") for column in how.id_columns)


def is_id_name(column: str) -> bool:
    """Tell whether a column is called id, in whatever letters: then it is the id itself, and no field."""
    return _normal(column) == ID


def _normal(column: str) -> str:
    return re.sub(r"[\W_]", "", column).casefold()


def by_names(table: Table, names: Sequence[str]) -> tuple[str, ...]:
    """Give the columns that are so called, the likeliest first, and exactly so before others."""
    found = [column for column in table.columns if _normal(column) in names]
    return tuple(sorted(found, key=lambda column: (names.index(_normal(column)), column not in names)))


def _named(table: Table, column: str, what: str, flag: str) -> str:
    if column in table.columns:
        return column
    alike = [one for one in table.columns if _normal(one) == _normal(column)]
    if len(alike) == 1:
        return alike[0]
    raise InvalidCatalogueError(
        f"{table.name} has no column {column!r} for the {what} ({flag}); it has {', '.join(table.columns)}."
    )


def sample(table: Table, column: str) -> Iterator[str]:
    """Give the first cells of a column that are not empty."""
    full = (row.texts[column] for row in table.rows if row.texts.get(column, "") not in BLANKS)
    return islice(full, SAMPLE)


def _pictures_by_content(table: Table, locator: Locator) -> tuple[str, ...]:
    """Give the columns whose cells are names of pictures, or addresses of such as are in the folder."""
    return tuple(
        column
        for column in table.columns
        if (texts := [*sample(table, column)])
        and (
            all(text.lower().endswith(IMAGE_SUFFIXES) and not ADDRESS.match(text) for text in texts)
            or (all(map(ADDRESS.match, texts)) and any(map(locator.finds, texts)))
        )
    )


def _working(table: Table, locator: Locator, columns: Sequence[str]) -> str:
    """Give the first column that names a picture in the folder; empty if there is none."""
    return next((column for column in columns if any(map(locator.finds, sample(table, column)))), "")


def _found_by_id(table: Table, locator: Locator, ids: tuple[str, ...]) -> bool:
    """Tell whether pictures are called as the ids that columns make."""
    names = ("-".join(row.texts[column] for column in ids if column in row.texts) for row in table.rows)
    return bool(ids) and any(map(locator.of_item, islice(names, SAMPLE)))


def _unless_by_id(table: Table, locator: Locator, image: str, ids: tuple[str, ...], notes: list[str]) -> str:
    """Give up a column that does not look like one of pictures, if they are found by id."""
    texts = [*sample(table, image)]
    are_addresses = all(map(ADDRESS.match, texts))
    if len(ids) != 1 or not texts or (are_addresses and any(map(locator.finds, texts))):
        return image
    if not are_addresses and any(map(_FILE.search, texts)):
        return image
    if not any(map(locator.of_item, sample(table, ids[0]))):
        return image
    notes.append(
        f"Pictures are found by {ids[0]!r}; the column {image!r} is kept as a field (--image {quote(image)} uses it)"
    )
    return ""


def _find_id(table: Table, locator: Locator, image: str, notes: list[str]) -> tuple[str, ...]:
    named = [column for column in by_names(table, ID_NAMES) if column != image]
    if not image:
        working = [column for column in named if any(map(locator.of_item, sample(table, column)))]
        found = next(iter(working), "") or _by_content(table, locator) or next(iter(named), "")
        return (found,) if found else ()
    for column in named:
        slash = next((text for text in sample(table, column) if "/" in text), "")
        if slash:
            notes.append(f"{column!r} is not taken for the id: {slash!r:.40} has a '/'")
            continue
        differing = _differing(table.rows, column, image, len(table.columns))
        if differing is None:
            return (column,)
        if differing:
            notes.append(
                f"{column!r} is not taken for the id: rows of the same {column} differ in {', '.join(differing[:3])} "
                f"(--id {quote(column)} makes one item of them)"
            )
    return ()


def _by_content(table: Table, locator: Locator) -> str:
    """Give the first column each of whose cells is the id of another item that has pictures."""
    for column in table.columns:
        texts = [*sample(table, column)]
        if texts and len(set(texts)) == len(texts) and all(map(locator.of_item, texts)):
            if locator.of_item(column):
                raise InvalidCatalogueError(
                    f"{table.name}: its first line, {', '.join(table.columns)}, must have the names of the columns; "
                    f"{column!r} is an item: put a line such as id,label first."
                )
            return column
    return ""


def _differing(rows: Sequence[Row], column: str, image: str, columns: int) -> list[str] | None:
    """Give the columns in which rows of one id differ; None if they are few, so that these are views of one item.

    An empty cell says nothing, as in exports that fill in only the first row of a product.
    """
    said: dict[str, dict[str, Any]] = {}
    differing: dict[str, None] = {}
    for row in rows:
        text = row.texts.get(column, "")
        if text in BLANKS:
            return []
        known = said.setdefault(text, {})
        differing |= dict.fromkeys(sorted(one for one, value in row.values.items() if known.get(one, value) != value))
        known |= row.values
    found = [name for name in differing if name != image]
    return None if 2 * len(found) <= columns - 2 else found
