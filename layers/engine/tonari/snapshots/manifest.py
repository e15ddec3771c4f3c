"""What a snapshot says of itself, and its files: named, fetched and verified."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tonari.contract.artefacts import Manifest
from tonari.contract.forms import check_seal, decode
from tonari.errors import CorruptArtefactError
from tonari.index.bounds import demand
from tonari.snapshots.head import SNAPSHOTS
from tonari.storage.bucket import Bucket
from tonari.storage.cache import CachedFile, fetch

FORMAT = 9
MANIFEST = "manifest.json"
TABLE, VECTORS, CODES, CLASSES = "table.pack", "vectors.pack", "codes.pack", "classes.pack"
CANARIES = "canaries.pack"
FILES = (TABLE, VECTORS, CODES, CLASSES, CANARIES)
"""What every snapshot serves from."""
GRAPH = "graph.usearch"
"""What a snapshot serves from as well where the graph is worth it."""
LATER = (VECTORS, GRAPH)
"""What answers need not wait for where candidates are found by rotated vectors."""
REPORT, AUDIT = "report.json", "audit.json"
REPORTED = (REPORT, AUDIT)
"""What is written for people to read: never fetched to serve."""


def read_manifest(artefacts: Bucket, name: str) -> Manifest:
    """Read what a snapshot says of itself.

    Raises
    ------
    CorruptArtefactError
        If it is damaged, or of another version's form or format.
    """
    data = artefacts.get(f"{SNAPSHOTS}{name}/{MANIFEST}").data
    said = decode(data, _Format, MANIFEST).format
    if said != FORMAT:
        remedy = "update tonari" if said > FORMAT else "rebuild"
        raise CorruptArtefactError(f"{MANIFEST} has format {said}, this version reads {FORMAT}: {remedy}.")
    manifest = check_seal(decode(data, Manifest, MANIFEST), MANIFEST)
    demand(manifest.id == name, f"{MANIFEST} of the snapshot {name} is that of {manifest.id}")
    return manifest


class _Format(msgspec.Struct, frozen=True):
    format: int


def fetch_all(artefacts: Bucket, manifest: Manifest, cache: Path, files: Sequence[str]) -> dict[str, CachedFile]:
    """Download what the cache lacks of some files of a snapshot, in parallel, and verify it.

    Raises
    ------
    CorruptArtefactError
        If one has another sha256 than the manifest records, or is not listed there.
    """
    missing = [file for file in files if file not in manifest.files]
    if missing:
        raise CorruptArtefactError(f"{MANIFEST} of {manifest.id} lists no {missing[0]}: rebuild.")
    prefix, in_use = f"{SNAPSHOTS}{manifest.id}/", needed(manifest)
    with ThreadPoolExecutor(len(files)) as pool:
        fetched = pool.map(lambda file: fetch(artefacts, prefix + file, cache, manifest.files[file], in_use), files)
        return dict(zip(files, fetched, strict=True))


def needed(manifest: Manifest) -> frozenset[str]:
    """Name what of the cache a snapshot is served from."""
    return frozenset((manifest.encoder, *manifest.files.values()))


def manifest_of(artefacts: Bucket, name: str, encoder: str | None) -> Manifest:
    """Read what a snapshot says of itself, and compare the encoder that made its embeddings, unless it is None."""
    manifest = read_manifest(artefacts, name)
    made = encoder in (None, manifest.encoder)
    demand(made, f"The snapshot {name} has embeddings of encoder {manifest.encoder}, not of {encoder}")
    return manifest


def served(manifest: Manifest) -> list[str]:
    """Name the files that a snapshot serves from."""
    return [*FILES, *([GRAPH] if GRAPH in manifest.files else [])]
