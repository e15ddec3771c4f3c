"""Items as they are shown: their fields, the names of their views, where their images lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonari.catalogue.documents import image_key
from tonari.errors import UnknownItemError
from tonari.fields.schema import RESERVED, Schema
from tonari.query.serving import Serving
from tonari.snapshots.table import Table


def find_item(serving: Serving, item: str) -> tuple[Table, int]:
    """Find an item's part and its position there.

    Raises
    ------
    UnknownItemError
    """
    found = serving.find(item)
    if found is None:
        raise UnknownItemError(f"There is no item {item!r} in this generation; a new one takes some seconds to appear.")
    return found


def shown(fields: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Drop from a document what is no field, or one that is not returned."""
    hidden = {name for name, field in schema.fields.items() if not field.returned} | {*RESERVED}
    return {name: value for name, value in fields.items() if name not in hidden}


def item_details(serving: Serving, item: str) -> tuple[dict[str, Any], list[str]]:
    """Give an item's fields and the names of its views.

    Raises
    ------
    UnknownItemError
    """
    table, position = find_item(serving, item)
    return shown(table.fields(position), serving.snapshot.schema), [
        table.view_name(int(row)) for row in table.rows(position)
    ]


def image_of(serving: Serving, item: str, view: str | None) -> str:
    """Give the key of an item's image in the catalogue, its first if no view is named.

    Raises
    ------
    UnknownItemError
        If there is no such item or view.
    """
    _, names = item_details(serving, item)
    if view is None and names:
        return image_key(item, names[0])
    if view is None or view not in names:
        raise UnknownItemError(f"The item {item!r} has no image {view or ''}; it has {', '.join(names) or 'none'}.")
    return image_key(item, view)
