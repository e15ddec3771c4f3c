"""Topics of articles: class means, discriminant and vote beside scikit-learn, on embeddings and on TF-IDF."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from attributes.data import Task
from attributes.measure import STRENGTHS, Outcome, keep, logistic, run
from attributes.report import accuracy_table, difference, difference_table
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from tonari.catalogue.holdout import HELD_OUT, unit_hash
from tonari.index.vectors import to_fixed

TFIDF = "TF-IDF, LogisticRegression, C tuned"
INNER = 0.25
COMPARED = ("chosen", "discriminant")


def topics(rows: Sequence[dict[str, str]], embeddings: NDArray[np.float32], splits: int) -> list[str]:
    numbers = np.arange(len(rows))
    labels = np.array([row["topic"] for row in rows])
    task = Task("ag_news topic", to_fixed(embeddings), labels, numbers.astype(np.int32), numbers.astype(str))
    outcome = run(task, range(splits))
    texts = np.array([f"{row['title']}\n{row['text']}" for row in rows], object)
    by_words(outcome, task, texts, splits)
    right = [(truth == guess).mean() for truth, guess in zip(outcome.truth, outcome.answers[TFIDF].guess, strict=True)]
    lines = [accuracy_table([outcome], {}), "", difference_table([outcome]), "", f"{TFIDF}: {np.mean(right):.3f}"]
    for name in COMPARED:
        gained, low, high = difference(outcome, outcome.answers[name], outcome.answers[TFIDF])
        lines.append(f"{name} - {TFIDF}: {100 * gained:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] points")
    return lines


def by_words(outcome: Outcome, task: Task, texts: NDArray[np.object_], splits: int) -> None:
    """Do on TF-IDF what the other methods do on embeddings, on the same splits."""
    _classes, truth = np.unique(task.labels, return_inverse=True)
    for split in range(splits):
        asks = np.array([unit_hash(one, f"split {split}") < HELD_OUT for one in task.groups])
        inner = np.array([unit_hash(one, f"inner split {split}") < INNER for one in task.groups]) & ~asks
        teaches = ~asks & ~inner
        shares = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for strength in STRENGTHS:
                model = make_pipeline(TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)), logistic(strength))
                shares[strength] = (
                    model.fit(texts[teaches], truth[teaches]).predict(texts[inner]) == truth[inner]
                ).mean()
            best = max(shares, key=lambda strength: shares[strength])
            model = make_pipeline(TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)), logistic(best))
            guess = model.fit(texts[~asks], truth[~asks]).predict(texts[asks])
        keep(outcome, TFIDF, guess, None, None)
