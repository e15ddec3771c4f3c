"""Why snapshots were not published: kept for whoever asks, the last twenty."""

from __future__ import annotations

from tonari.contract.artefacts import Refusal, decode, encode
from tonari.storage.bucket import Bucket

PREFIX = "refusals/"
FORMAT = 1
KEPT = 20


def write_refusal(artefacts: Bucket, refusal: Refusal) -> None:
    """Record that a snapshot was refused; forget the oldest."""
    artefacts.create(f"{PREFIX}{refusal.id}.json", encode(refusal))
    if old := _keys(artefacts)[:-KEPT]:
        artefacts.delete(*old)


def newest_refusal(artefacts: Bucket, live: str | None) -> Refusal | None:
    """Give the newest refusal, if it was measured against the snapshot that is live; None if nothing stands open.

    Raises
    ------
    CorruptArtefactError
        If it cannot be read.
    """
    keys = _keys(artefacts)
    if not keys:
        return None
    refusal = decode(artefacts.get(keys[-1]).data, Refusal, keys[-1])
    return refusal if refusal.live == live else None


def _keys(artefacts: Bucket) -> list[str]:
    """Keys of all refusals, oldest first, as ids sort by time."""
    return sorted(found.key for found in artefacts.list(PREFIX))
