"""Items as they are shown: their fields, the names of their views, where their images lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonari.catalogue.documents import image_key
from tonari.contract.engine import StoredItem
from tonari.errors import UnknownItemError
from tonari.fields.schema import RESERVED, Schema
from tonari.query.serving import Serving


def read_item(serving: Serving, item: str) -> StoredItem:
    """Read an item by its id.

    Raises
    ------
    UnknownItemError
    """
    found = serving.engine.read([item]).get(item)
    if found is None:
        raise UnknownItemError(f"There is no item {item!r} in this catalogue; a new one takes some seconds to appear.")
    return found


def shown(fields: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Keep of a document the fields that are returned."""
    hidden = {name for name, field in schema.fields.items() if not field.returned} | {*RESERVED}
    return {name: value for name, value in fields.items() if name not in hidden}


def item_details(serving: Serving, item: str) -> tuple[dict[str, Any], list[str]]:
    """Give an item's fields and the names of its views.

    Raises
    ------
    UnknownItemError
    """
    found = read_item(serving, item)
    return shown(found.fields, serving.snapshot.schema), list(found.views)


def image_of(serving: Serving, item: str, view: str | None) -> str:
    """Give the key of an item's image in the catalogue, its first if no view is named.

    Raises
    ------
    UnknownItemError
        If there is no such item or view.
    """
    names = read_item(serving, item).views
    if view is None and names:
        return image_key(item, names[0])
    if view is None or view not in names:
        raise UnknownItemError(f"The item {item!r} has no image {view or ''}; it has {', '.join(names) or 'none'}.")
    return image_key(item, view)
