"""A rebuild whose shards many processes encode: what each of its steps does, one step a process.

The steps are: plan, encode (once for each shard, at the same time), publish. The last is
:func:`tonari.builds.rebuild.rebuild`, which finds the checkpoints of the shards and encodes what has come since. Each
step may be done again, or twice at a time, without harm: a plan is taken anew, a second checkpoint of a shard says what
the first does, and only who has the lease publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from tonari.builds.encode import encode_shard
from tonari.builds.lease import give_back, sign, signing
from tonari.builds.look import RebuildContext, look
from tonari.builds.read_documents import write_documents
from tonari.builds.rebuild import start
from tonari.builds.shards import read_shard, write_shards
from tonari.config import SHARD
from tonari.errors import LostShardsError, MissingObjectError, OutOfTimeError, StoreError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of planning.

    Parameters
    ----------
    outcome
        ``planned``; ``ready`` if so little is to be encoded that who publishes does it; ``unfinished`` if time ran out
        and the next run goes on; ``busy`` if another rebuild is running.
    build
        Id of the rebuild.
    shards
        How many are to be encoded.
    listed
        Key of the list of the shards; empty if there are none.
    """

    outcome: Literal["planned", "ready", "unfinished", "busy"]
    build: str
    shards: int = 0
    listed: str = ""


def plan_shards(context: RebuildContext, build: str, size: int = SHARD) -> Planned:
    """Take the lease, find out what is to be encoded, and write it down in shards.

    Parameters
    ----------
    build
        Id of the rebuild.
    size
        Views in a shard. No more than that in all is left to who publishes.

    Raises
    ------
    NotReadyError
        If no encoder has been chosen.
    InvalidCatalogueError
        If ``schema.json`` cannot be read.
    StoreError
    """
    started = start(context.artefacts, build)
    if started is None or started.head.lease is None:
        return Planned("busy", build)
    alive = replace(context, progress=signing(context.artefacts, build, context.progress))
    head = started.head
    try:
        plan = look(alive, head, head.next_encoder or head.encoder or "")
        if len(plan.read):
            write_documents(context.artefacts, plan.documents_read())
        if len(plan.to_encode()) <= size:
            return Planned("ready", build)
        stored = write_shards(context.artefacts, build, plan.shards(size))
    except OutOfTimeError as error:
        context.progress(error.detail, 0, 0)
        return Planned("unfinished", build)
    except BaseException:
        with suppress(StoreError):
            give_back(context.artefacts, started.head.lease)
        raise
    return Planned("planned", build, stored.count, stored.key)


def encode_planned(context: RebuildContext, build: str, shard: str) -> Literal["encoded", "superseded"]:
    """Encode a shard and leave its checkpoint, unless the rebuild has lost its lease.

    Parameters
    ----------
    build
        Id of the rebuild.
    shard
        Key of the shard.

    Raises
    ------
    CorruptArtefactError
        If the shard is damaged.
    StoreError
    """
    if not _has_lease(context.artefacts, build):
        return "superseded"
    planned = read_shard(context.artefacts, shard)
    sign(context.artefacts, build)
    report = signing(context.artefacts, build, context.progress)
    encoder = context.load(planned.encoder)
    total = len(planned.keys)
    encode_shard(context.catalogue, context.artefacts, encoder, planned, lambda done: report("encode", done, total))
    return "encoded"


def refuse_lost(artefacts: Bucket, lost: Mapping[str, str]) -> None:
    """Refuse to publish without shards that could not be encoded: their items would vanish from what is found.

    Parameters
    ----------
    lost
        The error by key of the shard.

    Raises
    ------
    LostShardsError
        If there are any.
    """
    if not lost:
        return
    named = [_name(artefacts, key, error) for key, error in sorted(lost.items())[:MOST_NAMED]]
    more = f" and {len(lost) - MOST_NAMED:,} more" if len(lost) > MOST_NAMED else ""
    raise LostShardsError(
        f"{len(lost):,} shards could not be encoded, however often it was tried: {'; '.join(named)}{more}. The "
        "snapshot that is live stays. All other shards are kept, and the next rebuild encodes these alone: if it fails "
        "too, see the log of the rebuild function for the reason, and take the picture or passage out of the catalogue."
    )


def give_up(artefacts: Bucket, build: str) -> None:
    """Give the lease of a rebuild back, if it has it; what was encoded is kept for the next one."""
    lease = read_head(artefacts).head.lease
    if lease is not None and lease.build == build:
        give_back(artefacts, lease)


def _has_lease(artefacts: Bucket, build: str) -> bool:
    lease = read_head(artefacts).head.lease
    return lease is not None and lease.build == build


def _name(artefacts: Bucket, key: str, error: str) -> str:
    try:
        keys = read_shard(artefacts, key).keys
    except MissingObjectError:
        return f"{key} ({error})"
    return f"{key} ({len(keys):,} views from {keys[0]} to {keys[-1]}: {error})"
