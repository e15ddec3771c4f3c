"""What whoever writes a document should be told: it is taken as it is, but not all of it will be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonari.contract.decoding import nearest_name
from tonari.fields.kinds import stands_for_missing
from tonari.fields.schema import RESERVED, Schema
from tonari.fields.unusable import unusable_values


def remarks(schema: Schema, fields: Mapping[str, Any]) -> dict[str, str]:
    """Say what will not be used of a document as its author may expect.

    Returns
    -------
    By field: values of the wrong type; fields that the live snapshot does not know; names of images that are addresses;
    and a missing value of the field by which items are held out.
    """
    return {
        **_unknown_fields(schema, fields),
        **_unlikely_images(fields.get("images")),
        **unusable_values(schema, fields),
        **_unsplit(schema, fields),
    }


def _unknown_fields(schema: Schema, fields: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in fields.items():
        if name not in schema.fields and name not in RESERVED and value is not None:
            near = nearest_name(name, schema.fields)
            meant = f"; did you mean {near!r:.80}?" if near else "."
            found[name] = f"{name:.80} is no field of the live snapshot: filters know it after the next rebuild{meant}"
    return found


def _unlikely_images(names: Any) -> dict[str, str]:
    for name in names if isinstance(names, list) else ():
        if not name or "://" in name or name.startswith("images/"):
            said = f"{name!r:.80} is no name of an image, such as 'front.jpg', so nothing will be found under it."
            return {"images": f"images lists the names under which the item's images are uploaded; {said}"}
    return {}


def _unsplit(schema: Schema, fields: Mapping[str, Any]) -> dict[str, str]:
    name = schema.split_by
    value = fields.get(name)
    if not name or not (value in (None, "") or (isinstance(value, str) and stands_for_missing(value))):
        return {}
    return {
        name: f"{name:.80} says which items are variants of one product (split_by in schema.json), and is missing: "
        "the item will count as a product of its own, and accuracy may be overstated."
    }
