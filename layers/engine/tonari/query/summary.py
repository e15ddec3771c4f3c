"""What a generation holds, in a few words: for health checks, and for whoever wants to offer filters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tonari.fields.columns import ClassColumn, Column, NumberColumn
from tonari.index.planner import Tuning
from tonari.query.serving import Serving

MOST_VALUES = 50
SAMPLES = 12


def count_items(serving: Serving) -> int:
    """Count the items that can be found."""
    base = len(serving.snapshot.table) if serving.alive is None else int(serving.alive.sum())
    return base + len(serving.overlay)


def summarise(serving: Serving) -> dict[str, Any]:
    """Describe a generation as JSON: what is live, how much of it, its attributes, the range of each field."""
    head, snapshot = serving.read.head, serving.snapshot
    table = snapshot.table
    alive_views = len(table.views) if serving.alive is None else int(serving.alive[table.views.item].sum())
    return {
        "generation": head.generation,
        "snapshot": snapshot.id,
        "encoder": {
            "id": snapshot.encoder,
            "name": serving.encoder.config.name,
            "dimensions": serving.encoder.dimensions,
        },
        "items": count_items(serving),
        "views": alive_views + len(serving.overlay.views),
        "segments": len(head.segments),
        "recall": dict(snapshot.recall),
        "search": _way(table.index.tuning),
        "rejected": {"count": len(serving.rejected), "first": dict(list(serving.rejected.items())[:SAMPLES])},
        "attributes": {name: list(one.classes) for name, one in snapshot.learned.items()},
        "fields": {
            name: {"type": field.type, **_range(table.columns[name], field.type)}
            for name, field in snapshot.schema.fields.items()
            if field.filterable
        },
        "samples": _samples(serving),
    }


def _way(tuning: Tuning) -> dict[str, str]:
    """Tell how a range that is too large to be scanned at once is searched, and why so if by a scan nevertheless."""
    way = "scan" if not tuning.probes else "graph and cells" if tuning.graph else "cells"
    return {"large_ranges": way, "reason": tuning.reason}


def _range(column: Column, kind: str) -> dict[str, Any]:
    if isinstance(column, NumberColumn):
        known = column.values[~np.isnan(column.values)]
        if kind == "date" or not len(known):
            return {}
        return {"min": float(known.min()), "max": float(known.max())}
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.classes))
    order = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    if isinstance(column, ClassColumn) and kind == "boolean":
        return {}
    return {"values": [column.classes[code] for code in order]}


def _samples(serving: Serving) -> list[str]:
    table = serving.snapshot.table
    shown = np.unique(table.views.item)
    if serving.alive is not None:
        shown = shown[serving.alive[shown]]
    chosen = shown[np.unique(np.linspace(0, len(shown) - 1, SAMPLES).astype(int))] if len(shown) else shown
    return [table.id(int(position)) for position in chosen]
