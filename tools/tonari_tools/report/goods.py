"""Items as the report shows them: a picture and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonari.catalogue.documents import image_key
from tonari.snapshots.table import Table


@dataclass(frozen=True, slots=True)
class Goods:
    """One item.

    Parameters
    ----------
    image
        Key of the picture to be shown, empty if it has none.
    labels
        Its classes by attribute.
    """

    id: str
    image: str
    labels: Mapping[str, tuple[Any, ...]]


def goods_at(table: Table, position: int, attributes: Sequence[str], row: int | None = None) -> Goods:
    """Give the item at a position, with the view at a row, else its first one."""
    item = table.id(position)
    rows = table.rows(position)
    shown = int(rows[0]) if row is None and len(rows) else row
    image = "" if shown is None else image_key(item, table.view_name(shown))
    return Goods(item, image, {name: table.classes_of(name, position) for name in attributes})


def goods_of(table: Table, item: str, attributes: Sequence[str]) -> Goods:
    """Give an item by its id; one that is unknown has neither picture nor labels."""
    position = table.find(item)
    return Goods(item, "", {}) if position is None else goods_at(table, position, attributes)
