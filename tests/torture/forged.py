"""Snapshots that are well signed and wrong: every sha256 is right, the manifest is sealed, and the files do not fit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from damage.drafts import ENCODER, SIZES, sign, take_apart, write_world
from damage.forgeries import forgeries
from tonari.errors import CorruptArtefactError
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.snapshot import load_snapshot, load_tables
from tonari.storage.folder import FolderBucket
from torture.figure import Figure, Say

FORGED = "forged"


def refused(load: Callable[[], object]) -> str:
    """Say what went otherwise than it should: nothing if it is refused as a corrupt artefact."""
    try:
        load()
    except CorruptArtefactError as error:
        return "" if "rebuild" in error.detail or "update" in error.detail else f"without a remedy: {error.detail}"
    except Exception as error:  # noqa: BLE001 - whatever else comes is the failure that is looked for
        return f"{type(error).__name__}: {error}"
    return "it loads"


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Forge snapshots that are searched by scan, by graph and (where there is time for it) by cells."""
    for kind in SIZES:
        if kind == "cells" and share < 0.5:
            continue
        with tempfile.TemporaryDirectory() as place:
            yield trial(kind, Path(place), seed, say)


def trial(kind: str, place: Path, seed: int, say: Say) -> Figure:
    (place / "bucket").mkdir()
    bucket = FolderBucket(place / "bucket")
    random = np.random.default_rng(seed)
    name, another = write_world(bucket, kind, seed), write_world(bucket, kind, seed + 1)
    other = take_apart(bucket, another, random, None)
    sign(bucket, take_apart(bucket, name, random, other), FORGED)
    load_snapshot(bucket, FORGED, place / "control", ENCODER)
    load_tables(bucket, FORGED, place / "control")
    wrong = []
    for what, forge in forgeries(kind).items():
        draft = take_apart(bucket, name, random, other)
        forge(draft)
        bucket.delete(*(found.key for found in bucket.list(f"{SNAPSHOTS}{FORGED}/")))
        sign(bucket, draft, FORGED)
        why = refused(lambda: load_snapshot(bucket, FORGED, place / "cache", ENCODER))
        if why:
            wrong.append(f"{what}: {why}")
            say(f"{kind}: {wrong[-1]}")
    return Figure(f"forged snapshots, {kind}: each loads", len(forgeries(kind)), len(wrong), "; ".join(wrong[:1]))
