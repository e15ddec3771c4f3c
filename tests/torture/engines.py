"""The worlds of :mod:`torture.seeds` with a vector database attached: its calls are met by the same faults."""

from __future__ import annotations

from collections.abc import Iterator

from simulation.engine_world import EngineWorld
from torture.figure import Figure, Say
from torture.seeds import play_many


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    what = "interleavings with a vector database that answers searches"
    yield play_many("engines", EngineWorld, what, share, seed, say)
