"""Outcomes -> tables in Markdown."""

from __future__ import annotations

import io
import platform
import time
from pathlib import Path

import numpy as np

from attributes.measure import CHOSEN, Answers, Outcome
from tonari.attributes import AttributeModel, Calibration, ClassWeights, by_weights, learned_to_arrays
from tonari.attributes.discriminant import Form
from tonari.attributes.probability import Scale, calibration_error

TUNED = "LogisticRegression, C tuned"
COMPARED = (
    (CHOSEN, "k-NN vote", 0.0),
    (CHOSEN, TUNED, 0.005),
    ("discriminant", "k-NN vote", 0.0),
    ("discriminant", "LogisticRegression", 0.0),
    ("discriminant", TUNED, 0.0),
)
"""One method, the other, and what is added to the difference. The first two are the bar."""
BAR = 2
ORDER = (
    "plain mean",
    "k-NN vote",
    "discriminant",
    CHOSEN,
    "NearestCentroid",
    "KNeighbors(9)",
    "LDA(shrinkage=auto)",
    "LogisticRegression",
    TUNED,
)
RESAMPLES = 2000
SEED = 20


def macro_f1(truth: np.ndarray, guess: np.ndarray) -> float:
    classes = np.unique(truth)
    both = np.array([((truth == one) & (guess == one)).sum() for one in classes])
    either = np.array([(truth == one).sum() + (guess == one).sum() for one in classes])
    return float((2 * both / either).mean())


def read_former(path: Path) -> dict[str, dict[str, str]]:
    """Read the first table of accuracies from a page in Markdown: data, method -> the figures."""
    rows = [line.strip("| ").split(" | ") for line in path.read_text().splitlines() if line.startswith("| ")]
    first = next(place for place, cells in enumerate(rows) if cells[0] == "data" and "discriminant" in cells)
    found = {}
    for cells in rows[first + 1 :]:
        if cells[0] == "data":
            break
        found[cells[0]] = dict(zip(rows[first][1:], cells[1:], strict=True))
    return found


def accuracy_table(outcomes: list[Outcome], former: dict[str, dict[str, str]]) -> str:
    """Accuracy and macro-F1, averaged over the splits; former ones in brackets."""
    lines = [f"| data | {' | '.join(ORDER)} |", "|---|" + "---|" * len(ORDER)]
    for outcome in outcomes:
        cells = []
        for name in ORDER:
            pairs = list(zip(outcome.truth, outcome.answers[name].guess, strict=True))
            right = np.mean([(truth == guess).mean() for truth, guess in pairs])
            cell = f"{right:.3f} / {np.mean([macro_f1(*pair) for pair in pairs]):.3f}"
            before = former.get(outcome.task.name, {}).get("discriminant" if name == CHOSEN else name)
            cells.append(f"{cell} ({before})" if before else cell)
        lines.append(f"| {outcome.task.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def difference(outcome: Outcome, one: Answers, other: Answers) -> tuple[float, float, float]:
    """Mean difference of accuracy and its interval of 95 %: groups are drawn anew, with all splits they were in."""
    groups = int(max(group.max() for group in outcome.group)) + 1
    gained, asked = np.zeros(groups), np.zeros(groups)
    for truth, group, mine, theirs in zip(outcome.truth, outcome.group, one.guess, other.guess, strict=True):
        gained += np.bincount(group, (mine == truth).astype(float) - (theirs == truth), groups)
        asked += np.bincount(group, minlength=groups)
    gained, asked = gained[asked > 0], asked[asked > 0]
    random = np.random.default_rng(SEED)
    drawn = (random.integers(0, len(asked), len(asked)) for _ in range(RESAMPLES))
    means = np.array([gained[one].sum() / asked[one].sum() for one in drawn])
    low, high = np.percentile(means, (2.5, 97.5))
    return float(gained.sum() / asked.sum()), float(low), float(high)


def difference_table(outcomes: list[Outcome]) -> str:
    """How far one method is ahead of another, in points."""
    names = [f"{one} less {other}" + (f" + {100 * more:g}" if more else "") for one, other, more in COMPARED]
    lines = [f"| data | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for outcome in outcomes:
        cells = [f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]" for mean, low, high in differences(outcome)]
        lines.append(f"| {outcome.task.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def differences(outcome: Outcome) -> list[tuple[float, float, float]]:
    found = []
    for one, other, more in COMPARED:
        mean, low, high = difference(outcome, outcome.answers[one], outcome.answers[other])
        found.append((mean + more, low + more, high + more))
    return found


def bar(outcomes: list[Outcome]) -> str:
    """Whether an interval lies wholly below zero, and the means over all tasks."""
    lines = []
    each = [differences(outcome) for outcome in outcomes]
    for place, (one, other, more) in enumerate(COMPARED[:BAR]):
        below = [outcome.task.name for outcome, found in zip(outcomes, each, strict=True) if found[place][2] < 0]
        mean = np.mean([found[place][0] for found in each])
        said = f"{one} less {other}" + (f" + {100 * more:g}" if more else "")
        wholly = ", ".join(below) or "none"
        lines.append(f"{said}: {100 * mean:+.2f} points, mean over {len(each)} tasks; wholly below zero: {wholly}.")
    return "\n".join(lines)


def calibration_table(outcomes: list[Outcome]) -> str:
    """Calibration error, pooled over the splits and per split; precision at the threshold and its coverage."""
    columns = ("items held out", "queries", "ECE pooled", "ECE per split", "vote: ECE pooled", "precision", "coverage")
    lines = [
        f"| data | {' | '.join(columns)} | forms chosen | defaults | C | fit |",
        "|---|" + "---|" * (len(columns) + 4),
    ]
    for outcome in outcomes:
        ours = outcome.answers["discriminant"]
        queries = int(np.mean([len(truth) for truth in outcome.truth]))
        forms, defaults = (" ".join(sorted(set(one))) for one in (outcome.forms, outcome.defaults))
        strengths = " ".join(f"{one:g}" for one in sorted(set(outcome.strengths)))
        head = f"| {outcome.task.name} | {round(np.mean(outcome.held_out))} | {queries}"
        tail = f"| {forms} | {defaults} | {strengths} | {np.median(outcome.seconds):.1f} s |"
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
