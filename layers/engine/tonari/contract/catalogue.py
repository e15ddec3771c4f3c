"""The JSON of the catalogue bucket: limits of item documents, and the form of ``schema.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

MOST_ID_BYTES = 256
MOST_DOCUMENT_BYTES = 100_000

FieldType = Literal["number", "string", "boolean", "date", "strings"]


class FieldDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A field as ``schema.json`` states it: see :class:`tonari.fields.schema.Field`."""

    type: FieldType
    attribute: bool = False
    filterable: bool = True
    returned: bool = True
    precision: Annotated[float, Meta(ge=0, le=1)] = 0.9


class SchemaDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """``schema.json``: fields by name, and the field whose hash decides which items are held out (empty: the id)."""

    fields: Mapping[str, FieldDocument]
    split_by: str = ""
