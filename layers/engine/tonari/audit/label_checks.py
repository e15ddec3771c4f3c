"""Labels that a discriminant which they did not teach contradicts, and the neighbours as well; and missing ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import Grouping, Labels
from tonari.audit.classifiers import NeighbourVote, SureClassifier, Vote, mean_embeddings, sure_classifier
from tonari.audit.suspects import LEAST_LABELLED, Subject, Suspects, find_suspects
from tonari.audit.worth import count_worth, weakest
from tonari.contract.findings import (
    ContradictedLabel,
    ContradictedLabels,
    Guess,
    MissingValue,
    MissingValues,
    VoteShare,
)
from tonari.snapshots.table import Table

MOST_ASKED = 2_000
SIGNS = 4
SIGN_DECIMALS = 2
"""Smaller differences mean nothing: where all are equally sure, they must not decide who is the weakest."""
IMPROBABLE = 1e-4
"""Probabilities of a label below this one count alike."""
MOST_MISSING = 500
DECIMALS = 4


def find_contradicted(
    table: Table,
    subject: Subject,
    grouping: Grouping,
    neighbours: NeighbourVote,
    progress: Callable[[int, int], None],
) -> ContradictedLabels:
    """Judge each labelled item by a fit that has not seen its group; put the 2,000 surest contradictions to the vote.

    Items whose class the fit did not meet are passed over: it cannot know better. Of tags, only those count that an
    item lacks. Of what the vote contradicts too, as many are kept as are rather wrong than right, in the order of what
    looking is worth: :mod:`tonari.audit.worth` tells both by errors that are planted.
    """
    labels = subject.labels
    checked, suspects, planted = find_suspects(table, subject, grouping)
    asked = suspects.take(np.argsort(-suspects.sureness(), kind="stable")[:MOST_ASKED])
    steps = _Steps(len(asked) + sum(len(kind) for kind in planted), progress)
    confirmed = _confirm(asked, labels, neighbours, steps)
    tried = [_confirm(kind, labels, neighbours, steps) for kind in planted]
    known = np.concatenate([np.empty((0, SIGNS)), *(one.signs for one in tried)])
    if not len(known):
        return ContradictedLabels(checked, len(suspects), 0, ())
    worth = weakest(confirmed.signs, known)
    count = count_worth(worth, [weakest(one.signs, known) for one in tried])
    order = np.lexsort((confirmed.suspects.item, -confirmed.suspects.sureness(), -worth))[:count]
    found = []
    for one in order.tolist():
        item, code = int(confirmed.suspects.item[one]), int(confirmed.suspects.code[one])
        own_values = [labels.classes[own] for own in neighbours.codes(item)]
        vote = confirmed.votes[one]
        found.append(
            ContradictedLabel(
                id=table.id(item),
                attribute=subject.name,
                label=own_values if labels.several else own_values[0],
                discriminant=Guess(labels.classes[code], round(float(confirmed.suspects.probability[one]), DECIMALS)),
                vote=VoteShare(labels.classes[code], round(vote.shares[code], DECIMALS)),
                neighbours=vote.neighbours,
                worth=round(float(worth[one]), DECIMALS),
            )
        )
    return ContradictedLabels(checked, len(suspects), len(found), tuple(found))


class _Steps:
    """Counts steps of several loops, and tells how many are done, and of how many."""

    def __init__(self, total: int, progress: Callable[[int, int], None]) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        self._progress(self._done, self._total)


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """Suspects whom the vote contradicts as well, n of them, with their votes and their signs, (n, 4)."""

    suspects: Suspects
    votes: Sequence[Vote]
    signs: NDArray[np.float64]


def _confirm(suspects: Suspects, labels: Labels, neighbours: NeighbourVote, steps: _Steps) -> _Confirmed:
    """Put suspects to the vote.

    The signs: log odds, probability, share of the vote, and how much nearer the class is.
    """
    rows, votes, signs = [], [], []
    for row, (item, code, label) in enumerate(
        zip(suspects.item.tolist(), suspects.code.tolist(), suspects.label.tolist(), strict=True)
    ):
        vote = neighbours.ask(item)
        if vote.agrees(code, several=labels.several):
            probability = float(suspects.probability[row])
            odds = math.log(probability / max(float(suspects.kept[row]), IMPROBABLE))
            rows.append(row)
            votes.append(vote)
            signs.append((odds, probability, vote.shares[code], neighbours.nearness(item, code, label)))
        steps.step()
    rounded = np.round(np.array(signs, np.float64).reshape(-1, SIGNS), SIGN_DECIMALS)
    return _Confirmed(suspects.take(np.array(rows, np.int64)), votes, rounded)


def find_missing(
    table: Table, subject: Subject, neighbours: NeighbourVote, progress: Callable[[int, int], None]
) -> MissingValues:
    """Predict what is missing, where the prediction is sure, and tell whether the vote agrees."""
    labels, model = subject.labels, subject.model
    seen = np.diff(table.index.first) > 0
    labelled = np.zeros(len(table), np.bool_)
    labelled[labels.items] = True
    items = np.flatnonzero(seen & ~labelled)
    if len(model.classes) < 2 or np.count_nonzero(seen & labelled) < LEAST_LABELLED:
        return MissingValues(len(items), 0, ())
    code = {value: number for number, value in enumerate(labels.classes)}
    weights = replace(model.discriminant, classes=tuple(code[value] for value in model.classes))
    classifier = sure_classifier(weights, labels, model)
    count, surest = _sure_of(table, classifier, items)
    missing = []
    for number, (negative, item, codes) in enumerate(surest, 1):
        vote = neighbours.ask(item)
        agree = vote.agrees(codes[0], several=labels.several)
        values = [labels.classes[one] for one in codes]
        value = values if labels.several else values[0]
        missing.append(MissingValue(table.id(item), subject.name, value, round(-negative, DECIMALS), agree))
        progress(number, len(surest))
    return MissingValues(len(items), count, tuple(missing))


def _sure_of(
    table: Table, classifier: SureClassifier, items: NDArray[np.int64]
) -> tuple[int, list[tuple[float, int, list[int]]]]:
    """Count the items whose codes are sure; of the surest, give the negative probability, the item and its codes."""
    count = 0
    surest: list[tuple[float, int, list[int]]] = []
    for block, features in mean_embeddings(table, items, classifier.count):
        probabilities = classifier.probabilities(features)
        best = probabilities.max(axis=1)
        rows = np.flatnonzero(best >= classifier.threshold)
        count += len(rows)
        for row in rows[np.argsort(-best[rows], kind="stable")[:MOST_MISSING]].tolist():
            several = np.flatnonzero(probabilities[row] >= classifier.threshold)
            sure = several if classifier.several else probabilities[row].argmax(keepdims=True)
            codes = sure[np.argsort(-probabilities[row, sure], kind="stable")].tolist()
            surest.append((-float(best[row]), int(items[block][row]), codes))
        surest = sorted(surest)[:MOST_MISSING]
    return count, surest
