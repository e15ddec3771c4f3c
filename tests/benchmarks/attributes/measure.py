"""One split of one task: every method fitted to the one side, asked about the other."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from attributes.data import Task
from tonari.attributes import (
    VOTERS,
    AttributeModel,
    Grouping,
    Method,
    Prediction,
    by_vote,
    by_weights,
    draw,
    labels_of,
    study,
)
from tonari.attributes.discriminant import Form
from tonari.catalogue.holdout import HELD_OUT, thirtieths, unit_hash
from tonari.fields.columns import ClassColumn
from tonari.index.vectors import from_fixed

METHODS: dict[Method, str] = {"means": "plain mean", "vote": "k-NN vote", "discriminant": "discriminant"}
CHOSEN = "chosen"
STRENGTHS = (0.1, 1, 10, 100, 1000)
INNER = 0.25
BLOCK = 512


@dataclass
class Answers:
    """What one method answered on all splits, one entry per query."""

    guess: list[np.ndarray] = field(default_factory=list)
    confidence: list[np.ndarray] = field(default_factory=list)
    given: list[np.ndarray] = field(default_factory=list)


@dataclass
class Outcome:
    """One task on all of its splits; ``group`` and ``truth`` are those of the queries."""

    task: Task
    truth: list[np.ndarray] = field(default_factory=list)
    group: list[np.ndarray] = field(default_factory=list)
    answers: dict[str, Answers] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    defaults: list[Method] = field(default_factory=list)
    held_out: list[int] = field(default_factory=list)
    strengths: list[float] = field(default_factory=list)


def run(task: Task, splits: range) -> Outcome:
    """Run all splits: three tenths of the groups ask, by a hash of their own; or as the data set says."""
    groups, group = np.unique(task.groups, return_inverse=True)
    classes, truth = np.unique(task.labels, return_inverse=True)
    outcome = Outcome(task)
    part = thirtieths(groups.tolist())
    for split in splits if task.given is None else splits[:1]:
        asks = task.given
        if asks is None:
            asks = np.array([unit_hash(one, f"split {split}") < HELD_OUT for one in groups])[group]
        known = np.flatnonzero(~asks)
        queries = from_fixed(task.embeddings[asks])
        outcome.truth.append(truth[asks])
        outcome.group.append(group[asks])
        began = time.perf_counter()
        learned = fit(task, known, truth, classes, group, part)
        outcome.seconds.append(time.perf_counter() - began)
        outcome.forms.append(short(learned.form))
        outcome.defaults.append(learned.default)
        calibration = learned.calibrations.get("discriminant")
        outcome.held_out.append(calibration.held_out if calibration else 0)
        ask_ours(outcome, learned, task, known, truth, queries)
        features = from_fixed(task.embeddings[known])
        outcome.strengths.append(choose_strength(features, truth[known], task.groups[known], split))
        for name, model in peers(outcome.strengths[-1]).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(features, truth[known])
                odds = model.predict_proba(queries) if hasattr(model, "predict_proba") else None
            guess = model.predict(queries) if odds is None else model.classes_[odds.argmax(axis=1)]
            keep(outcome, name, guess, None if odds is None else odds.max(axis=1), None)
    return outcome


def short(form: Form) -> str:
    if form.subclasses != "classes":
        return form.subclasses
    return f"{form.shrinkage:g}" if form.strength is None else f"{form.shrinkage:g}/{form.strength:g}"


def fit(
    task: Task, known: np.ndarray, truth: np.ndarray, classes: np.ndarray, group: np.ndarray, part: np.ndarray
) -> AttributeModel:
    """Do what a build does."""
    _, first, item = np.unique(task.items[known], return_index=True, return_inverse=True)
    column = ClassColumn(truth[known][first].astype(np.int32), tuple(range(len(classes))))
    labels = labels_of(column)
    of = group[known][first]
    sample = draw(labels, item.astype(np.int32), task.embeddings[known], Grouping(of, part[of]))
    return study(sample, labels.classes, several=False).model


def ask_ours(
    outcome: Outcome, learned: AttributeModel, task: Task, known: np.ndarray, truth: np.ndarray, queries: np.ndarray
) -> None:
    """Ask by the functions that serve, picture by picture."""
    features = from_fixed(task.embeddings[known])
    said: dict[Method, list[Prediction]] = {method: [] for method in METHODS}
    depth = min(10 * VOTERS, len(known))
    for start in range(0, len(queries), BLOCK):
        block = queries[start : start + BLOCK]
        for query, scores in zip(block, block @ features.T, strict=True):
            for method in ("means", "discriminant"):
                said[method].append(by_weights(query[None], learned, method))
            nearest = np.argpartition(-scores, depth - 1)[:depth]
            nearest = nearest[np.lexsort((nearest, -scores[nearest]))]
            _, first = np.unique(task.items[known[nearest]], return_index=True)
            voters = nearest[np.sort(first)[:VOTERS]]
            values = [(int(truth[known[one]]),) for one in voters]
            said["vote"].append(by_vote(values, scores[voters].tolist(), learned, typical=True))
    for method, name in (*METHODS.items(), (learned.default, CHOSEN)):
        predictions = said[method]
        guess = np.array([one.ranked[0].value for one in predictions])
        certain = all(one.calibrated for one in predictions)
        confidence = np.array([one.ranked[0].score for one in predictions]) if certain else None
        keep(outcome, name, guess, confidence, np.array([not one.abstained for one in predictions]))


def keep(
    outcome: Outcome, name: str, guess: np.ndarray, confidence: np.ndarray | None, given: np.ndarray | None
) -> None:
    answers = outcome.answers.setdefault(name, Answers())
    answers.guess.append(guess)
    if confidence is not None:
        answers.confidence.append(confidence)
    if given is not None:
        answers.given.append(given)


def choose_strength(features: np.ndarray, truth: np.ndarray, groups: np.ndarray, split: int) -> float:
    """Choose logistic regression's C on a quarter of the groups that teach; each C starts from the one before."""
    names, group = np.unique(groups, return_inverse=True)
    asks = np.array([unit_hash(one, f"inner split {split}") < INNER for one in names])[group]
    if not asks.any() or len(np.unique(truth[~asks])) < 2:
        return 1.0
    model = logistic(STRENGTHS[0]).set_params(warm_start=True)
    right = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for strength in STRENGTHS:
            model.set_params(C=strength).fit(features[~asks], truth[~asks])
            right[strength] = (model.predict(features[asks]) == truth[asks]).mean()
    return max(right, key=lambda strength: right[strength])


def logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=300)


def peers(strength: float) -> dict[str, object]:
    return {
        "NearestCentroid": NearestCentroid(),
        "KNeighbors(9)": KNeighborsClassifier(VOTERS, weights="distance"),
        "LDA(shrinkage=auto)": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "LogisticRegression": logistic(1),
        "LogisticRegression, C tuned": logistic(strength),
    }
