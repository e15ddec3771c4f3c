"""Rows of words alone: articles and products of which there is no picture."""

from __future__ import annotations

from itertools import islice

from tonari.catalogue.passages import passages_of
from tonari.contract.artefacts import PassageFields
from tonari.fields.schema import parse_schema
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import Folder
from tonari_tools.push.joining.id_columns import find_unique_column
from tonari_tools.push.joining.locating import ADDRESS
from tonari_tools.push.joining.roles import (
    ID_NAMES,
    IMAGE_NAMES,
    SAMPLE,
    Roles,
    by_names,
    find_given,
    sample,
    without_reserved,
)
from tonari_tools.push.table.metadata import Table


def find_word_roles(table: Table, folder: Folder, how: Reading) -> Roles | None:
    """Find the columns of the id where a folder has no picture, and rows have words; None if it is otherwise.

    Without a column of the id, the first is taken whose cells are short and differ; where there is none, rows are
    numbered.
    """
    if folder.images or how.image_column or not has_words(table, folder):
        return None
    notes: list[str] = []
    for column in by_names(table, IMAGE_NAMES):
        cells = [*sample(table, column)]
        if cells and all(map(ADDRESS.match, cells)):
            notes.append(f"The column {column!r} is kept as a field: pictures behind addresses are not fetched")
        elif cells and any("." in cell for cell in cells):
            return None
    ids = find_given(table, how) or by_names(table, ("id",))[:1] or _named_and_different(table)
    if not ids:
        texts = [row.texts for row in table.rows]
        short = [column for column in table.columns if not any(" " in row.get(column, "") for row in texts)]
        found = find_unique_column(texts, short)
        ids = (found,) if found else ()
        told = f"The ids are those of the column {found!r}" if found else "No column can be the id: rows are numbered"
        notes.append(f"{told} (--id COLUMN uses another one)")
    return without_reserved(table, Roles(ids, "", notes=tuple(notes)))


def has_words(table: Table, folder: Folder) -> bool:
    """Tell whether any of the first rows has a title or text that can be found by words."""
    fields = parse_schema(folder.schema).passages if folder.schema else PassageFields()
    return any(passages_of(row.values, fields) for row in islice(table.rows, SAMPLE))


def _named_and_different(table: Table) -> tuple[str, ...]:
    for column in by_names(table, ID_NAMES):
        cells = [row.texts.get(column, "") for row in table.rows]
        if "" not in cells and len({*cells}) == len(cells):
            return (column,)
    return ()
