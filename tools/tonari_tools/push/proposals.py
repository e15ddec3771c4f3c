"""Folders and tables that can be read in more than one way: what is in doubt, and what would come out of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.class_folders import CLASS_FIELD, PARTS, Shape, shape_of
from tonari_tools.push.folder.options import Reading, flags_of
from tonari_tools.push.joining.id_columns import DIFFERENT, find_id_columns, find_unique_column, is_of_a_picture
from tonari_tools.push.joining.join import Join
from tonari_tools.push.joining.locating import Locator
from tonari_tools.push.notes import tables_not_read
from tonari_tools.push.outcome import Material, Outcome, read_items
from tonari_tools.push.table.metadata import Table
from tonari_tools.tables import Columns, plain, text_of

SHOWN = 3
NEARLY_ALL = 0.6
"""Share of such columns from which rows are not of one item."""
REPEATED = 0.05
"""Share of rows that are further rows of an item; below this the table has slips, no other order."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A way to read a folder, and what comes out of it."""

    how: Reading
    outcome: Outcome

    @property
    def flags(self) -> str:
        """The options that say so."""
        return flags_of(Reading(id_columns=self.how.id_columns, folders=self.how.folders))

    def row(self) -> list[str]:
        """Give a row of the table that shows all proposals."""
        made = self.outcome
        counts = sorted(len(item.views) for item in made.items)
        each = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
        telling = [item for item in made.items if made.given.keys() & (item.fields or {}).keys()] or made.items
        first = max(telling[:SHOWN], key=lambda item: len(item.views))
        views = (
            f": {text_of([*first.views][:2])}{', …' if len(first.views) > 2 else ''}" if len(first.views) > 1 else ""
        )
        fields = "".join(
            f" ({name} {text_of(value)})" for name, value in (first.fields or {}).items() if name in made.given
        )
        differing = [name for name, _ in made.most_differing()]
        return [f"{len(made.items)}", f"{each} each", _listed(differing), f"{first.id}{views}{fields}"]


class UndecidedError(InvalidCatalogueError):
    """A folder that its owner must say more about before anything is sent."""

    def __init__(self, question: str, proposals: Sequence[Proposal]) -> None:
        self.question, self.proposals = question, tuple(proposals)
        super().__init__(f"{question}\n\n{plain(self.table())}\n\nNothing was sent: add one of these options.")

    def table(self) -> Columns:
        """Lay out the proposals, a row each."""
        names = ["", "option", "items", "pictures", "rows of one differ in", "for example"]
        rows = [[f"{number}", one.flags, *one.row()] for number, one in enumerate(self.proposals, 1)]
        shown = [
            number for number, name in enumerate(names) if "differ" not in name or any(row[number] for row in rows)
        ]
        return Columns(
            [names[number] for number in shown], [[row[number] for number in shown] for row in rows], wide=names[-2:]
        )


def check_folders(material: Material, how: Reading) -> None:
    """Stop if subfolders may be classes of items, and nobody has said what they are.

    Raises
    ------
    UndecidedError
    """
    shape = None if how.folders else shape_of(material.folder)
    if shape is None or not shape.may_be_classes or _ids_are_known(material, how, shape):
        return
    several = len(shape.names) > 1
    count = f"{len(shape.names)} subfolders" if several else "1 subfolder"
    size = f"{shape.least} pictures" if shape.least == shape.most else f"{shape.least} to {shape.most} pictures"
    each = " each" if several else ""
    tables = "".join(f"\n{note}." for note in tables_not_read(material))
    raise UndecidedError(
        f"{material.folder.root} has {count} ({_listed(shape.names)}) with {size}{each}. Is a subfolder a class of "
        f"items, one item with many pictures, or without a meaning?{tables}",
        _propose(material, how, _readings(material, how, shape)),
    )


