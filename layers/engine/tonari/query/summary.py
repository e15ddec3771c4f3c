"""What a generation holds, in a few words: for health checks, and for whoever wants to offer filters."""

from __future__ import annotations

from typing import Any

from tonari.contract.engine import Spread, Values
from tonari.contract.filter_tree import EVERYTHING
from tonari.query.serving import Serving

MOST_REJECTED = 12


def summarise(serving: Serving) -> dict[str, Any]:
    """Describe a generation as JSON: what is live, how much of it, its attributes, the range of each field."""
    head, snapshot, held = serving.read.head, serving.snapshot, serving.engine.describe()
    filterable = {name: field.type for name, field in snapshot.schema.fields.items() if field.filterable}
    counted = serving.engine.count([name for name, kind in filterable.items() if _shows_range(kind)], EVERYTHING)
    return {
        "generation": head.generation,
        "snapshot": snapshot.id,
        "encoder": {
            "id": snapshot.encoder,
            "name": serving.encoder.name,
            "dimensions": serving.encoder.dimensions,
        },
        "items": held.items,
        "views": held.views,
        "segments": len(head.segments),
        "recall": dict(snapshot.recall),
        "search": {"large_ranges": held.large_ranges, "reason": held.reason},
        "rejected": {"count": len(serving.rejected), "first": dict(list(serving.rejected.items())[:MOST_REJECTED])},
        "attributes": {name: list(learned.classes) for name, learned in snapshot.learned.items()},
        "fields": {
            name: {"type": kind, **(_range(counted[name]) if name in counted else {})}
            for name, kind in filterable.items()
        },
        "samples": list(held.samples),
    }


def _shows_range(kind: str) -> bool:
    return kind in ("number", "string", "strings")


def _range(counted: Values | Spread) -> dict[str, Any]:
    if isinstance(counted, Values):
        return {"values": [value for value, _ in counted.most]}
    return {} if counted.least is None else {"min": counted.least, "max": counted.greatest}
