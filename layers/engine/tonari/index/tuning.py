"""What an index learns when it is built, by queries whose answers are known: how much a search has to visit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tonari.index.cells import Cells
from tonari.index.graph import Graph
from tonari.index.planner import CELLS_FROM_BYTES, find, scanned_share
from tonari.index.probing import Probe
from tonari.index.truth import KINDS, SELECTIVITIES, FilteredQuery, GroundTruth, K, recall_under, share_found
from tonari.index.vector_index import LEAST_CANDIDATES, Tuning, VectorIndex
from tonari.index.vectors import from_codes, quantise

STRIVEN_FOR, ENOUGH = 0.995, 0.99
"""Recall@10 that is striven for, below which a graph does not serve; and below which cells do not."""
RAISE, RAISES, PATIENCE = 1.1, 8, 2
"""By what the ratio of a probe is raised while it finds too little, how often at most, and how often in vain."""
NEARLY_ALL = 0.9
"""Selectivity of the filter that leaves out a part of the catalogue, where others leave out nothing."""
WHOLE = 1e6
"""A ratio that no cell is beyond: all are read, or what is in range is scanned, which costs less."""
FIRST_ROWS, FIRST_CELLS = 1_500, (4, 16)
"""How many rows the cells hold that are read at least, and how few and how many cells these are."""
CANDIDATES = (100, 150, 220, 300)
REACHED = 0.996
"""Share of true neighbours whose cells a search must read."""

EXPANSIONS = (16, 32, 64, 128, 256)
GRAPH_VALUES = 1 << 26
"""Components (rows by dimensions) up to which a graph is built: it then takes at most a tenth of the 5-8 ms that
encoding a view takes. Measured on one core: 0.10 ms a row for 10,000 x 256, 0.25 for 100,000 x 256, 0.43 for
60,000 x 784."""
SLOWER, AT_ONCE = 1.2, 0.0004
"""How many times the seconds of the other way a search by graph may take, and seconds that are always fine: a tenth of
what encoding the query takes."""


def tune(index: VectorIndex) -> tuple[VectorIndex, dict[str, float]]:
    """Learn probe settings, build a graph if it is worth it, and measure recall.

    Parameters
    ----------
    index
        Without a graph.

    Returns
    -------
    index
        The same with its tuning, and with a graph if searches without a filter are to use it.
    recall
        Recall@10 by selectivity, for filters that are independent of the query; at 1 without a filter.
    """
    truth = GroundTruth(index)
    if index.cells is not None:
        index = replace(index, tuning=_learn_probes(index, index.cells, truth))
    unfiltered = truth.under_filters(1.0, "independent")
    index = _with_graph(index, unfiltered)
    measured = {1.0: _unfiltered_recall(index, unfiltered)} | {
        selectivity: recall_under(index, truth.under_filters(selectivity, "independent"))
        for selectivity in SELECTIVITIES
        if selectivity < 1
    }
    return index, {f"{one:g}": round(recall, 4) for one, recall in measured.items() if recall is not None}


def _learn_probes(index: VectorIndex, cells: Cells, truth: GroundTruth) -> Tuning:
    """Learn settings for each selectivity at which rows are not simply scanned, the least of those included."""
    probes = []
    first = int(np.clip(FIRST_ROWS * len(cells) // len(index.views), *FIRST_CELLS))
    scanned = min(1.0, scanned_share(index, K))
    for selectivity in (*(one for one in SELECTIVITIES if one > scanned), scanned):
        kinds = KINDS if selectivity < 1 else KINDS[:1]
        start = Probe(selectivity, first, K)
        around = [_learn(index, cells, start, truth.under_filters(selectivity, kind)) for kind in kinds]
        recall = min(reached for _, reached in around)
        if recall < ENOUGH:
            return Tuning(
                reason=f"Scans serve: at selectivity {selectivity:.3g} cells reach recall@10 of {recall:.3f} only, "
                f"{RAISES} times raised; {ENOUGH} is asked for. Vectors this much alike may need another encoder."
            )
        beyond = truth.under_filters(min(selectivity, NEARLY_ALL), "beyond")
        away, reached = _learn(index, cells, start, beyond)
        ratio = max(probe.ratio for probe, _ in around)
        candidates = max(probe.candidates for probe in (*(probe for probe, _ in around), away))
        missed = reached < ENOUGH and reached < (recall_under(replace(index, tuning=Tuning()), beyond) or 0.0)
        sparse = WHOLE if missed else max(ratio, away.ratio)
        probes.append(replace(start, ratio=ratio, candidates=candidates, sparse=sparse))
    return Tuning(tuple(probes))


def _learn(index: VectorIndex, cells: Cells, start: Probe, queries: Sequence[FilteredQuery]) -> tuple[Probe, float]:
    """Learn how far to go for one kind of filter, and raise that until recall@10 is as it must be, or raising is vain.

    Of the rows that get their final score there are then as few as lose no more than many do.

    Returns
    -------
    The settings, and the recall.
    """
    ratio = _ratio(index, cells, queries)
    probe = replace(start, ratio=ratio, candidates=CANDIDATES[-1], sparse=ratio)
    if not any(len(one.rows) for one in queries):
        return replace(probe, candidates=CANDIDATES[0]), 1.0

    def reached(probe: Probe) -> float:
        return recall_under(replace(index, tuning=Tuning((probe,))), queries) or 0.0

    recall, raised, vain = reached(probe), probe, 0
    for _ in range(RAISES):
        if recall >= STRIVEN_FOR or vain == PATIENCE:
            break
        raised = replace(raised, ratio=raised.ratio * RAISE, sparse=raised.sparse * RAISE)
        further, vain = reached(raised), vain + 1
        if further > recall:
            recall, probe, vain = further, raised, 0
    for candidates in CANDIDATES[:-1]:
        fewer = replace(probe, candidates=candidates)
        if reached(fewer) >= recall:
            return fewer, recall
    return probe, recall


def _ratio(index: VectorIndex, cells: Cells, queries: Sequence[FilteredQuery]) -> float:
    """Learn how many times as far off as the last true neighbour a true neighbour's cell may be."""
    ratios = [np.ones(1, np.float32)]
    for one in queries:
        if len(one.rows) == K:
            turned = index.views.turn(one.query)
            order, distance = cells.rank(*quantise(turned))
            rank = np.empty(len(order), np.int64)
            rank[order] = np.arange(len(order))
            cell = rank[np.searchsorted(cells.start, one.rows, side="right") - 1]
            found = 1 - float((from_codes(index.views.codes[one.rows]) @ turned[0]).min())
            ratios.append(cells.relative_distance(distance, found)[cell])
    return float(np.quantile(np.concatenate(ratios), REACHED))