def check_rows(material: Material, how: Reading, made: Outcome) -> None:
    """Stop if rows of the same item differ in nearly every column, unless ``--folders items`` says that it is one.

    Raises
    ------
    UndecidedError
    """
    table = material.table
    further = made.rows - len(made.items)
    if table is None or how.folders == "items" or further < REPEATED * made.rows or not made.differing:
        return
    used = {column for columns in made.used.values() for column in columns.split(", ")}
    compared = [column for column in table.columns if column not in used and not is_of_a_picture(column)]
    differing = [column for column in compared if made.differing[column] >= DIFFERENT * further]
    if len(differing) < (2 if "id" in made.used else 1) or len(differing) < NEARLY_ALL * len(compared):
        return
    shape = shape_of(material.folder)
    if "id" not in made.used and shape is None:
        raise InvalidCatalogueError(
            f"{table.name}: {further:,} of {made.rows:,} rows have the same picture as a row before them, but differ "
            f"in {_listed(differing)}. Keep one row for each picture, or choose a column that makes the id (--id); "
            "--skip-bad-rows takes the first row."
        )
    by = f"the column {made.used['id']}" if "id" in made.used else "the folder of the picture"
    raise UndecidedError(
        f"{table.name}: an item is named by {by}, but its rows differ in {len(differing)} of {len(compared)} columns "
        f"({_listed(differing)}). Which rows are one item?",
        _propose(material, how, _readings(material, how, shape)),
    )


def _ids_are_known(material: Material, how: Reading, shape: Shape) -> bool:
    """Tell whether a table says the ids, and which pictures these mean, whatever the subfolders are.

    Ids that are names of pictures say nothing of the folders these lie in, unless those are hardly classes.
    """
    if material.table is None or material.metadata is None:
        return False
    used = Join(material.folder, material.table, material.metadata.parent, how).used
    if "id" not in used:
        return False
    if "image" in used:
        return True
    by_id = material.folder.by_id()
    locator = Locator(material.folder, material.metadata.parent) if _are_hardly_classes(shape) else None
    ids = ["-".join(_cells(material.table, number, used["id"])) for number in range(len(material.table.rows))]
    return sum(bool(locator.of_item(one)) if locator else one in by_id for one in ids) >= len(ids) / 2


def _cells(table: Table, row: int, columns: str) -> list[str]:
    return [table.rows[row].texts[name] for name in columns.split(", ") if name in table.rows[row].texts]


def _readings(material: Material, how: Reading, shape: Shape | None) -> Iterator[Reading]:
    """Give the ways to read a folder that are worth showing, the likeliest first."""
    table = material.table
    if table is not None and material.metadata is not None:
        used = Join(material.folder, table, material.metadata.parent, how).used
        columns = [column for column in table.columns if column != used.get("image")]
        texts = [row.texts for row in table.rows]
        if "image" in used:
            by_column = "id" in used and not how.id_columns
            unique = find_unique_column(texts, table.columns) or used["image"] if by_column else ""
            of_items = find_id_columns(texts, columns), (unique,) if unique else ()
            yield from (replace(how, id_columns=chosen) for chosen in of_items if chosen)
            if by_column:
                yield replace(how, folders="items")
                return
    by_place = replace(how, id_columns=())
    stored = shape is not None and _are_hardly_classes(shape)
    has_classes = shape is not None and (table is None or CLASS_FIELD not in table.columns)
    if has_classes and not stored:
        yield replace(by_place, folders="classes")
    yield replace(by_place, folders="ignore")
    yield replace(how, folders="items")
    if has_classes and stored:
        yield replace(by_place, folders="classes")


def _are_hardly_classes(shape: Shape) -> bool:
    """Tell whether folders are named as stores of pictures and parts of collections are, or are only one."""
    return len(shape.names) == 1 or all(
        len(name) <= 2 or name.isdigit() or name.lower() in PARTS for name in shape.names
    )


def _propose(material: Material, how: Reading, readings: Iterator[Reading]) -> list[Proposal]:
    """Try each way; those that cannot be read are left out, unless none is left: then the error says why."""
    proposals = []
    for reading in readings:
        try:
            outcome = read_items(material, reading)
        except InvalidCatalogueError:
            continue
        if outcome.items and reading != how:
            proposals.append(Proposal(reading, outcome))
    if not proposals:
        read_items(material, how)
    return proposals


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
