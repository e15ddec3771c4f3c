"""What a generation holds, as it is shown: its items, their images, and all of it in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tonari.catalogue.documents import image_key
from tonari.catalogue.passages import TEXTS, TITLES, Passage
from tonari.catalogue.views import is_passage, passage_text
from tonari.contract.artefacts import IgnoredKeys, UnusableValues, ViewRule
from tonari.contract.engine import Spread, StoredItem, Values
from tonari.contract.filter_tree import EVERYTHING
from tonari.contract.parameters import MOST_ANSWER_BYTES
from tonari.errors import InvalidRequestError, TooLargeError, UnknownItemError
from tonari.fields.reasons import unpredicted
from tonari.fields.schema import RESERVED, Schema
from tonari.query.asking import queries_of
from tonari.query.serving import Serving

MOST_REJECTED = 12


def read_item(serving: Serving, item: str) -> StoredItem:
    """Read an item by its id.

    Raises
    ------
    UnknownItemError
    """
    found = serving.engine.read([item]).get(item)
    if found is None:
        raise UnknownItemError(
            f"There is no item {item!r:.80} in this catalogue; a new one takes some seconds to appear."
        )
    return found


def shown(fields: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Keep of a document the fields that are returned."""
    hidden = {name for name, field in schema.fields.items() if not field.returned} | {*RESERVED}
    return {name: value for name, value in fields.items() if name not in hidden}


def read_documents(
    documents: Iterable[Mapping[str, Any]], schema: Schema, fields: tuple[str, ...] | None
) -> list[dict[str, Any]]:
    """Read of each item's document the fields that are returned, all of them if ``fields`` is None.

    Raises
    ------
    TooLargeError
        As soon as that is more than an answer may have.
    """
    read: list[dict[str, Any]] = []
    size = 0
    for document in documents:
        kept = {} if fields == () else shown(document, schema)
        if fields is not None:
            kept = {name: kept[name] for name in fields if name in kept}
        size += len(msgspec.json.encode(kept))
        if size > MOST_ANSWER_BYTES:
            raise TooLargeError(
                f"The documents of {len(read) + 1:,} items have {size:,} bytes already, at most {MOST_ANSWER_BYTES:,} "
                "can be given: lower 'k', or ask for less of each item by 'include' and 'fields'."
            )
        read.append(kept)
    return read


def read_passage(fields: Mapping[str, Any], schema: Schema, view: str) -> Passage | None:
    """Cut the passage that a view is from its document again; None if it is none, or a field of it is not returned."""
    if not is_passage(view):
        return None
    document = dict(fields.items())
    used = {*(schema.passages.title or TITLES), *(schema.passages.text or TEXTS)} & document.keys()
    if any(name in schema.fields and not schema.fields[name].returned for name in used):
        return None
    return passage_text(document, ViewRule(passages=schema.passages), view)


def check_countable(schema: Schema, what: str, facets: Iterable[str]) -> None:
    """Check that the fields that parameter ``what`` names can be counted.

    Raises
    ------
    InvalidRequestError
    """
    for name in facets:
        if (why_not := schema.why_not(name)) is not None:
            raise InvalidRequestError(f"{what!r}: {why_not}")


def check_single(schema: Schema, what: str, name: str) -> None:
    """Check that the field that parameter ``what`` names has one value at most.

    Raises
    ------
    InvalidRequestError
    """
    if (why_not := schema.why_not(name)) is not None:
        raise InvalidRequestError(f"{what!r}: {why_not}")
    if schema.fields[name].type == "strings":
        raise InvalidRequestError(f"{what!r}: {name!r} has lists of values; name a field with one value.")


def image_of(serving: Serving, item: str, view: str | None) -> str:
    """Give the key of an item's image in the catalogue, its first if no view is named.

    Raises
    ------
    UnknownItemError
        If there is no such item or view.
    """
    names = [name for name in read_item(serving, item).views if not is_passage(name)]
    if view is None and names:
        return image_key(item, names[0])
    if view is None or view not in names:
        raise UnknownItemError(f"The item {item!r} has no image {view or '':.80}; it has {', '.join(names) or 'none'}.")
    return image_key(item, view)


def summarise(serving: Serving) -> dict[str, Any]:
    """Describe a generation as JSON: what is live, how much of it, its attributes, the range of each field."""
    head, encoder, snapshot, held = serving.read.head, serving.encoder, serving.snapshot, serving.engine.describe()
    filterable = {name: field.type for name, field in snapshot.schema.fields.items() if field.filterable}
    ranged = [name for name, kind in filterable.items() if kind in ("number", "string", "strings")]
    counted = serving.engine.count(ranged, EVERYTHING)
    return {
        "generation": head.generation,
        "snapshot": snapshot.id,
        "encoder": {"id": snapshot.encoder, "name": encoder.name, "dimensions": encoder.dimensions},
        "items": held.items,
        "views": held.views,
        "segments": len(head.segments),
        "recall": dict(snapshot.recall),
        "search": {
            "large_ranges": held.large_ranges,
            "reason": held.reason,
            "vectors": "full" if held.whole else "rotated",
        },
        "rejected": {"count": len(serving.rejected), "first": dict(list(serving.rejected.items())[:MOST_REJECTED])},
        "ignored": {"count": _total(snapshot.ignored), "reasons": snapshot.ignored},
        "grouping": snapshot.grouping,
        "unusable": {"count": _total(snapshot.table.unusable), "fields": snapshot.table.unusable},
        "cut": snapshot.cut,
        "attributes": {name: list(learned.classes) for name, learned in snapshot.learned.items()},
        "methods": {
            name: {"method": learned.default, "reason": learned.reason} for name, learned in snapshot.learned.items()
        },
        "familiarity": snapshot.familiarity,
        "unpredicted": unpredicted(snapshot.schema),
        "fields": {
            name: {"type": kind, **(_range(counted[name]) if name in counted else {})}
            for name, kind in filterable.items()
        },
        "samples": list(held.samples),
        "queries": queries_of(serving),
    }


def _total(counted: Mapping[str, IgnoredKeys] | Mapping[str, UnusableValues]) -> int:
    return sum(one.count for one in counted.values())


def _range(counted: Values | Spread) -> dict[str, Any]:
    if isinstance(counted, Values):
        return {"values": [value for value, _ in counted.most]}
    return {} if counted.least is None else {"min": counted.least, "max": counted.greatest}
