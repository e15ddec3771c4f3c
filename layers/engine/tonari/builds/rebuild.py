"""A rebuild in one process: the four steps one after the other, shard by shard as time allows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tonari.builds.assemble import assemble, build_snapshot
from tonari.builds.describe import describe
from tonari.builds.encode import Checkpoint, encode_shard, read_checkpoint
from tonari.builds.gates import refuse_worse
from tonari.builds.lease import give_back, new_build, signing, take
from tonari.builds.look import Plan, RebuildContext, look
from tonari.builds.publish import publish_snapshot
from tonari.builds.read_documents import write_documents
from tonari.builds.resuming import find_loading
from tonari.config import SHARD
from tonari.contract.artefacts import Head, Lease
from tonari.encoders.port import Encoder
from tonari.errors import (
    EngineUnavailableError,
    NotReadyError,
    OutOfTimeError,
    StoreError,
    UnfaithfulEngineError,
)
from tonari.loading.live import bring_up, follow_if_possible
from tonari.loading.load import loaded_items
from tonari.snapshots.canaries import encode_picture
from tonari.snapshots.head import ReadHead, read_head
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.snapshot_words import wants_words
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import Table
from tonari.storage.bucket import Bucket
from tonari.storage.scratch import scratch

RESERVE_SECONDS, RESERVE_PER_VIEW = 30.0, 9e-4
"""What assembling and publishing may take after the last shard."""
BUILDING = "building-"
LAST_SECONDS = 10.0
"""With less time left a run gives up in good order."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a rebuild.

    Parameters
    ----------
    outcome
        ``published``; ``unchanged`` if the live snapshot already says all of it; ``unfinished`` if time ran out and
        the next run goes on; ``busy`` if another rebuild is running; ``superseded`` if another one, or whoever went
        back to an earlier snapshot, took the lease meanwhile; ``refused`` if it is worse than the live snapshot by more
        than the margins, or the search engine elsewhere does not hold or answer what was loaded into it.
    build
        Id of the rebuild: give it to the next run of an unfinished one.
    snapshot
        The one that is live.
    items, views, encoded, reused, rejected
        Counts; ``encoded`` views went through the encoder in this run, ``reused`` ones did not.
    generation
        Of the head.
    why
        It was refused, or the search engine elsewhere could not follow what is live, in words.
    acceptable
        Whether it was refused for being worse alone: margins that are wide enough let it through.
    ignored
        How many keys of the catalogue belong to no item.
    cut
        Of how many passages the encoder left out the end.
    """

    outcome: Literal["published", "unchanged", "unfinished", "busy", "superseded", "refused"]
    build: str
    snapshot: str | None = None
    items: int = 0
    views: int = 0
    encoded: int = 0
    reused: int = 0
    rejected: int = 0
    generation: int = 0
    why: str = ""
    acceptable: bool = False
    ignored: int = 0
    cut: int = 0


def rebuild(context: RebuildContext, build: str = "") -> Rebuilt:
    """Build a snapshot of the present catalogue and publish it.

    Parameters
    ----------
    build
        Id of the rebuild, if an earlier run began it or somebody took the lease for it.

    Raises
    ------
    NotReadyError
        If no encoder has been chosen.
    InvalidCatalogueError
        If ``schema.json`` cannot be read.
    OutOfTimeError
        If assembling takes longer than a run may.
    StoreError
    """
    build = build or new_build()
    started = start(context.artefacts, build)
    if started is None or started.head.lease is None:
        head = read_head(context.artefacts).head
        return Rebuilt("busy", build, head.snapshot, generation=head.generation)
    alive = replace(context, progress=signing(context.artefacts, build, context.progress))
    try:
        done = _rebuild(alive, started.head, started.head.lease)
    except BaseException:
        with suppress(StoreError):
            give_back(context.artefacts, started.head.lease)
        raise
    if done.outcome == "unfinished":
        now = read_head(context.artefacts).head
        return done if now.lease == started.head.lease else replace(done, outcome="superseded")
    now = give_back(context.artefacts, started.head.lease).head
    return replace(done, snapshot=now.snapshot, generation=now.generation)


def start(artefacts: Bucket, build: str) -> ReadHead | None:
    """Take the lease for a rebuild; None if another one is running.

    Raises
    ------
    NotReadyError
        If no encoder has been chosen.
    """
    head = read_head(artefacts).head
    if not (head.next_encoder or head.encoder):
        raise NotReadyError("No encoder has been chosen: run `tonari init`, which uploads the default one.")
    return take(artefacts, build)


def _rebuild(context: RebuildContext, started: Head, lease: Lease) -> Rebuilt:
    done = Rebuilt("unfinished", lease.build, started.snapshot, generation=started.generation)
    name = started.next_encoder or started.encoder or ""
    try:
        plan = look(context, started, name)
    except OutOfTimeError as error:
        context.progress(error.detail, 0, 0)
        return done
    in_time = replace(context, progress=_in_time(context))
    if loaded := _publish_loaded(in_time, started, plan, done):
        return loaded
    encoder = context.load(name)
    checkpoints, keys, finished = _encode(context, plan, encoder)
    encoded = sum(len(checkpoint.keys) for checkpoint in checkpoints)
    if not finished:
        if len(plan.read):
            write_documents(context.artefacts, plan.documents_read())
        return replace(done, encoded=encoded)
    table, rejected = assemble(plan, checkpoints, encoder.dimensions)
    done = replace(
        done,
        items=len(table),
        views=len(table.views),
        encoded=encoded,
        reused=len(table.views) - encoded,
        rejected=len(rejected),
        ignored=sum(one.count for one in plan.ignored.values()),
        cut=int(np.count_nonzero(table.view_cut)),
    )
    if done.cut:
        context.progress(cut_remark(done.cut, len(table.views)), 0, 0)
    settled = name == started.encoder and not started.segments
    if plan.live and settled and _same(plan.live, plan, table, rejected):
        context.artefacts.delete(*plan.checkpoints, *keys)
        return _brought_up(in_time, replace(done, outcome="unchanged"), plan.live)
    described = describe(plan.schema, encoder, context.progress)
    built = build_snapshot(name, plan.schema, table, rejected, in_time.progress, described)
    snapshot = replace(built, picture=encode_picture(encoder), ignored=plan.ignored)
    done = _published(in_time, started, plan, snapshot, done)
    if done.outcome == "published":
        context.artefacts.delete(*plan.checkpoints, *keys)
        context.progress("published", len(table.views), len(table.views))
    return done


def _published(context: RebuildContext, started: Head, plan: Plan, snapshot: Snapshot, done: Rebuilt) -> Rebuilt:
    """Write and publish a snapshot, unless it is worse than the live one."""
    if plan.live and (why := refuse_worse(context.artefacts, plan.live, snapshot, context.margins)):
        return replace(done, outcome="refused", why=why, acceptable=True)
    with scratch(context.cache, BUILDING) as folder:
        write_snapshot(context.artefacts, snapshot, folder, context.progress)
    if stopped := _publish(context, started, snapshot, plan.live):
        return replace(done, outcome=stopped.outcome, why=stopped.why)
    return replace(done, outcome="published", why=_follow(context))


def cut_remark(cut: int, views: int) -> str:
    """Say of how many views the encoder left out the end."""
    return f"{cut:,} of {views:,} views are passages that the encoder cuts: they have more tokens than it takes"


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Why a snapshot was not published."""

    outcome: Literal["unfinished", "superseded", "refused"]
    why: str = ""


