"""Which fields there are, of what type, and which of them are predicted, filtered by and returned."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from tonari.contract.decoding import nearest_name, read_json
from tonari.contract.engine import FieldType
from tonari.errors import InvalidCatalogueError

TYPES: tuple[str, ...] = get_args(FieldType)
RESERVED = ("id", "images")

ATTRIBUTE_CLASSES = 100
ATTRIBUTE_ITEMS_PER_CLASS = 5
ATTRIBUTE_LENGTH = 64
PRECISION = 0.9
SHOWN = 40

DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the item documents.

    Parameters
    ----------
    type
        What its values are; others are treated as missing.
    attribute
        Whether it is predicted.
    filterable
        Whether filters may name it.
    returned
        Whether answers show it.
    precision
        How often a predicted value that is given shall be right; less sure ones are withheld.
    """

    type: FieldType
    attribute: bool = False
    filterable: bool = True
    returned: bool = True
    precision: float = PRECISION


@dataclass(frozen=True, slots=True)
class Schema:
    """All fields by name, and the field whose hash decides which items are held out (empty: the id)."""

    fields: Mapping[str, Field]
    split_by: str = ""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the fields that are predicted."""
        return tuple(name for name, field in self.fields.items() if field.attribute)

    def why_not(self, name: str) -> str | None:
        """Say why a field cannot be filtered by, grouped by or counted, and which may be meant; None if it can."""
        return self._absent(name, {known for known, field in self.fields.items() if field.filterable}, "filterable")

    def why_hidden(self, name: str) -> str | None:
        """Say why an answer cannot show a field, and which one may be meant; None if it can."""
        return self._absent(name, {known for known, field in self.fields.items() if field.returned}, "returned")

    def _absent(self, name: str, usable: set[str], what: str) -> str | None:
        if name in usable:
            return None
        near = nearest_name(name, sorted(usable))
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(usable)[:20]) or 'none'}."
        return f"{name!r:.80} {f'is not {what}' if name in self.fields else 'is no known field'}; {hint}"


def parse_schema(data: bytes, documents: Iterable[Mapping[str, Any]] = ()) -> Schema:
    """Read ``schema.json``; fields it does not name are inferred from the documents.

    Raises
    ------
    InvalidCatalogueError
        If it is not of the documented form.
    """
    try:
        raw = read_json(data)
        named = {name: _field(name, about) for name, about in raw.get("fields", {}).items()}
        split_by = raw.get("split_by", "")
        unknown = set(raw) - {"fields", "split_by"}
    except (ValueError, AttributeError) as error:
        raise InvalidCatalogueError(
            f'schema.json must be {{"fields": {{name: {{…}}}}, "split_by": …}}: {error}'
        ) from error
    if unknown or not isinstance(split_by, str):
        raise InvalidCatalogueError(f"schema.json knows 'fields' and 'split_by' (a name), not {sorted(unknown)}.")
    return Schema({**infer_schema(documents).fields, **named}, split_by)


def _field(name: str, about: Mapping[str, Any]) -> Field:
    if name in RESERVED:
        raise InvalidCatalogueError(f"schema.json: {name!r} is not a field of its own.")
    kind = about.get("type")
    if kind not in TYPES:
        raise InvalidCatalogueError(f"schema.json: field {name!r} has type {kind!r}; known are {', '.join(TYPES)}.")
    precision = _precision(name, about.get("precision", PRECISION))
    flags = {flag: value for flag, value in about.items() if flag not in ("type", "precision")}
    wrong = {f for f, v in flags.items() if f not in ("attribute", "filterable", "returned") or not isinstance(v, bool)}
    if wrong:
        raise InvalidCatalogueError(
            f"schema.json: field {name!r} has {sorted(wrong)}; known are attribute, filterable, returned: true/false; "
            "precision: a number."
        )
    field = Field(kind, **flags, precision=precision)
    if field.attribute and kind not in ("string", "boolean", "strings"):
        raise InvalidCatalogueError(
            f"schema.json: {name!r} is {kind}; only string, strings and boolean fields can be attributes."
        )
    return field


def _precision(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidCatalogueError(
            f"schema.json: field {name!r} has precision {value!r:.40}; it is a share from 0 (always answer) to 1."
        )
    return float(value)


def infer_schema(documents: Iterable[Mapping[str, Any]]) -> Schema:
    """Infer types and attributes from item documents.

    A field is an attribute when it is a string with 2-100 classes of at most 64 characters, five items each on average.
    """
    kinds: dict[str, set[FieldType]] = {}
    classes: dict[str, Counter[str]] = {}
    for document in documents:
        for name, value in document.items():
            kind = kind_of(value)
            if name in RESERVED or kind is None:
                continue
            kinds.setdefault(name, set()).add(kind)
            if kind == "string":
                classes.setdefault(name, Counter())[value] += 1
    return Schema({name: _inferred(found, classes.get(name, Counter())) for name, found in sorted(kinds.items())})


def _inferred(kinds: set[FieldType], counts: Counter[str]) -> Field:
    if kinds == {"string"} and all(parse_date(value) is not None for value in counts):
        return Field("date")
    mixed: FieldType = "strings" if "strings" in kinds else "string"
    kind = next(iter(kinds)) if len(kinds) == 1 else mixed
    attribute = (
        kind == "string"
        and 2 <= len(counts) <= ATTRIBUTE_CLASSES
        and counts.total() >= ATTRIBUTE_ITEMS_PER_CLASS * len(counts)
        and max(map(len, counts)) <= ATTRIBUTE_LENGTH
    )
    return Field(kind, attribute=attribute)


def kind_of(value: Any) -> FieldType | None:
    """Tell the type of a JSON value; None for null, objects, mixed lists and numbers that no float64 holds."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number" if abs(value) <= sys.float_info.max else None
    if isinstance(value, str):
        return "string"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "strings"
    return None


