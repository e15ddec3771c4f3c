"""Worlds by seed: every use case at once, at every bucket call another may go on, and all faults."""

from __future__ import annotations

import functools
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from simulation.faults import Fault
from simulation.invariants import Violation
from simulation.world import Cast, World, play
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
    cast = Cast()
    what = (
        f"interleavings: {cast.rebuilders} rebuilders, {cast.reindexers} reindexers, collector, operator, "
        f"{cast.readers} readers"
    )
    yield play_many("seeds", World, what, share, seed, say)


def play_many(part: str, kind: type[World], what: str, share: float, seed: int, say: Say) -> Figure:
    """Play worlds of one kind, in several processes, and count what became of them."""
    seeds = range(seed, seed + max(1, round(SEEDS * share)))
    whole = Played()
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    for one in _play_all(functools.partial(_play, part, kind), chunks):
        whole.seeds += one.seeds
        whole.calls += one.calls
        whole.publishes += one.publishes
        whole.faults += one.faults
        whole.failed += one.failed
        say(f"{part}: {whole.seeds:,} of {len(seeds):,}, {len(whole.failed)} failed {' '.join(one.failed)}")
    met = ", ".join(f"{count:,} x {fault}" for fault, count in whole.faults.most_common())
    note = f"{whole.calls:,} calls, {whole.publishes:,} heads; {met}. {' | '.join(whole.failed[:3])}"
    return Figure(what, len(seeds), len(whole.failed), note.strip())


def _play_all(play_some: Callable[[Sequence[int]], Played], chunks: Sequence[Sequence[int]]) -> Iterator[Played]:
    if len(chunks) == 1:
        yield play_some(chunks[0])
        return
    with multiprocessing.get_context("spawn").Pool(maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(play_some, chunks)


def _play(part: str, kind: type[World], seeds: Sequence[int]) -> Played:
    played = Played()
    for number in seeds:
        played.seeds += 1
        try:
            outcome = play(number, kind=kind)
        except Violation as violation:
            again = f"python -m torture {part} --share 0.0001 --seed {number}"
            played.failed.append(f"seed {number}: {violation}; again: {again}")
            continue
        played.calls += outcome.calls
        played.publishes += outcome.publishes
        played.faults += outcome.faults
    return played
