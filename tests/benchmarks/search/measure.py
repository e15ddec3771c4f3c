"""One engine on one set: build it, then recall and times in every cell."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .filters import Cell, K, Prepared, as_json, cells
from .peers.base import Asked, Engine

GOOD = 0.99
REPEATS = 4
WARM_UP = 5
PATIENCE = 2.0
"""Seconds after which a setting that is tried gets no further queries, if it has had `FEWEST` or one took as long."""
FEWEST = 10
TIE = 1e-6


def measure(engine: Engine, given: Prepared, folder: Path) -> Iterator[dict[str, Any]]:
    """Build and ask.

    Yields
    ------
    After each cell, what is known: `build_seconds`, `memory` and `disk` in bytes, `about`, `load` before and after, and
    the `cells` so far.
    """
    load = os.getloadavg()[0]
    before = _anonymous_bytes()
    began = time.perf_counter()
    engine.build(given, folder)
    built = time.perf_counter() - began
    gc.collect()
    memory = _anonymous_bytes() - before
    measured = []
    for cell in cells():
        measured.append({**as_json(cell), **_cell(engine, given, cell)})
        yield {
            "build_seconds": built,
            "memory": memory,
            "disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            "about": engine.about(),
            "load": [load, os.getloadavg()[0]],
            "cells": measured,
        }


def _cell(engine: Engine, given: Prepared, cell: Cell) -> dict[str, Any]:
    tried = []
    for setting in engine.settings(cell):
        tried.append((setting, *_ask(engine, given, cell, setting, PATIENCE)))
        if tried[-1][1] >= GOOD:
            break
    setting, recall, foreign, times = max(tried, key=lambda one: one[1])
    rounds = [times, *_repeat(engine, given, cell, setting, len(times), times[0])]
    return {
        "setting": str(setting),
        "recall": recall,
        "foreign": foreign,
        "asked": len(times),
        "p50": min(float(np.median(one)) for one in rounds),
        "p99": min(float(np.quantile(one, 0.99)) for one in rounds),
    }


def _ask(engine: Engine, given: Prepared, cell: Cell, setting: Any, patience: float) -> tuple[float, int, list[float]]:
    """Give recall@10 against the float32 vectors, how many results were out of range, and seconds per query."""
    rows, queries, least = given.rows, given.queries, given.least(cell)
    shares, times, foreign = [], [], 0
    for number, query in enumerate(queries[: engine.asks]):
        mask = given.mask(cell, number)
        ready = engine.ready(Asked(cell, number, mask), setting)
        found, spent = _timed(engine, query, ready)
        for _ in range(WARM_UP if number == 0 and spent < patience else 0):
            found, spent = _timed(engine, query, ready)
        times.append(spent)
        named = np.unique(np.asarray(found, np.int64))
        named = named[(named >= 0) & (named < len(rows))]
        inside = named if mask is None else named[mask[named]]
        foreign += len(named) - len(inside)
        shares.append(np.count_nonzero(rows[inside] @ query >= least[number] - TIE) / K)
        if sum(times) > patience and (len(times) >= FEWEST or spent > patience):
            break
    return float(np.mean(shares)), foreign, times


def _timed(engine: Engine, query: NDArray[np.float32], ready: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    found = engine.search(query, K, ready)
    return found, time.perf_counter() - began


def _repeat(engine: Engine, given: Prepared, cell: Cell, setting: Any, count: int, first: float) -> list[list[float]]:
    """Ask the same again, one query right after the other."""
    readies = [engine.ready(Asked(cell, number, given.mask(cell, number)), setting) for number in range(count)]
    queries = given.queries[:count]
    rounds: list[list[float]] = []
    spent = 0.0
    while len(rounds) < REPEATS and spent < 2 * PATIENCE and first < PATIENCE:
        times = []
        for query, ready in zip(queries, readies, strict=True):
            times.append(_timed(engine, query, ready)[1])
        rounds.append(times)
        spent += sum(times)
    return rounds


def _anonymous_bytes() -> int:
    """Memory of this process and its children that no file backs."""
    pids = [os.getpid()]
    for pid in pids:
        children = Path(f"/proc/{pid}/task/{pid}/children")
        pids += [int(child) for child in children.read_text().split()] if children.exists() else []
    return sum(_anonymous(Path(f"/proc/{pid}/status")) for pid in pids)


def _anonymous(status: Path) -> int:
    for line in status.read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
