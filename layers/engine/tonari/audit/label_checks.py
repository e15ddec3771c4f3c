"""Labels that a discriminant which they did not teach contradicts, and the neighbours as well; and missing ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, Grouping, Labels, Sample
from tonari.attributes.crossfit import folds_of, leave_out
from tonari.attributes.discriminant import discriminant
from tonari.audit.classifiers import NeighbourVote, SureClassifier, mean_embeddings, sure_classifier
from tonari.contract.findings import ContradictedLabel, Guess, MissingValue, VoteShare
from tonari.snapshots.table import Table

LEAST_LABELLED = 30
"""Of fewer labelled items nothing is judged: what they teach is luck."""
MOST_ASKED = 2_000
ENOUGH = 0.9
"""Wrong labels raise the threshold, which must not hide them."""
MOST_MISSING = 500
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """One attribute: its name, who has which class, and the model learned from that."""

    name: str
    labels: Labels
    model: AttributeModel


@dataclass(frozen=True, slots=True)
class Suspects:
    """Items whose label the discriminant surely contradicts.

    Parameters
    ----------
    checked
        How many items were judged.
    items, codes : (n,) int64
        The item, and the code that it should have.
    probabilities : (n,) float64
        Of that code, descending.
    """

    checked: int
    items: NDArray[np.int64]
    codes: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing of one attribute.

    Parameters
    ----------
    checked
        How many items that have a view lack it.
    count
        For how many of these the discriminant is sure.
    surest
        At most 500.
    """

    checked: int
    count: int
    surest: tuple[MissingValue, ...]


def find_suspects(table: Table, subject: Subject, sample: Sample, grouping: Grouping) -> Suspects:
    """Judge each labelled item by a fit that has not seen its group.

    Items whose class the fit did not meet are passed over: it cannot know better. Of tags, only those count that an
    item lacks.
    """
    labels, model = subject.labels, subject.model
    seen = np.diff(table.index.first)[labels.items] > 0
    fold = folds_of(sample, grouping.part)
    checked, found = 0, [np.empty((0, 3))]
    if len(np.unique(labels.items[seen])) >= LEAST_LABELLED:
        for one in leave_out(sample, several=labels.several):
            weights = discriminant(one.statistics, tuple(range(len(labels.classes))), model.form)
            classifier = sure_classifier(weights, labels, model, ENOUGH)
            asked = seen & (fold[labels.items] == one.number)
            if not labels.several:
                asked &= np.isin(labels.codes, weights.classes)
            items, row = np.unique(labels.items[asked], return_inverse=True)
            checked += len(items)
            found.append(_contradictions(table, classifier, items, row, labels.codes[asked]))
    suspects = np.concatenate(found)
    ordered = suspects[np.lexsort((suspects[:, 1], suspects[:, 0], -suspects[:, 2]))]
    return Suspects(checked, ordered[:, 0].astype(np.int64), ordered[:, 1].astype(np.int64), ordered[:, 2])


def _contradictions(
    table: Table,
    classifier: SureClassifier,
    items: NDArray[np.int64],
    row: NDArray[np.int64],
    codes: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Give item, code and probability of each sure contradiction, (n, 3); ``items[row]`` have ``codes``."""
    found = [np.empty((0, 3))]
    for block, features in mean_embeddings(table, items, classifier.count):
        probabilities = classifier.probabilities(features)
        here = (row >= block.start) & (row < block.stop)
        has = np.zeros(probabilities.shape, np.bool_)
        has[row[here] - block.start, codes[here]] = True
        sure = (probabilities >= classifier.threshold) & ~has
        if not classifier.several:
            sure &= np.arange(classifier.count) == probabilities.argmax(axis=1)[:, None]
        rows, predicted = np.nonzero(sure)
        found.append(np.stack([items[block][rows], predicted, probabilities[rows, predicted]], axis=1))
    return np.concatenate(found)


def confirm(
    suspects: Suspects,
    table: Table,
    subject: Subject,
    neighbours: NeighbourVote,
    progress: Callable[[int, int], None],
) -> list[ContradictedLabel]:
    """Put the 2,000 surest to the vote, and keep those on which it agrees with the discriminant."""
    labels = subject.labels
    confirmed = []
    asked = min(len(suspects.items), MOST_ASKED)
    surest = (values[:asked].tolist() for values in (suspects.items, suspects.codes, suspects.probabilities))
    for number, (item, code, probability) in enumerate(zip(*surest, strict=True), 1):
        vote = neighbours.ask(item)
        share = vote.shares.get(code, 0.0)
        if share >= 0.5 if labels.several else vote.best == code:
            own = [labels.classes[one] for one in neighbours.codes(item)]
            confirmed.append(
                ContradictedLabel(
                    id=table.id(item),
                    attribute=subject.name,
                    label=own if labels.several else own[0],
                    discriminant=Guess(labels.classes[code], round(probability, DECIMALS)),
                    vote=VoteShare(labels.classes[code], round(share, DECIMALS)),
                    neighbours=vote.neighbours,
                )
            )
        progress(number, asked)
    return confirmed


def find_missing(
    table: Table, subject: Subject, neighbours: NeighbourVote, progress: Callable[[int, int], None]
) -> Missing:
    """Predict what is missing, where the prediction is sure, and tell whether the vote agrees."""
    labels, model = subject.labels, subject.model
    seen = np.diff(table.index.first) > 0
    labelled = np.zeros(len(table), np.bool_)
    labelled[labels.items] = True
    items = np.flatnonzero(seen & ~labelled)
    if len(model.classes) < 2 or np.count_nonzero(seen & labelled) < LEAST_LABELLED:
        return Missing(len(items), 0, ())
    code = {value: number for number, value in enumerate(labels.classes)}
    weights = replace(model.discriminant, classes=tuple(code[value] for value in model.classes))
    classifier = sure_classifier(weights, labels, model)
    count, surest = _sure_of(table, classifier, items)
    missing = []
    for number, (negative, item, codes) in enumerate(surest, 1):
        vote = neighbours.ask(item)
        agree = vote.shares.get(codes[0], 0.0) >= 0.5 if labels.several else vote.best == codes[0]
        values = [labels.classes[one] for one in codes]
        value = values if labels.several else values[0]
        missing.append(MissingValue(table.id(item), subject.name, value, round(-negative, DECIMALS), bool(agree)))
        progress(number, len(surest))
    return Missing(len(items), count, tuple(missing))


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