def _unfiltered_recall(index: VectorIndex, queries: Sequence[FilteredQuery]) -> float | None:
    """Do the same without filters: ask for one item more, and leave out the item that asks."""
    shares = []
    for one in queries:
        if len(one.rows):
            hits = find(one.query, index, K + 1)
            shares.append(share_found(one, hits.scores[hits.items != one.asking][:K].tolist()))
    return float(np.mean(shares)) if shares else None


def _with_graph(index: VectorIndex, queries: Sequence[FilteredQuery]) -> VectorIndex:
    """Build a graph if the index is small enough, and keep it if it finds enough in little time."""
    rows, dimensions = index.views.codes.shape
    if rows <= LEAST_CANDIDATES:
        return index
    if rows * dimensions > CELLS_FROM_BYTES and index.tuning.probes:
        return _without(index, f"beyond {CELLS_FROM_BYTES // dimensions:,} views cells find more, as quickly")
    if rows * dimensions > GRAPH_VALUES:
        return _without(index, f"beyond {GRAPH_VALUES // dimensions:,} views building one takes too long")
    graph, recall = Graph.build(index.views.codes), 0.0
    for expansion in EXPANSIONS:
        walking = replace(index, graph=graph, tuning=replace(index.tuning, graph=True, expansion=expansion))
        recall = _unfiltered_recall(walking, queries) or 0.0
        if recall >= STRIVEN_FOR:
            return _if_quick(walking, index, queries)
    return _without(index, f"it reaches recall@10 of {recall:.3f} only; {STRIVEN_FOR} is asked for")


def _if_quick(walking: VectorIndex, index: VectorIndex, queries: Sequence[FilteredQuery]) -> VectorIndex:
    seconds, otherwise = _median_seconds(walking, queries), _median_seconds(index, queries)
    if seconds <= max(AT_ONCE, SLOWER * otherwise):
        return walking
    return _without(index, f"a search by it takes {1000 * seconds:.2f} ms, without it {1000 * otherwise:.2f} ms")


def _median_seconds(index: VectorIndex, queries: Sequence[FilteredQuery]) -> float:
    seconds = []
    for one in queries:
        began = time.perf_counter()
        find(one.query, index, K)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def _without(index: VectorIndex, reason: str) -> VectorIndex:
    said = f"{index.tuning.reason} There is no graph: {reason}.".strip()
    return replace(index, tuning=replace(index.tuning, reason=said))
