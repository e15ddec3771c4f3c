"""Why snapshots were not published: kept for whoever asks, the last twenty."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tonari.builds.gates import Metrics, Regression
from tonari.storage.bucket import Bucket

PREFIX = "refusals/"
FORMAT = 1
KEPT = 20


def write_refusal(
    artefacts: Bucket, snapshot: str, live: str, falls: Sequence[Regression], worth: Metrics, now: dt.datetime
) -> None:
    """Record that a snapshot was refused, against which live one, and all its figures; forget the oldest."""
    refusal = {
        "format": FORMAT,
        "id": snapshot,
        "at": now.isoformat(timespec="seconds"),
        "live": live,
        "falls": [asdict(fall) for fall in falls],
        "recall": dict(worth.recall),
        "attributes": dict(worth.attributes),
    }
    artefacts.create(f"{PREFIX}{snapshot}.json", json.dumps(refusal, indent=1).encode())
    if old := _keys(artefacts)[:-KEPT]:
        artefacts.delete(*old)


def newest_refusal(artefacts: Bucket, live: str | None) -> dict[str, Any] | None:
    """Give the newest refusal, if it was measured against the snapshot that is live; None if nothing stands open."""
    keys = _keys(artefacts)
    if not keys:
        return None
    refusal: dict[str, Any] = json.loads(artefacts.get(keys[-1]).data)
    return refusal if refusal["live"] == live else None


def _keys(artefacts: Bucket) -> list[str]:
    """Keys of all refusals, oldest first, as ids sort by time."""
    return sorted(found.key for found in artefacts.list(PREFIX))
