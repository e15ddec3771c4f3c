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
from tonari.attributes import VOTERS, AttributeModel, Grouping, Prediction, by_vote, by_weights, draw, labels_of, study
from tonari.catalogue.holdout import HELD_OUT, tenths, unit_hash
from tonari.fields.columns import ClassColumn
from tonari.index.vectors import from_fixed

OURS = ("plain mean", "k-NN vote", "discriminant")
METHODS = {"plain mean": "means", "discriminant": "discriminant", "k-NN vote": "vote"}
STRENGTHS = (1, 10, 100, 1000)


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
    shrinkages: list[str] = field(default_factory=list)
    held_out: list[int] = field(default_factory=list)
    strength: float = 0.0


def run(task: Task, splits: range) -> Outcome:
    """Run all splits: three tenths of the groups ask, by a hash of their own; or as the data set says."""
    groups, group = np.unique(task.groups, return_inverse=True)
    classes, truth = np.unique(task.labels, return_inverse=True)
    outcome = Outcome(task)
    part = tenths(groups.tolist())
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
        outcome.shrinkages.append(
            f"{learned.form.shrinkage:g}" if learned.form.subclasses == "classes" else learned.form.subclasses
        )
        calibration = learned.calibrations.get("discriminant")
        outcome.held_out.append(calibration.held_out if calibration else 0)
        ask_ours(outcome, learned, task, known, truth, queries)
        features = from_fixed(task.embeddings[known])
        if not outcome.strength:
            outcome.strength = choose_strength(features, truth[known], queries, truth[asks])
        for name, model in peers(outcome.strength).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(features, truth[known])
                odds = model.predict_proba(queries) if hasattr(model, "predict_proba") else None
            guess = model.predict(queries) if odds is None else model.classes_[odds.argmax(axis=1)]
            keep(outcome, name, guess, None if odds is None else odds.max(axis=1), None)
    return outcome


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
    said: dict[str, list[Prediction]] = {name: [] for name in OURS}
    for query, scores in zip(queries, queries @ features.T, strict=True):
        for name in ("plain mean", "discriminant"):
            said[name].append(by_weights(query[None], learned, METHODS[name]))
        nearest = np.argsort(-scores, kind="stable")[: 10 * VOTERS]
        _, first = np.unique(task.items[known[nearest]], return_index=True)
        voters = nearest[np.sort(first)[:VOTERS]]
        values = [(int(truth[known[one]]),) for one in voters]
        said["k-NN vote"].append(by_vote(values, scores[voters].tolist(), learned, typical=True))
    for name, predictions in said.items():
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


def choose_strength(features: np.ndarray, truth: np.ndarray, queries: np.ndarray, asked: np.ndarray) -> float:
    """Choose logistic regression's C by the answers of the first split themselves: in its favour."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = {c: (logistic(c).fit(features, truth).predict(queries) == asked).mean() for c in STRENGTHS}
    return max(right, key=lambda c: right[c])


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
