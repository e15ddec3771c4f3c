"""Items that lack an attribute, and what could be filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tonari.attributes import Labels, Learned
from tonari.audit.electorate import Electorate
from tonari.audit.judge import LEAST_LABELLED, embeddings_of, make_judge
from tonari.snapshots.table import Table

MOST_SHOWN = 500
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is missing of one attribute.

    Parameters
    ----------
    checked
        How many items that have a view lack it.
    count
        For how many of these the discriminant is sure.
    shown
        JSON of the surest 500.
    """

    checked: int
    count: int
    shown: list[dict[str, Any]]


def find_gaps(
    table: Table, labels: Labels, learned: Learned, voters: Electorate, name: str, reported: Callable[[int, int], None]
) -> Gaps:
    """Predict what is missing, where the prediction is sure, and tell whether the vote agrees."""
    seen = np.diff(table.index.first) > 0
    labelled = np.zeros(len(table), np.bool_)
    labelled[labels.items] = True
    items = np.flatnonzero(seen & ~labelled)
    if len(learned.classes) < 2 or np.count_nonzero(seen & labelled) < LEAST_LABELLED:
        return Gaps(len(items), 0, [])
    code = {value: number for number, value in enumerate(labels.classes)}
    weights = replace(learned.discriminant, classes=tuple(code[value] for value in learned.classes))
    judge = make_judge(weights, labels, learned)
    sure: list[tuple[float, int, list[int]]] = []
    count = 0
    for block, features in embeddings_of(table, items, judge.count):
        odds = judge.odds(features)
        best = odds.max(axis=1)
        rows = np.flatnonzero(best >= judge.bound)
        count += len(rows)
        for row in rows[np.argsort(-best[rows], kind="stable")[:MOST_SHOWN]].tolist():
            given = np.flatnonzero(odds[row] >= judge.bound) if judge.several else odds[row].argmax(keepdims=True)
            codes = given[np.argsort(-odds[row, given], kind="stable")].tolist()
            sure.append((-float(best[row]), int(items[block][row]), codes))
        sure = sorted(sure)[:MOST_SHOWN]
    shown = []
    for number, (negative, item, codes) in enumerate(sure, 1):
        verdict = voters.ask(item)
        agree = verdict.shares.get(codes[0], 0.0) >= 0.5 if judge.several else verdict.best == codes[0]
        values = [labels.classes[one] for one in codes]
        shown.append(
            {
                "id": table.id(item),
                "attribute": name,
                "value": values if judge.several else values[0],
                "probability": round(-negative, DECIMALS),
                "agree": bool(agree),
            }
        )
        reported(number, len(sure))
    return Gaps(len(items), count, shown)
