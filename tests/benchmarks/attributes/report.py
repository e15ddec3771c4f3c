"""Outcomes -> tables in Markdown."""

from __future__ import annotations

import io
import platform
import time

import numpy as np

from attributes.measure import Answers, Outcome
from tonari.attributes import AttributeModel, Calibration, ClassWeights, by_weights, learned_to_arrays
from tonari.attributes.discriminant import Form
from tonari.attributes.probability import Scale, calibration_error

ORDER = (
    "plain mean",
    "k-NN vote",
    "discriminant",
    "NearestCentroid",
    "KNeighbors(9)",
    "LDA(shrinkage=auto)",
    "LogisticRegression",
    "LogisticRegression, C tuned",
)
RIVALS = ("k-NN vote", "LogisticRegression", "LogisticRegression, C tuned")
RESAMPLES = 2000
SEED = 20


def macro_f1(truth: np.ndarray, guess: np.ndarray) -> float:
    classes = np.unique(truth)
    both = np.array([((truth == one) & (guess == one)).sum() for one in classes])
    either = np.array([(truth == one).sum() + (guess == one).sum() for one in classes])
    return float((2 * both / either).mean())


def accuracy_table(outcomes: list[Outcome]) -> str:
    """Accuracy and macro-F1, averaged over the splits."""
    lines = [f"| data | {' | '.join(ORDER)} |", "|---|" + "---|" * len(ORDER)]
    for outcome in outcomes:
        cells = []
        for name in ORDER:
            pairs = list(zip(outcome.truth, outcome.answers[name].guess, strict=True))
            right = np.mean([(truth == guess).mean() for truth, guess in pairs])
            cells.append(f"{right:.3f} / {np.mean([macro_f1(*pair) for pair in pairs]):.3f}")
        lines.append(f"| {outcome.task.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def difference(outcome: Outcome, one: Answers, other: Answers) -> tuple[float, float, float]:
    """Mean difference of accuracy and its interval of 95 %: groups are drawn anew, with all splits they were in."""
    groups = int(max(group.max() for group in outcome.group)) + 1
    gained, asked = np.zeros(groups), np.zeros(groups)
    for truth, group, mine, theirs in zip(outcome.truth, outcome.group, one.guess, other.guess, strict=True):
        gained += np.bincount(group, (mine == truth).astype(float) - (theirs == truth), groups)
        asked += np.bincount(group, minlength=groups)
    random = np.random.default_rng(SEED)
    drawn = random.integers(0, groups, (RESAMPLES, groups))
    means = gained[drawn].sum(axis=1) / np.maximum(asked[drawn].sum(axis=1), 1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(gained.sum() / asked.sum()), float(low), float(high)


def difference_table(outcomes: list[Outcome]) -> str:
    """How far the discriminant is ahead, in points."""
    lines = [f"| data | {' | '.join(f'less {name}' for name in RIVALS)} |", "|---|" + "---|" * len(RIVALS)]
    for outcome in outcomes:
        cells = []
        for name in RIVALS:
            mean, low, high = difference(outcome, outcome.answers["discriminant"], outcome.answers[name])
            cells.append(f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]")
        lines.append(f"| {outcome.task.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def calibration_table(outcomes: list[Outcome]) -> str:
    """Calibration error, pooled over the splits and per split; precision at the threshold and its coverage."""
    columns = ("items held out", "queries", "ECE pooled", "ECE per split", "vote: ECE pooled", "precision", "coverage")
    lines = [
        f"| data | {' | '.join(columns)} | shrinkages chosen, or subclasses | fit |",
        "|---|" + "---|" * (len(columns) + 2),
    ]
    for outcome in outcomes:
        ours = outcome.answers["discriminant"]
        queries = int(np.mean([len(truth) for truth in outcome.truth]))
        shrinkage = " ".join(sorted(set(outcome.shrinkages)))
        head = f"| {outcome.task.name} | {round(np.mean(outcome.held_out))} | {queries}"
        tail = f"| {shrinkage} | {np.median(outcome.seconds):.1f} s |"
        if len(ours.confidence) < len(outcome.truth):
            lines.append(f"{head} | not calibrated | - | - | - | - {tail}")
            continue
        right, given = _right(outcome, ours), np.concatenate(ours.given)
        each = [
            calibration_error(c, g == t, np.ones(len(t)))
            for c, g, t in zip(ours.confidence, ours.guess, outcome.truth, strict=True)
        ]
        vote = outcome.answers["k-NN vote"]
        figures = (_pooled(outcome, ours), np.mean(each), _pooled(outcome, vote), right[given].mean(), given.mean())
        lines.append(f"{head} | {' | '.join(f'{one:.3f}' for one in figures)} {tail}")
    return "\n".join(lines)


def _right(outcome: Outcome, answers: Answers) -> np.ndarray:
    return np.concatenate(answers.guess) == np.concatenate(outcome.truth)


def _pooled(outcome: Outcome, answers: Answers) -> float:
    right = _right(outcome, answers)
    return calibration_error(np.concatenate(answers.confidence), right, np.ones(len(right)))


def cost() -> str:
    """Time and bytes of a prediction over 1,000 classes of 256 dimensions."""
    random = np.random.default_rng(SEED)
    classes = tuple(f"class {number}" for number in range(1000))
    weights = [
        ClassWeights(
            classes,
            random.standard_normal((1000, 256)).astype(kind).astype(np.float32),
            random.standard_normal(1000).astype(np.float32),
            np.full(1000, 1000),
            np.arange(1000),
        )
        for kind in (np.float16, np.float32)
    ]
    known = Calibration(Scale(2.0, 0.01), 0.9, 0.9, 1000, 0.8, 0.8, 0.02, 0.7)
    learned = AttributeModel(
        False, weights[0], weights[1], Form(0.5, 0.0), dict.fromkeys(("discriminant", "means", "vote"), known)
    )
    query = random.standard_normal((1, 256)).astype(np.float32)
    rounds = []
    for _ in range(200):
        began = time.perf_counter()
        for _ in range(20):
            by_weights(query, learned, "discriminant")
        rounds.append((time.perf_counter() - began) / 20)
    file = io.BytesIO()
    np.savez(file, **learned_to_arrays({"attribute": learned}))
    return (
        f"One prediction over 1,000 classes of 256 dimensions, ten alternatives with probabilities: "
        f"{1e6 * np.median(rounds):.0f} µs (median of 200 rounds of 20; least {1e6 * min(rounds):.0f}), "
        f"{len(file.getvalue()):,} bytes on S3 (plain means and discriminant)."
    )


def machine() -> str:
    return f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
