"""Labels that a discriminant which they did not teach contradicts, and the neighbours as well; and missing ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, Grouping, Labels, draw
from tonari.attributes.crossfit import folds_of, leave_out
from tonari.attributes.discriminant import discriminant
from tonari.audit.classifiers import NeighbourVote, SureClassifier, mean_embeddings, sure_classifier
from tonari.contract.findings import (
    ContradictedLabel,
    ContradictedLabels,
    Guess,
    MissingValue,
    MissingValues,
    VoteShare,
)
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


def find_contradicted(
    table: Table,
    subject: Subject,
    grouping: Grouping,
    neighbours: NeighbourVote,
    progress: Callable[[int, int], None],
) -> ContradictedLabels:
    """Judge each labelled item by a fit that has not seen its group; put the 2,000 surest contradictions to the vote.

    Items whose class the fit did not meet are passed over: it cannot know better. Of tags, only those count that an
    item lacks. What the vote contradicts too is kept.
    """
    labels = subject.labels
    checked, suspects = _suspects(table, subject, grouping)
    pairs, probabilities = suspects[:MOST_ASKED, :2].astype(np.int64).tolist(), suspects[:MOST_ASKED, 2].tolist()
    confirmed = []
    for number, ((item, code), probability) in enumerate(zip(pairs, probabilities, strict=True), 1):
        vote = neighbours.ask(item)
        if vote.agrees(code, several=labels.several):
            own = [labels.classes[one] for one in neighbours.codes(item)]
            confirmed.append(
                ContradictedLabel(
                    id=table.id(item),
                    attribute=subject.name,
                    label=own if labels.several else own[0],
                    discriminant=Guess(labels.classes[code], round(probability, DECIMALS)),
                    vote=VoteShare(labels.classes[code], round(vote.shares.get(code, 0.0), DECIMALS)),
                    neighbours=vote.neighbours,
                )
            )
        progress(number, len(pairs))
    return ContradictedLabels(checked, len(suspects), len(confirmed), tuple(confirmed))


def _suspects(table: Table, subject: Subject, grouping: Grouping) -> tuple[int, NDArray[np.float64]]:
    """Count the items that can be judged; give item, code and probability of each suspect, surest first: (n, 3)."""
    labels, model = subject.labels, subject.model
    sample = draw(labels, table.views.item, table.views.fixed, grouping)
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
    return checked, suspects[np.lexsort((suspects[:, 1], suspects[:, 0], -suspects[:, 2]))]


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
