"""Pictures and rows of a table, joined into the items that ``tonari push`` uploads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any, NoReturn

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.first_bytes import read_formats
from tonari_tools.push.folder.options import BY_DEFAULT, Reading
from tonari_tools.push.folder.pictures import IMAGE_SUFFIXES, Folder, LocalItem, beside_table, scan_folder
from tonari_tools.push.notes import notes_on
from tonari_tools.push.outcome import NOTHING, Material, Outcome, read_items
from tonari_tools.push.proposals import check_folders, check_rows
from tonari_tools.push.table.metadata import READABLE_SUFFIXES, Table, read_table
from tonari_tools.push.variants import find_variants


@dataclass(frozen=True, slots=True)
class LocalCatalogue:
    """Items, the bytes of ``schema.json`` if there is one, the table that was read, and notes for their owner.

    Parameters
    ----------
    found, rows, made
        What lay in the folder, the table's content, and how the items came out of both.
    """

    items: tuple[LocalItem, ...]
    schema: bytes | None = None
    table: Path | None = None
    notes: tuple[str, ...] = ()
    how: Reading = BY_DEFAULT
    root: Path = field(default_factory=Path)
    rows: Table | None = None
    made: Outcome = field(default_factory=lambda: NOTHING)


def read_catalogue(folder: Path, how: Reading = BY_DEFAULT) -> LocalCatalogue:
    """Read and check all that will be uploaded, except for the pictures' bytes.

    Parameters
    ----------
    folder
        A folder of pictures, or a table of words alone. A picture directly in it is an item named by its stem; those in
        a subfolder, however deep, are views of one item. Where all lie in a subfolder ``images``, as in the catalogue
        itself, that one is meant instead.
    how
        What its owner says about it. A table has a row per item or per view; a column ``image``, ``path``, ``file`` or
        ``filename`` (JSON lines: ``images``, a list) says which pictures, relative to ``folder`` or to the table;
        without one they are found by id.

    Raises
    ------
    UndecidedError
        If subfolders may be classes of items, or rows of one item differ in nearly every column, and ``how`` does not
        say what is right.
    InvalidCatalogueError
        If anything cannot be sent as it is.
    """
    is_table = folder.is_file() and folder.suffix.lower() in READABLE_SUFFIXES
    found = beside_table(folder) if is_table else scan_folder(folder)
    if is_table:
        how = replace(how, metadata=how.metadata or folder)
    metadata = how.metadata or _find_table(found)
    table = None if metadata is None else read_table(metadata)
    material = Material(found, metadata, table, read_formats(found.images))
    others = read_formats(found.others)
    if not found.images and table is None:
        suffixes = " ".join(IMAGE_SUFFIXES)
        _refuse(f"{folder} holds no picture: the name of one ends in {suffixes}", notes_on(material, NOTHING, others))
    if table is None and (how.id_columns or how.image_column):
        flag = "--id" if how.id_columns else "--image"
        _refuse(f"{flag} names a column, but {folder} has not one table: --metadata FILE names it", ())
    check_folders(material, how)
    made = read_items(material, how)
    check_rows(material, how, made)
    notes = [*notes_on(material, made, others)]
    if not made.items:
        _refuse(f"{folder} holds no picture that can be sent", notes)
    schema = _add_split(found.schema, how.split_by, made.items) if how.split_by else found.schema
    notes += _variants(made.items, schema)
    return LocalCatalogue(made.items, schema, metadata, tuple(notes), how, found.root, table, made)


def _refuse(why: str, notes: Iterable[str]) -> NoReturn:
    raise InvalidCatalogueError(". ".join([why, *notes]) + ".")


def _find_table(folder: Folder) -> Path | None:
    """Find the one table that lies directly in the folder; None if there is none or more than one."""
    found = [table for table in folder.tables if table.parent == folder.path]
    return found[0] if len(found) == 1 else None


def _add_split(schema: bytes | None, column: str, items: Sequence[LocalItem]) -> bytes:
    """Give ``schema.json`` with ``split_by``."""
    known = dict.fromkeys(name for item in items for name in item.fields or {})
    if column not in known:
        raise InvalidCatalogueError(
            f"--split-by {column}: no item has this field; there are {', '.join(known) or 'none'}."
        )
    return json.dumps({**json.loads(schema or b"{}"), "split_by": column}, ensure_ascii=False).encode()


def _variants(items: Sequence[LocalItem], schema: bytes | None) -> Iterator[str]:
    """Propose ``split_by`` if items are variants of one product."""
    stated: Mapping[str, Any] = json.loads(schema) if schema else {}
    if stated.get("split_by"):
        return
    found = find_variants([item.fields or {} for item in items])
    if found:
        yield (
            f"Items of the same {found.field} are variants of one product: they share {', '.join(found.same[:3])}, and "
            f"differ in {', '.join(found.other[:3])}. If some of them are learned from and others tested, the reported "
            f"accuracy is too high. --split-by {quote(found.field)} keeps them together (in schema.json: "
            f'"split_by": {json.dumps(found.field, ensure_ascii=False)})'
        )
