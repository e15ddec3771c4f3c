"""Worlds by seed: every use case at once, at every bucket call another may go on, and all faults."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from simulation.faults import Fault
from simulation.invariants import Violation
from simulation.world import Cast, play
from torture.figure import Figure, Say

SEEDS = 10_000
CHUNK = 250
"""Seeds that one process plays: each world leaves a little behind."""


@dataclass
class Played:
    """What became of some seeds."""

    seeds: int = 0
    calls: int = 0
    publishes: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    seeds = range(seed, seed + max(1, round(SEEDS * share)))
    whole = Played()
    for part in _play_all([seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]):
        whole.seeds += part.seeds
        whole.calls += part.calls
        whole.publishes += part.publishes
        whole.faults += part.faults
        whole.failed += part.failed
        say(f"seeds: {whole.seeds:,} of {len(seeds):,}, {len(whole.failed)} failed {' '.join(part.failed)}")
    cast = Cast()
    what = (
        f"interleavings: {cast.rebuilders} rebuilders, {cast.reindexers} reindexers, collector, operator, "
        f"{cast.readers} readers"
    )
    met = ", ".join(f"{count:,} x {fault}" for fault, count in whole.faults.most_common())
    note = f"{whole.calls:,} bucket calls, {whole.publishes:,} heads; {met}. {' | '.join(whole.failed[:3])}"
    yield Figure(what, len(seeds), len(whole.failed), note.strip())


def _play_all(chunks: Sequence[Sequence[int]]) -> Iterator[Played]:
    if len(chunks) == 1:
        yield _play(chunks[0])
        return
    with multiprocessing.get_context("spawn").Pool(maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_play, chunks)


def _play(seeds: Sequence[int]) -> Played:
    played = Played()
    for number in seeds:
        played.seeds += 1
        try:
            outcome = play(number)
        except Violation as violation:
            again = f"python -m torture seeds --share 0.0001 --seed {number}"
            played.failed.append(f"seed {number}: {violation}; again: {again}")
            continue
        played.calls += outcome.calls
        played.publishes += outcome.publishes
        played.faults += outcome.faults
    return played
