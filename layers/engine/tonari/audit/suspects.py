"""Labels that a discriminant which they did not teach contradicts, and planted errors that it would contradict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, Grouping, Labels, draw
from tonari.attributes.crossfit import folds_of, leave_out
from tonari.attributes.refine import fit_form
from tonari.audit.classifiers import LEAST_SURE, SureClassifier, mean_embeddings, sure_classifier
from tonari.audit.planted import Planting
from tonari.audit.separation import Separation
from tonari.snapshots.table import Table

LEAST_LABELLED = 30
"""Of fewer labelled items nothing is judged: what they teach is luck."""
LEAST_APART = 0.3


@dataclass(frozen=True, slots=True)
class Subject:
    """One attribute: its name, who has which class, and the model learned from that."""

    name: str
    labels: Labels
    model: AttributeModel


@dataclass(frozen=True, slots=True)
class Suspects:
    """Contradicted labels; n of each.

    Parameters
    ----------
    item, code, label : int64
        An item, the class that it rather has, and its label; ``label`` means nothing for tags.
    probability, kept : float64
        Calibrated, of that class and of the label; ``kept`` is 0 for tags.
    apart : float64
        How well the two classes are told apart: 0 by chance, 1 always.
    """

    item: NDArray[np.int64]
    code: NDArray[np.int64]
    label: NDArray[np.int64]
    probability: NDArray[np.float64]
    kept: NDArray[np.float64]
    apart: NDArray[np.float64]

    def __len__(self) -> int:
        """``n``."""
        return len(self.item)

    def take(self, rows: NDArray[np.int64]) -> Suspects:
        """Choose some, in an order."""
        return Suspects(*(getattr(self, name)[rows] for name in self.__slots__))

    def sureness(self) -> NDArray[np.float64]:
        """Tell how surely the label is wrong as far as the discriminant can know, 0 to 1."""
        return self.probability * (1 - self.kept) * self.apart


def find_suspects(table: Table, subject: Subject, grouping: Grouping) -> tuple[int, Suspects, tuple[Suspects, ...]]:
    """Count the items that can be judged, and find those whose label is contradicted with more than even odds.

    Each is judged by a fit without its group. Pairs of classes that are told apart hardly better than by chance
    [compare the confident joint of Northcutt et al., Confident Learning, JAIR 70, 2021] are left out: between these the
    discriminant knows nothing.

    Returns
    -------
    checked
    suspects
    planted
        Of each kind of error that :class:`tonari.audit.planted.Planting` makes.
    """
    labels, model = subject.labels, subject.model
    sample = draw(labels, table.views.item, table.views.fixed, grouping)
    seen = np.diff(table.index.first)[labels.items] > 0
    fold = folds_of(sample, grouping.part)
    checked, found = 0, [np.empty((0, 5))]
    separation = Separation(len(labels.classes), several=labels.several)
    planting = Planting(np.unique(labels.items[seen]), len(labels.classes), several=labels.several)
    if len(np.unique(labels.items[seen])) >= LEAST_LABELLED:
        for one in leave_out(sample, several=labels.several):
            codes = tuple(range(len(labels.classes)))
            teaches = ~one.held_out
            weights = fit_form(sample, one.statistics, codes, model.form, several=labels.several, teaches=teaches)
            classifier = sure_classifier(weights, labels, model, LEAST_SURE)
            asked = seen & (fold[labels.items] == one.number)
            if not labels.several:
                asked &= np.isin(labels.codes, weights.classes)
            items, row = np.unique(labels.items[asked], return_inverse=True)
            checked += len(items)
            found.append(_contradictions(table, classifier, items, row, labels.codes[asked], separation, planting))
    planted = (_told_apart(raw, separation) for raw in planting.errors(separation))
    return checked, _told_apart(np.concatenate(found), separation), tuple(planted)


def _told_apart(raw: NDArray[np.float64], separation: Separation) -> Suspects:
    """Keep those whose two classes are told apart better than by chance, by item and class."""
    item, code, label = raw[:, :3].astype(np.int64).T
    suspects = Suspects(item, code, label, raw[:, 3], raw[:, 4], separation.apart(label, code))
    known = np.flatnonzero(suspects.apart >= LEAST_APART)
    return suspects.take(known[np.lexsort((code[known], item[known]))])


def _contradictions(
    table: Table,
    classifier: SureClassifier,
    items: NDArray[np.int64],
    row: NDArray[np.int64],
    codes: NDArray[np.int64],
    separation: Separation,
    planting: Planting,
) -> NDArray[np.float64]:
    """Give item, code, label, probability and that of the label for each contradiction; ``items[row]`` have ``codes``.

    What the items say about the classes, and which of them could be planted errors, is noted.

    Returns
    -------
    (n, 5) float64
    """
    found = [np.empty((0, 5))]
    for block, features in mean_embeddings(table, items, classifier.count):
        probabilities = classifier.probabilities(features)
        here = (row >= block.start) & (row < block.stop)
        within, own = row[here] - block.start, codes[here]
        separation.add(probabilities, within, own)
        has = np.zeros(probabilities.shape, np.bool_)
        has[within, own] = True
        sure = probabilities >= classifier.threshold
        label = np.zeros(len(features), np.int64)
        label[within] = own
        kept = np.zeros(len(features))
        if not classifier.several:
            sure &= np.arange(classifier.count) == probabilities.argmax(axis=1)[:, None]
            kept[within] = probabilities[within, own]
        planting.add(items[block], probabilities, sure & has)
        rows, predicted = np.nonzero(sure & ~has)
        one = (items[block][rows], predicted, label[rows], probabilities[rows, predicted], kept[rows])
        found.append(np.stack(one, axis=1))
    return np.concatenate(found)
