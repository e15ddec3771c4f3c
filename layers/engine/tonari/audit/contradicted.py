"""Labels that are contradicted by a discriminant which they did not teach, and by the neighbours as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import Grouping, Labels, Learned, Sample
from tonari.attributes.discriminant import discriminant
from tonari.attributes.unseen import folds_of, leave_out
from tonari.audit.electorate import Electorate
from tonari.audit.judge import LEAST_LABELLED, Judge, embeddings_of, make_judge
from tonari.snapshots.table import Table

MOST_ASKED = 2_000
ENOUGH = 0.9
"""Wrong labels themselves push the threshold up; they shall not hide behind it."""
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Suspects:
    """Items whose label the discriminant surely contradicts.

    Parameters
    ----------
    checked
        How many items were judged.
    items, codes : (n,) int64
        The item, and the code that it should have.
    odds : (n,) float64
        Of that code, descending.
    """

    checked: int
    items: NDArray[np.int64]
    codes: NDArray[np.int64]
    odds: NDArray[np.float64]


def find_suspects(table: Table, labels: Labels, sample: Sample, learned: Learned, grouping: Grouping) -> Suspects:
    """Judge each labelled item by a fit that has not seen its group.

    Items whose class the fit did not meet are passed over: it cannot know better. Of tags, only those count that an
    item lacks.
    """
    views = np.diff(table.index.first)
    seen = views[labels.items] > 0
    fold = folds_of(sample, grouping.part)
    checked, found = 0, [np.empty((0, 3))]
    if len(np.unique(labels.items[seen])) >= LEAST_LABELLED:
        for one in leave_out(sample, several=labels.several):
            weights = discriminant(one.spread, tuple(range(len(labels.classes))), learned.form)
            judge = make_judge(weights, labels, learned, ENOUGH)
            asked = seen & (fold[labels.items] == one.number)
            if not labels.several:
                asked &= np.isin(labels.codes, weights.classes)
            items, place = np.unique(labels.items[asked], return_inverse=True)
            checked += len(items)
            found.append(_contradictions(table, judge, items, place, labels.codes[asked]))
    suspects = np.concatenate(found)
    ordered = suspects[np.lexsort((suspects[:, 1], suspects[:, 0], -suspects[:, 2]))]
    return Suspects(checked, ordered[:, 0].astype(np.int64), ordered[:, 1].astype(np.int64), ordered[:, 2])


def _contradictions(
    table: Table, judge: Judge, items: NDArray[np.int64], place: NDArray[np.int64], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give item, code and probability of each sure contradiction: (n, 3)."""
    found = [np.empty((0, 3))]
    for block, features in embeddings_of(table, items, judge.count):
        odds = judge.odds(features)
        here = (place >= block.start) & (place < block.stop)
        has = np.zeros(odds.shape, np.bool_)
        has[place[here] - block.start, codes[here]] = True
        sure = (odds >= judge.bound) & ~has
        if not judge.several:
            sure &= np.arange(judge.count) == odds.argmax(axis=1)[:, None]
        rows, said = np.nonzero(sure)
        found.append(np.stack([items[block][rows], said, odds[rows, said]], axis=1))
    return np.concatenate(found)


def confirm(
    suspects: Suspects,
    table: Table,
    labels: Labels,
    voters: Electorate,
    name: str,
    reported: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """Put the 2,000 surest to the vote, and describe (JSON) those on which it agrees with the discriminant."""
    shown = []
    asked = min(len(suspects.items), MOST_ASKED)
    pairs = zip(suspects.items.tolist(), suspects.codes.tolist(), suspects.odds.tolist(), strict=True)
    for number, (item, code, odds) in enumerate(pairs, 1):
        if number > asked:
            break
        verdict = voters.ask(item)
        share = verdict.shares.get(code, 0.0)
        agrees = share >= 0.5 if labels.several else verdict.best == code
        if agrees:
            own = [labels.classes[one] for one in voters.codes(item)]
            shown.append(
                {
                    "id": table.id(item),
                    "attribute": name,
                    "label": own if labels.several else own[0],
                    "discriminant": {"value": labels.classes[code], "probability": round(odds, DECIMALS)},
                    "vote": {"value": labels.classes[code], "share": round(share, DECIMALS)},
                    "neighbours": list(verdict.neighbours),
                }
            )
        reported(number, asked)
    return shown