def _publish(
    context: RebuildContext, started: Head, snapshot: Snapshot, live: Snapshot | None, changed: Collection[str] = ()
) -> _Stopped | None:
    """Publish a snapshot whose files are written; gives why that was not done."""
    before = loaded_items(context.database, snapshot.id)
    try:
        unreadable = None if live else started.snapshot
        published = publish_snapshot(context, started, snapshot, changed, unreadable=unreadable)
    except UnfaithfulEngineError as error:
        return _Stopped("refused", error.detail)
    except OutOfTimeError as error:
        if loaded_items(context.database, snapshot.id) <= before:
            raise
        context.progress(error.detail, 0, 0)
        return _Stopped("unfinished")
    return None if published else _Stopped("superseded")


def _publish_loaded(context: RebuildContext, started: Head, plan: Plan, done: Rebuilt) -> Rebuilt | None:
    """Publish a snapshot that an earlier run was loading into the search engine elsewhere; None if there is none."""
    found = find_loading(context, started, plan.known.encoder, plan.schema)
    if found is None:
        return None
    context.progress(f"snapshot {found.snapshot.id} goes on being loaded", 0, 0)
    views = len(found.snapshot.table.views)
    done = replace(done, items=len(found.snapshot.table), views=views, reused=views)
    if stopped := _publish(context, started, found.snapshot, plan.live, found.changed):
        return replace(done, outcome=stopped.outcome, why=stopped.why)
    return replace(done, outcome="published", why=_follow(context))


