"""What was decided about a folder, shown before anything is sent."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from tonari.catalogue.passages import read_fields
from tonari.contract.strict_json import read_json
from tonari.fields.reasons import why_predicted
from tonari.fields.schema import Schema, parse_schema
from tonari.fields.unusable import unusable_values
from tonari_tools.push.local_catalogue import LocalCatalogue
from tonari_tools.tables import Columns, facts, show, text_of

EXAMPLES = 3
MOST_EXAMPLE = 24


def show_preview(catalogue: LocalCatalogue) -> None:
    """Print what will be sent to stdout, and what will not to stderr."""
    show(*preview(catalogue), "")
    sys.stdout.flush()
    for note in catalogue.notes:
        print(f"tonari: {note}", file=sys.stderr)


def preview(catalogue: LocalCatalogue) -> list[RenderableType]:
    """Lay out what will be sent: items and pictures, and a row for each field."""
    documents = [item.fields or {} for item in catalogue.items]
    schema = parse_schema(catalogue.schema or b"{}", documents)
    parts: list[RenderableType] = [facts(_summary(catalogue, schema)), ""]
    if schema.fields:
        parts.append(_fields(catalogue, schema, documents))
    else:
        parts.append("No fields: nothing is predicted. A table beside the pictures gives them.")
    return parts


def _summary(catalogue: LocalCatalogue, schema: Schema) -> list[tuple[str, str]]:
    made, items = catalogue.made, catalogue.items
    counts = sorted(len(item.views) for item in items)
    each = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
    table = "none"
    if catalogue.rows is not None:
        columns = ", ".join(f"{what} from {column}" for what, column in made.used.items())
        table = f"{catalogue.table}: {_count(len(catalogue.rows.rows) + len(catalogue.rows.bad), 'row')}" + (
            f"; {columns}" if columns else ""
        )
    folders = {"items": "each is an item", "classes": "each is a class of items", "ignore": "not used"}
    depth = len(catalogue.root.parts) + 1
    by_place = "id" not in made.used and any(len(path.parts) > depth for one in items for path in one.views.values())
    by_default = "each is an item; if each is a class of items, say --folders classes" if by_place else ""
    first = items[0]
    titles = read_fields([item.fields or {} for item in items], schema.passages)
    shown = text_of([*first.views]) or text_of((first.fields or {}).get(titles[0]) if titles else "")
    lines = [
        ("pictures in", f"{catalogue.root}" if sum(counts) else "none: items are found by their words"),
        ("words from", ", ".join(titles) if not sum(counts) else ""),
        ("table", table),
        ("subfolders", folders[catalogue.how.folders] if catalogue.how.folders else by_default),
        (
            "items",
            f"{len(items)}, with {_count(sum(counts), 'picture')}, {each} each" if counts[-1] else f"{len(items)}",
        ),
        ("for example", f"{first.id}: {shown}"),
        ("split by", schema.split_by),
    ]
    return [(name, value) for name, value in lines if value]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _fields(catalogue: LocalCatalogue, schema: Schema, documents: Sequence[Mapping[str, Any]]) -> Columns:
    stated = set(read_json(catalogue.schema).get("fields", {})) if catalogue.schema else set()
    reasons = why_predicted(schema, stated, documents)
    read = {one.column: one for one in catalogue.rows.columns_read} if catalogue.rows else {}
    given = Counter(name for fields in documents for name in fields)
    rows = []
    for name in sorted(schema.fields, key=lambda name: list(given).index(name) if name in given else len(given)):
        field, column = schema.fields[name], read.get(name)
        missing = len(documents) - given[name]
        why = [
            f"from {catalogue.made.given[name]}" if name in catalogue.made.given else "",
            column.why if column else "",
            reasons[name],
            _unused(name, schema, documents),
            "" if not missing else "1 item has none" if missing == 1 else f"{missing} items have none",
        ]
        predicted = "yes" if field.attribute else "no"
        rows.append([name, field.type, predicted, _examples(name, documents), "; ".join(filter(None, why))])
    return Columns(["field", "type", "predicted", "examples", "why"], rows, wide=("why",))


def _unused(name: str, schema: Schema, documents: Sequence[Mapping[str, Any]]) -> str:
    """Say how many items have a value that stands for a missing one, or that their field's type cannot hold."""
    wrong = [found[name] for fields in documents if (found := unusable_values(schema, {name: fields.get(name)}))]
    return f"not used in {len(wrong):,} of {len(documents):,} items: {wrong[0].rstrip('.')}" if wrong else ""


def _examples(name: str, documents: Sequence[Mapping[str, Any]]) -> str:
    """Give the first few different values."""
    found: dict[str, None] = {}
    for fields in documents:
        if fields.get(name) is not None:
            found[_short(fields[name])] = None
        if len(found) == EXAMPLES:
            break
    return " | ".join(found)


def _short(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, bool) else text_of(value)
    return text if len(text) <= MOST_EXAMPLE else f"{text[: MOST_EXAMPLE - 1]}…"
