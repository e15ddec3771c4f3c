"""Shards of a rebuild that wait in the bucket for whoever encodes them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from tonari.builds.encode import Shard, in_parallel
from tonari.catalogue.passages import Passage
from tonari.contract.artefacts import ShardHeader, ShardRef
from tonari.errors import CorruptArtefactError
from tonari.storage.bucket import Bucket
from tonari.storage.packing import pack, read_named, write_named

PLANS = "work/plans/"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoredShards:
    """Shards in the bucket.

    Parameters
    ----------
    key
        Of the list that names them: a JSON array of :class:`tonari.contract.artefacts.ShardRef`, as a map of Step
        Functions reads it.
    count
        How many there are.
    """

    key: str
    count: int


def write_shards(artefacts: Bucket, build: str, shards: Iterable[Shard]) -> StoredShards:
    """Write shards, and a list of them, under the id of a rebuild."""
    prefix = f"{PLANS}{build}/"
    keys = list(in_parallel(lambda shard: write_named(artefacts, prefix, _packed(shard)), shards))
    listed = f"{prefix}{secrets.token_hex(4)}.json"
    artefacts.create(listed, msgspec.json.encode([ShardRef(key) for key in keys]))
    return StoredShards(listed, len(keys))


def read_shard(artefacts: Bucket, key: str) -> Shard:
    """Read a shard.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one in its key, or another version wrote it.
    StoreError
    """
    about = read_named(artefacts, key).about(ShardHeader)
    if about.format != FORMAT:
        raise CorruptArtefactError(f"{key} was written by another version: rebuild.")
    return Shard(about.encoder, about.keys, {name: Passage(*words) for name, words in about.passages.items()})


def delete_shards(artefacts: Bucket, build: str) -> None:
    """Delete what a rebuild planned."""
    artefacts.delete(*(found.key for found in artefacts.list(f"{PLANS}{build}/")))


def _packed(shard: Shard) -> bytes:
    passages = {key: (passage.title, passage.text) for key, passage in shard.passages.items()}
    return pack(ShardHeader(FORMAT, shard.encoder, shard.keys, passages), {})
