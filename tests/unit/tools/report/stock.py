"""A catalogue with something for every section of a report, hostile texts included."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import Any

import numpy as np

from tonari.builds.assemble import build_snapshot
from tonari.contract.artefacts import Head, SegmentRef
from tonari.contract.findings import Audit, QualityReport, decode_audit, decode_report
from tonari.contract.forms import encode
from tonari.fields.schema import parse_schema
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import AUDIT, REPORT
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import build_table

DIMENSIONS = 16
HOSTILE = "<script>alert('1')</script><img src=x onerror=alert(2)>\"'&$x^{"
CLASSES = ("red", "grün", HOSTILE)
SCHEMA = {
    "fields": {
        "color": {"type": "string", "attribute": True},
        "tags": {"type": "strings", "attribute": True},
        HOSTILE: {"type": "string", "attribute": True},
    }
}


def draw_items(count: int) -> list[IndexedItem]:
    """Draw items in three colours; one in forty is labelled wrongly, one in thirty not at all, one is there twice."""
    random = np.random.default_rng(3)
    directions = random.standard_normal((3, DIMENSIONS)) * 2
    made: list[IndexedItem] = []
    for number in range(count):
        color = number % 3
        vector = directions[color] + random.standard_normal(DIMENSIONS)
        fields: dict[str, Any] = {"tags": ["warm", "new"][: 1 + number % 2], HOSTILE: f"rare {number % 40}"}
        if number % 30 != 7:
            fields["color"] = CLASSES[(color + (number % 40 == 11)) % 3]
        row = to_fixed(vector / np.linalg.norm(vector))
        if number == 1:
            row = made[0].views[0].embedding
        name = f"{HOSTILE.replace('/', '|')} {number}" if number % 2 else f"item-{number}"
        made.append(IndexedItem(name, fields, "d", (IndexedView("front.jpg", f"e{number}", row),)))
    return made


@functools.cache
def stock(count: int = 240) -> Snapshot:
    """Build it."""
    schema = parse_schema(json.dumps(SCHEMA).encode())
    return build_snapshot("e" * 64, schema, build_table(draw_items(count), schema, DIMENSIONS), {"images/x": HOSTILE})


def reported(count: int = 240) -> tuple[Head, Snapshot, str, QualityReport, Audit]:
    """Give what :func:`tonari_tools.report.material.select` takes, as it is read back."""
    snapshot = replace(stock(count), id="20260102T030405-0a0b0c0d")
    head = Head(generation=4, snapshot=snapshot.id, segments=(SegmentRef("s", 1),))
    report, audit = (encode(snapshot.reported[file]) for file in (REPORT, AUDIT))
    return head, snapshot, HOSTILE, decode_report(report), decode_audit(audit)