def parse_date(value: str) -> float | None:
    """Read an ISO 8601 date or time as seconds since 1970, UTC where no offset is said; None if it is none."""
    if not DATE.fullmatch(value):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def values_of(value: Any, about: Field) -> tuple[Any, ...]:
    """Read a document's value as its field's type says.

    Returns
    -------
    The value, dates as seconds since 1970; of a list, its strings, sorted, each once. Nothing if the value is missing
    or of another type.
    """
    read: Any
    match about.type:
        case "number":
            read = float(value) if kind_of(value) == "number" else None
        case "date":
            read = parse_date(value) if isinstance(value, str) else None
        case "boolean":
            read = value if isinstance(value, bool) else None
        case "string":
            read = _text(value)
        case "strings":
            strings = [value] if isinstance(value, str) else value
            return tuple(sorted(set(strings))) if kind_of(strings) == "strings" else ()
    return () if read is None else (read,)


def _text(value: Any) -> str | None:
    if kind_of(value) in ("number", "boolean"):
        return json.dumps(value)
    return value if isinstance(value, str) else None


def unusable_values(schema: Schema, fields: Mapping[str, Any]) -> dict[str, str]:
    """Say which values of a document are not of their field's type, and so are treated as missing.

    Null, an empty text and an empty list say that there is no value: nothing is wrong with them.

    Returns
    -------
    By field, in the order of the document: what the value should be, what it is, and what follows.
    """
    return {
        name: f"{_shown(name)} is a {about.type} field; {_mistaken(value, about.type)}, so {_lost(name, about)}."
        for name, value in fields.items()
        if (about := schema.fields.get(name)) is not None
        and (about.filterable or about.attribute)
        and is_given(value)
        and not values_of(value, about)
    }


def is_given(value: Any) -> bool:
    """Tell whether a document says something by a value: null, an empty text and an empty list do not."""
    return value is not None and value not in ("", [])


def _mistaken(value: Any, kind: FieldType) -> str:
    given = _shown(value)
    match kind, value:
        case "number", str() if _is_number(value):
            return f"{given!r} is text (write the number without quotes)"
        case "number", int() | float() if not isinstance(value, bool):
            return f"{given} is no number from -1.8e308 to 1.8e308"
        case "boolean", "true" | "false":
            return f"{given!r} is text (write {value} without quotes)"
        case "strings", list():
            return f"{given} holds something other than texts"
        case "number" | "string" | "date" | "boolean", list():
            return f"{given} is a list (write one value)"
    expected = {
        "number": "no number",
        "date": "no ISO 8601 date such as 2026-01-31",
        "boolean": "neither true nor false",
        "string": "no text",
        "strings": "neither a text nor a list of texts",
    }
    return f"{f'{given!r}' if isinstance(value, str) else given} is {expected[kind]}"


def _lost(name: str, about: Field) -> str:
    """Say what a value of the wrong type is not used for."""
    unfiltered = f"filters and facets will treat this item as having no {_shown(name)}"
    unlearned = "predictions will not learn from this item"
    return " and ".join([*([unfiltered] if about.filterable else []), *([unlearned] if about.attribute else [])])


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) <= sys.float_info.max
    except ValueError:
        return False


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text:.{SHOWN}}" + ("…" if len(text) > SHOWN else "")
