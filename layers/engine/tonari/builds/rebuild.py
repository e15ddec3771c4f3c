"""A rebuild in one process: the four steps one after the other, shard by shard as time allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tonari.builds.assemble import assemble, build_snapshot
from tonari.builds.encode import encode_shard, read_checkpoint
from tonari.builds.gates import refuse_worse
from tonari.builds.look import Plan, RebuildContext, look
from tonari.builds.publish import publish_snapshot
from tonari.encoders.port import Encoder
from tonari.errors import NotReadyError
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import Table

SHARD = 1_000
RESERVE_SECONDS = 240
"""What assembling and publishing may take after the last shard."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a rebuild.

    Parameters
    ----------
    outcome
        ``published``; ``unchanged`` if the live snapshot already says all of it; ``unfinished`` if time ran out and
        the next run goes on; ``superseded`` if another rebuild published first; ``refused`` if it is worse than the
        live snapshot by more than the margins.
    snapshot
        The one that is live.
    items, views, encoded, reused, rejected
        Counts; ``encoded`` views went through the encoder in this run, ``reused`` ones did not.
    generation
        Of the head.
    why
        It was refused, in words.
    """

    outcome: Literal["published", "unchanged", "unfinished", "superseded", "refused"]
    snapshot: str | None = None
    items: int = 0
    views: int = 0
    encoded: int = 0
    reused: int = 0
    rejected: int = 0
    generation: int = 0
    why: str = ""


def rebuild(context: RebuildContext) -> Rebuilt:
    """Build a snapshot of the present catalogue and publish it.

    Raises
    ------
    NotReadyError
        If no encoder has been chosen.
    InvalidCatalogueError
        If ``schema.json`` cannot be read.
    StoreError
    """
    read = read_head(context.artefacts)
    name = read.head.next_encoder or read.head.encoder
    if name is None:
        raise NotReadyError("No encoder has been chosen: run `tonari init`, which uploads the default one.")
    encoder = context.load(name)
    plan = look(context, read.head, name)
    keys, finished = _encode(context, plan, encoder)
    checkpoints = [read_checkpoint(context.artefacts, name, key) for key in keys]
    encoded = sum(len(checkpoint.keys) for checkpoint in checkpoints)
    if not finished:
        return Rebuilt("unfinished", read.head.snapshot, encoded=encoded, generation=read.head.generation)
    table, rejected = assemble(plan, checkpoints, encoder.dimensions)
    done = Rebuilt("published", None, len(table), len(table.views), encoded, len(table.views) - encoded, len(rejected))
    settled = name == read.head.encoder and not read.head.segments
    if plan.live and settled and _same(plan.live, plan, table, rejected):
        context.artefacts.delete(*plan.checkpoints, *keys)
        return replace(done, outcome="unchanged", snapshot=plan.live.id, generation=read.head.generation)
    snapshot = build_snapshot(name, plan.schema, table, rejected, context.progress)
    if plan.live and (why := refuse_worse(context.artefacts, plan.live, snapshot, context.margins)):
        return replace(done, outcome="refused", snapshot=plan.live.id, generation=read.head.generation, why=why)
    published = publish_snapshot(context, read.head, snapshot, encoder)
    if published is None:
        return replace(done, outcome="superseded", snapshot=read_head(context.artefacts).head.snapshot)
    context.artefacts.delete(*plan.checkpoints, *keys)
    context.progress("published", len(table.views), len(table.views))
    return replace(done, snapshot=snapshot.id, generation=published.head.generation)


def _encode(context: RebuildContext, plan: Plan, encoder: Encoder) -> tuple[list[str], bool]:
    """Encode shard after shard while there is time; gives the checkpoints' keys, and whether all is encoded."""
    total, done = len(plan.to_encode()), 0
    context.progress("encode", 0, total)
    keys: list[str] = []
    for shard in plan.shards(SHARD):
        if keys and context.remaining() < RESERVE_SECONDS:
            return keys, False
        before = done

        def progress(count: int, before: int = before) -> None:
            context.progress("encode", before + count, total)

        keys.append(encode_shard(context.catalogue, context.artefacts, encoder, shard, progress))
        done += len(shard.keys)
        context.progress("encode", done, total)
    return keys, True


def _same(live: Snapshot, plan: Plan, table: Table, rejected: Mapping[str, str]) -> bool:
    return live.schema == plan.schema and live.rejected.keys() == rejected.keys() and live.table.made_from_same(table)
