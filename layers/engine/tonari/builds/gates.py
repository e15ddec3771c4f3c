"""Gates before publishing: a snapshot that finds or predicts worse than the live one by more than a margin is refused.

A fall is one of a share that was measured on a sample. So the margin is never less than two standard errors of the
difference of two shares [Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 2003, chapter 3]: what
a new sample alone could do is nobody's fault.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tonari.config import Margins
from tonari.contract.artefacts import Refusal, Regression
from tonari.index.truth import QUERIES, K
from tonari.snapshots.head import REFUSAL_FORMAT, write_refusal
from tonari.snapshots.snapshot import Snapshot
from tonari.storage.bucket import Bucket

ERRORS = 2.0
METHODS = ("discriminant", "vote")
ALWAYS_TRIED = {"pictures"}
"""Copies of pictures join few items: the first copy in a catalogue does not make it another trial."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures that snapshots are compared by.

    Parameters
    ----------
    held_out_by
        ``split_by`` and the rules by which items were grouped; accuracies are compared only where they are the same.
    recall
        Recall@10 by selectivity.
    attributes
        By name, as the manifest has it.
    """

    items: int
    views: int
    held_out_by: tuple[str, ...]
    recall: Mapping[str, float]
    attributes: Mapping[str, Any]


def refuse_worse(artefacts: Bucket, live: Snapshot, new: Snapshot, margins: Margins) -> str:
    """Keep the reason if a snapshot may not be published; gives it in words, empty if it may."""
    metrics = _metrics_of(new)
    falls = find_regressions(_metrics_of(live), metrics, margins)
    if falls:
        refusal = Refusal(
            format=REFUSAL_FORMAT,
            id=new.id,
            at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            live=live.id,
            falls=falls,
            recall=metrics.recall,
            attributes=metrics.attributes,
        )
        write_refusal(artefacts, refusal)
    return "; ".join(map(str, falls))


def _metrics_of(snapshot: Snapshot) -> Metrics:
    attributes = {name: one.report() for name, one in snapshot.learned.items()}
    table = snapshot.table
    held_out_by = (snapshot.schema.split_by, *sorted({one.rule for one in snapshot.grouping.rules} - ALWAYS_TRIED))
    return Metrics(len(table), len(table.views), held_out_by, snapshot.recall, attributes)


def find_regressions(live: Metrics, new: Metrics, margins: Margins) -> tuple[Regression, ...]:
    """Compare all that both snapshots have figures of."""
    return (*_recalls(live, new, margins.recall), *_accuracies(live, new, margins.accuracy))


def _recalls(live: Metrics, new: Metrics, least: float) -> Iterator[Regression]:
    for selectivity in live.recall.keys() & new.recall.keys():
        before, now = live.recall[selectivity], new.recall[selectivity]
        counts = (_neighbours(one, float(selectivity)) for one in (live, new))
        margin = _margin(least, before, now, *counts)
        if before - now > margin:
            yield Regression(f"recall at {selectivity}", before, now, margin)


def _neighbours(metrics: Metrics, selectivity: float) -> float:
    """Tell about how many true neighbours a recall was measured on."""
    return min(QUERIES, metrics.views) * min(K, selectivity * metrics.items)


def _accuracies(live: Metrics, new: Metrics, least: float) -> Iterator[Regression]:
    if live.held_out_by != new.held_out_by:
        return
    for name in live.attributes.keys() & new.attributes.keys():
        for method in METHODS:
            before = live.attributes[name]["methods"].get(method)
            now = new.attributes[name]["methods"].get(method)
            if before is None or now is None:
                continue
            shares = before["accuracy"], now["accuracy"]
            margin = _margin(least, *shares, before["held_out"], now["held_out"])
            if shares[0] - shares[1] > margin:
                yield Regression(f"accuracy of {name} by {method}", *shares, margin, now["held_out"])


def _margin(least: float, live: float, now: float, live_count: float, now_count: float) -> float:
    variance = live * (1 - live) / max(live_count, 1) + now * (1 - now) / max(now_count, 1)
    return round(max(least, ERRORS * float(np.sqrt(variance))), 4)
