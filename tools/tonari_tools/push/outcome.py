"""A folder, its table and what its owner says of them -> items, and how they came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tonari_tools.push.folder.class_folders import CLASS_FIELD, classes_of, read_as
from tonari_tools.push.folder.first_bytes import READ_FORMATS, read_formats
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import Folder, LocalItem
from tonari_tools.push.joining.join import Join
from tonari_tools.push.table.metadata import Table
from tonari_tools.push.table.records import BadRow


@dataclass(frozen=True, slots=True)
class Material:
    """What lies in a folder, before anything is decided.

    Parameters
    ----------
    metadata, table
        The table of fields; None if there is none.
    formats
        Of each picture, by its first bytes.
    """

    folder: Folder
    metadata: Path | None
    table: Table | None
    formats: Mapping[Path, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Items, and how they came out.

    Parameters
    ----------
    used
        Which columns serve as ``id`` and ``image``.
    rows
        Of the table that were read into items.
    differing
        By column, rows that differ from the first one of their item.
    skipped
        Rows that were left out.
    notes
        What else was decided about the table.
    unfit
        Pictures that are not sent, with their format by the first bytes.
    without
        Ids of items that are left out, since all their pictures are unfit.
    given
        Fields that came from elsewhere than the table, with their source.
    """

    items: tuple[LocalItem, ...]
    used: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    differing: Counter[str] = field(default_factory=Counter)
    skipped: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    unfit: Mapping[Path, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)

    def most_differing(self) -> list[tuple[str, int]]:
        """Give the columns in which rows differ from their item's first, those with the most rows first."""
        return sorted(self.differing.items(), key=lambda one: (-one[1], one[0]))


NOTHING = Outcome(())


def read_items(material: Material, how: Reading) -> Outcome:
    """Join pictures and rows as ``how`` says.

    Raises
    ------
    InvalidCatalogueError
        If anything cannot be sent as it is.
    """
    folder = read_as(material.folder, how.folders)
    table = material.table
    if table is None or material.metadata is None:
        made = Outcome(folder.items())
    else:
        join = Join(folder, table, material.metadata.parent, how)
        items = join.items()
        rows = len(table.rows) + len(table.bad) - len(join.skipped)
        made = Outcome(items, join.used, rows, join.differing, join.skipped, join.notes)
    if how.folders == "classes" and (table is None or CLASS_FIELD not in table.columns):
        made = _with_classes(made, folder)
    return _without_unfit(made, material.formats)


def _with_classes(made: Outcome, folder: Folder) -> Outcome:
    """Add the class, which is the name of the first picture's subfolder, to the items' fields."""
    classes = classes_of(folder)
    items = tuple(
        replace(item, fields={**(item.fields or {}), CLASS_FIELD: classes[first]})
        if (first := next(iter(item.views.values()))) in classes
        else item
        for item in made.items
    )
    return replace(made, items=items, given={CLASS_FIELD: "the name of the subfolder"})


def _without_unfit(made: Outcome, formats: Mapping[Path, str]) -> Outcome:
    """Leave out files that are no pictures that can be read, and items that have no others."""
    elsewhere = [path for item in made.items for path in item.views.values() if path not in formats]
    known = {**formats, **read_formats(elsewhere)} if elsewhere else formats
    unfit = {path: name for path, name in known.items() if name not in READ_FORMATS}
    if not unfit:
        return made
    items, without = [], []
    for item in made.items:
        views = {name: path for name, path in item.views.items() if path not in unfit}
        if not views:
            without.append(item.id)
        else:
            items.append(item if len(views) == len(item.views) else replace(item, views=views))
    return replace(made, items=tuple(items), unfit=unfit, without=tuple(without))
