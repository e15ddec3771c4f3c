"""Whether a collection holds what its snapshot has, and answers as the snapshot's own exact search does."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from tonari.contract.database import CollectionState, Database, NearestQuery, Record
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.errors import UnfaithfulEngineError
from tonari.index.planner import find
from tonari.index.vectors import from_fixed
from tonari.snapshots.records import RecordMaker
from tonari.snapshots.snapshot import Snapshot

LEAST_RECALL = 0.95
K = 10
QUERIES = 100
RECORDS = 100
SEED = 7
STAYS = 0.8
"""Cosine between a query and the view from which it was turned away."""
SCORE_NEAR, EMBEDDING_NEAR = 1e-4, 5e-3
"""What arithmetic elsewhere may change of a score, and of each number of an embedding."""


def check_collection(
    database: Database,
    name: str,
    state: CollectionState,
    snapshot: Snapshot,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> float:
    """Compare counts, a sample of records and a sample of approximate answers with the snapshot.

    Items that were changed since are left out of the comparison.

    Parameters
    ----------
    snapshot
        With its embeddings.
    tick
        Told how many queries have been asked, and of how many.

    Returns
    -------
    Recall@10 of approximate answers; 1 if there is nothing to ask for.

    Raises
    ------
    UnfaithfulEngineError
        If a count or record differs, or recall is below 0.95.
    EngineUnavailableError
    """
    changed = {one.id: one.state for one in database.states(name, since=1)}
    _check_counts(database, name, state, snapshot, changed)
    rng = np.random.default_rng(SEED)
    _check_records(database, name, snapshot, changed, rng)
    recall = _recall(database, name, snapshot, changed, rng, tick)
    if recall < LEAST_RECALL:
        raise UnfaithfulEngineError(
            f"Approximate answers from {name} have recall@{K} {recall:.3f}, at least {LEAST_RECALL} is needed: let the "
            "engine search more widely (its index settings), then load again."
        )
    return recall


def _check_counts(
    database: Database, name: str, state: CollectionState, snapshot: Snapshot, changed: dict[str, str | None]
) -> None:
    found = database.count(name, EVERYTHING)
    replaced = int(np.count_nonzero(snapshot.table.positions([*changed]) >= 0)) if changed else 0
    items = state.items - replaced + sum(one is not None for one in changed.values())
    views = found.views if changed else state.views
    if (found.items, found.views) != (items, views):
        raise UnfaithfulEngineError(
            f"{name} holds {found.items:,} items and {found.views:,} views, {items:,} and {views:,} were written: drop "
            f"it (tonari engine drop {name}) and load again."
        )


def _check_records(
    database: Database, name: str, snapshot: Snapshot, changed: Collection[str], rng: np.random.Generator
) -> None:
    table, maker = snapshot.table, RecordMaker.of(snapshot.schema)
    chosen = np.sort(rng.permutation(len(table))[:RECORDS]).tolist()
    wanted = [one for one in maker.records(table, chosen) if one.id not in changed]
    found = {one.id: one for one in database.read(name, [one.id for one in wanted])} if wanted else {}
    for one in wanted:
        if one.id not in found or not _alike(one, found[one.id]):
            raise UnfaithfulEngineError(
                f"{name} does not hold {one.id!r:.60} as the snapshot has it: drop it (tonari engine drop {name}) and "
                "load again."
            )


def _alike(wanted: Record, found: Record) -> bool:
    if (wanted.state, wanted.views) != (found.state, found.views):
        return False
    return not wanted.views or bool(np.allclose(wanted.embeddings, found.embeddings, atol=EMBEDDING_NEAR))


def _recall(
    database: Database,
    name: str,
    snapshot: Snapshot,
    changed: Collection[str],
    rng: np.random.Generator,
    tick: Callable[[int, int], None],
) -> float:
    """Ask for what lies near some views, half of which were turned away to where no item need be."""
    table = snapshot.table
    allowed = np.ones(len(table), np.bool_)
    positions = table.positions([*changed]) if changed else np.empty(0, np.int64)
    allowed[positions[positions >= 0]] = False
    rows = rng.permutation(len(table.views))[:QUERIES]
    if not len(rows) or not allowed.any():
        return 1.0
    queries = from_fixed(table.views.fixed[rows])
    queries[::2] = STAYS * queries[::2] + np.sqrt(1 - STAYS**2) * np.roll(queries, 1, axis=0)[::2]
    queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-12)
    within, shares = Range(excluded=tuple(sorted(changed))), []
    for done, query in enumerate(queries):
        tick(done, len(queries))
        true = find(query[None], table.index, K, allowed, exact=True).scores
        if len(true):
            found = database.nearest(name, NearestQuery(query, K, within))
            near = sum(one.score >= true[-1] - SCORE_NEAR for one in found)
            shares.append(min(1.0, near / len(true)))
    tick(len(queries), len(queries))
    return float(np.mean(shares)) if shares else 1.0
