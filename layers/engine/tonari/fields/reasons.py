"""Why a field is predicted or not, in a few words for whoever owns the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tonari.fields.schema import (
    ATTRIBUTE_CLASSES,
    ATTRIBUTE_ITEMS_PER_CLASS,
    ATTRIBUTE_LENGTH,
    Field,
    Schema,
)

_ONLY_IF_STATED = {
    "boolean": "true and false are predicted only if schema.json says so",
    "strings": "lists are predicted only if schema.json says so",
}


def why_predicted(schema: Schema, stated: Collection[str], documents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Say of each field why it is predicted or not.

    Parameters
    ----------
    schema
        As read or inferred from these documents.
    stated
        Fields that ``schema.json`` names.
    documents
        All item documents.
    """
    inferred = {name for name in schema.fields if name not in stated}
    counts: dict[str, Counter[str]] = {name: Counter() for name in inferred if schema.fields[name].type == "string"}
    for document in documents:
        for name in counts.keys() & document.keys():
            if isinstance(value := document[name], str):
                counts[name][value] += 1
    return {
        name: "schema.json says so" if name in stated else _why(field, counts.get(name, Counter()))
        for name, field in schema.fields.items()
    }


def _why(field: Field, counts: Counter[str]) -> str:
    values, items = len(counts), counts.total()
    if field.type != "string":
        why = _ONLY_IF_STATED.get(field.type, "")
    elif field.attribute:
        why = f"{values} values, {items / values:.0f} items each"
    elif values < 2:
        why = "all items have the same value"
    elif max(map(len, counts)) > ATTRIBUTE_LENGTH:
        why = f"texts of more than {ATTRIBUTE_LENGTH} letters"
    elif values == items:
        why = "every value is different"
    elif values > ATTRIBUTE_CLASSES:
        why = f"{values} values: more than {ATTRIBUTE_CLASSES}"
    else:
        why = f"{values} values, {items / values:.1f} items each: fewer than {ATTRIBUTE_ITEMS_PER_CLASS}"
    return why
