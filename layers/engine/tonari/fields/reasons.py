"""Why a field is predicted or not, in a few words for whoever owns the catalogue."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tonari.fields.label_like import judge
from tonari.fields.schema import Field, Schema, values_of

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
                counts[name].update(values_of(value, schema.fields[name]))
    return {
        name: "schema.json says so" if name in stated else _why(field, counts.get(name, Counter()))
        for name, field in schema.fields.items()
    }


def _why(field: Field, counts: Counter[str]) -> str:
    return judge(counts).reason if field.type == "string" else _ONLY_IF_STATED.get(field.type, "")


def unpredicted(schema: Schema) -> dict[str, str]:
    """Say why fields whose texts repeat as labels do are not predicted, and how they can be."""
    return {
        name: f"{field.unpredicted}. To predict it all the same, say in schema.json: {_remedy(name)}"
        for name, field in schema.fields.items()
        if field.unpredicted
    }


def _remedy(name: str) -> str:
    return json.dumps({"fields": {name: {"type": "string", "attribute": True}}}, ensure_ascii=False)
