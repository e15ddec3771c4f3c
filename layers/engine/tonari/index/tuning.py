"""Learning, when a snapshot is built, how much a search must visit to keep its recall, and measuring that recall.

Views of the snapshot, and vectors some way off them, ask for their neighbours, their own item left out, under filters
of each selectivity: independent of the query, correlated with it (most of what is in range lies near) and against it
(most lies far). What comes back is compared with an exact search.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tonari.index.cells import Cells
from tonari.index.planner import SCAN_BYTES, Probe, Tuning, VectorIndex, find
from tonari.index.trials import KINDS, K, Trial, Trials
from tonari.index.vectors import quantise

GOOD, ENOUGH = 0.995, 0.99
"""Recall@10 that is striven for, and below which cells do not serve."""
TIE = 1e-6
RAISE, RAISES = 1.1, 8
"""By what the reach of searches is raised while they find too little, and how often at most."""
SELECTIVITIES = (1.0, 0.5, 0.1, 0.01, 0.001)
FIRST_CELLS = 16
CANDIDATES = (100, 150, 220, 300)
REACHED = 0.996
"""Share of true neighbours whose cells a search must reach."""
EXPANSIONS = (64, 128, 256, 400, 800)


def calibrate(index: VectorIndex) -> tuple[Tuning, dict[str, float]]:
    """Learn a budget, and measure recall@10 with it at each selectivity.

    Returns
    -------
    The budget, and recall@10 by selectivity, for filters that are independent of the query.
    """
    trials = Trials(index)
    tuning = _learn_cells(index, index.cells, trials) if index.cells is not None else Tuning()
    if tuning.probes:
        tuning = _choose_graph(replace(index, tuning=tuning), trials.make(1.0, "independent"))
    learned = replace(index, tuning=tuning)
    measured = {f"{s:g}": _recall(learned, trials.make(s, "independent")) for s in SELECTIVITIES}
    return tuning, {name: round(value, 4) for name, value in measured.items() if value is not None}


def _learn_cells(index: VectorIndex, cells: Cells, trials: Trials) -> Tuning:
    """Learn an effort for each selectivity at which rows are not simply scanned, the least of those included."""
    probes = []
    scanned = SCAN_BYTES / index.views.codes.size
    for selectivity in (*(one for one in SELECTIVITIES if one > scanned), scanned):
        kinds = KINDS if selectivity < 1 else KINDS[:1]
        learned = [_learn(index, cells, selectivity, trials.make(selectivity, kind)) for kind in kinds]
        recall = min(one for _, one in learned)
        if recall < ENOUGH:
            return Tuning(
                reason=f"Scans serve: at selectivity {selectivity:.3g} cells reach recall@10 of {recall:.3f} only, "
                f"{RAISES} times raised; {ENOUGH} is asked for. Vectors this much alike may need another encoder."
            )
        ratio, candidates = (max(getattr(one, name) for one, _ in learned) for name in ("ratio", "candidates"))
        probes.append(Probe(selectivity, FIRST_CELLS, K, ratio, candidates))
    return Tuning(tuple(probes))


def _learn(index: VectorIndex, cells: Cells, selectivity: float, trials: Sequence[Trial]) -> tuple[Probe, float]:
    """Learn how far to go for one kind of filter, and raise that until recall@10 is as it must be, or raising is vain.

    Of the candidates that are scored again there are then as few as lose no more than many do.

    Returns
    -------
    The effort, and the recall.
    """
    probe = Probe(selectivity, FIRST_CELLS, K, _ratio(cells, trials), CANDIDATES[-1])
    if not any(trial.truth for trial in trials):
        return replace(probe, candidates=CANDIDATES[0]), 1.0

    def reached(probe: Probe) -> float:
        return _recall(replace(index, tuning=Tuning((probe,))), trials) or 0.0

    recall = reached(probe)
    for _ in range(RAISES):
        if recall >= GOOD:
            break
        probe = replace(probe, ratio=probe.ratio * RAISE)
        recall = reached(probe)
    for candidates in CANDIDATES[:-1]:
        fewer = replace(probe, candidates=candidates)
        if reached(fewer) >= recall:
            return fewer, recall
    return probe, recall


def _ratio(cells: Cells, trials: Sequence[Trial]) -> float:
    """Learn how many times as far off as the last true neighbour a true neighbour's cell may be."""
    ratios = [np.ones(1, np.float32)]
    for trial in trials:
        if len(trial.rows) == K:
            order, far = cells.rank(*quantise(trial.query))
            place = np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            cell = place[np.searchsorted(cells.start, trial.rows, side="right") - 1]
            ratios.append(cells.ratio(far, trial.found)[cell])
    return float(np.quantile(np.concatenate(ratios), REACHED))


def _recall(index: VectorIndex, trials: Sequence[Trial]) -> float | None:
    """Give the mean share of the true neighbours that a search finds; None if there are none to find.

    Whatever is as near as the last true neighbour counts: of many copies of a picture, none is truer than the others.
    """
    shares = []
    for trial in trials:
        if trial.truth:
            scores = find(trial.query, index, K, trial.allowed).scores
            shares.append(np.count_nonzero(scores >= 1 - trial.found - TIE) / len(trial.truth))
    return float(np.mean(shares)) if shares else None


def _choose_graph(index: VectorIndex, trials: Sequence[Trial]) -> Tuning:
    """Take the graph for searches that nothing narrows where it finds as much in less time."""
    if index.graph is None:
        return index.tuning
    by_cells = _median_seconds(index, trials)
    for expansion in EXPANSIONS:
        index.graph.expand(expansion)
        walking = replace(index, tuning=replace(index.tuning, graph=True, expansion=expansion))
        found = [find(trial.query, walking, K + 1).items.tolist() for trial in trials]
        recall = np.mean([len(trial.truth.intersection(one)) / K for trial, one in zip(trials, found, strict=True)])
        if recall >= GOOD:
            return walking.tuning if _median_seconds(walking, trials) < by_cells else index.tuning
    return index.tuning


def _median_seconds(index: VectorIndex, trials: Sequence[Trial]) -> float:
    seconds = []
    for trial in trials:
        began = time.perf_counter()
        find(trial.query, index, K)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))