def _brought_up(context: RebuildContext, done: Rebuilt, live: Snapshot) -> Rebuilt:
    """See to it that the search engine elsewhere holds what is live."""
    if context.database is None:
        return done
    before = loaded_items(context.database, live.id)
    try:
        bring_up(context.database, context.artefacts, context.cache, context.progress, context.remaining, live)
    except (EngineUnavailableError, UnfaithfulEngineError) as error:
        return replace(done, why=error.detail)
    except OutOfTimeError as error:
        if loaded_items(context.database, live.id) <= before:
            return replace(done, why=error.detail)
        context.progress(error.detail, 0, 0)
        return replace(done, outcome="unfinished")
    return done


def _follow(context: RebuildContext) -> str:
    return follow_if_possible(context.database, context.artefacts, context.cache) if context.database else ""


def _encode(context: RebuildContext, plan: Plan, encoder: Encoder) -> tuple[list[Checkpoint], list[str], bool]:
    """Encode shard after shard while there is time; gives checkpoints, their keys, and whether there is time to go on.

    A run that has read and encoded nothing goes on in any case: the next one would have no more time.
    """
    total, done = len(plan.to_encode()), 0
    reserve = RESERVE_SECONDS + RESERVE_PER_VIEW * len(plan.numbers)
    context.progress("encode", 0, total)
    keys: list[str] = []
    for shard in plan.shards(SHARD):
        if keys and context.remaining() < reserve:
            break
        before = done

        def progress(count: int, before: int = before) -> None:
            context.progress("encode", before + count, total)

        keys.append(encode_shard(context.catalogue, context.artefacts, encoder, shard, progress))
        done += len(shard.keys)
        context.progress("encode", done, total)
    checkpoints = [read_checkpoint(context.artefacts, plan.known.encoder, key) for key in keys]
    in_time = context.remaining() >= reserve or not (keys or len(plan.read))
    return checkpoints, keys, done == total and in_time


def _in_time(context: RebuildContext) -> Callable[[str, int, int], None]:
    """Report progress, and give up when there is too little time for more."""

    def report(stage: str, done: int, total: int) -> None:
        context.progress(stage, done, total)
        if context.remaining() < LAST_SECONDS:
            raise OutOfTimeError(
                f"Time ran out at the stage '{stage}', though all views were encoded before: let the rebuild function "
                "run longer (RebuildTimeout) or give it more memory (RebuildMemory), or run `tonari rebuild` yourself."
            )

    return report


def _same(live: Snapshot, plan: Plan, table: Table, rejected: Mapping[str, str]) -> bool:
    told = live.rejected.keys() == rejected.keys() and live.ignored == plan.ignored
    read = live.schema == plan.schema and live.table.unusable == table.unusable
    return read and told and not wants_words(live.words) and live.table.made_from_same(table)
