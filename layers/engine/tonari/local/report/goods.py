"""Items as the report shows them: a picture and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tonari.catalogue import image_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tonari.parts import Part


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


def goods_at(part: Part, position: int, attributes: Sequence[str], row: int | None = None) -> Goods:
    """Give the item at a position, with the view at a row, else its first one."""
    item = part.id(position)
    rows = part.rows(position)
    shown = int(rows[0]) if row is None and len(rows) else row
    image = "" if shown is None else image_key(item, part.view_name(shown))
    return Goods(item, image, {name: part.classes_of(name, position) for name in attributes})


def goods_of(part: Part, item: str, attributes: Sequence[str]) -> Goods:
    """Give an item by its id; one that is unknown has neither picture nor labels."""
    position = part.find(item)
    return Goods(item, "", {}) if position is None else goods_at(part, position, attributes)
