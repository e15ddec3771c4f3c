"""`python tests/benchmarks/calibration.py DATA FASHION`: are probabilities true, is the precision asked for reached?

DATA holds the folders magento and clothing, each with a labels.csv; FASHION is fashion_mnist.npz. It needs
scikit-learn, which belongs in a virtualenv of its own: see attributes/requirements.txt. Every figure stands beside that
of the former way: a temperature with a floor, and the last prefix of the predictions, surest first, that is right as
often as was asked. Prints tables in Markdown.
"""

import argparse
import csv
import io
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image
from sklearn.cluster import KMeans

import tonari.attributes.calibrate
import tonari.attributes.learn
from tonari.attributes import VOTERS, AttributeModel, Grouping, Sample, draw, labels_of, study, vote
from tonari.attributes.calibrate import calibrate
from tonari.attributes.crossfit import HeldOutScores, truth_of
from tonari.attributes.probability import calibration_error, fit_softmax
from tonari.attributes.support import by_confidence, fit_threshold
from tonari.attributes.vote import share_to_score
from tonari.catalogue.holdout import HELD_OUT, thirtieths, unit_hash
from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.fields.columns import ClassColumn
from tonari.index.vectors import from_fixed, to_fixed
from tonari_tools.onnx.default import read_default

FASHION = 4_000
SEED = 20
PRECISIONS = (0.8, 0.9, 0.95)
METHODS = ("discriminant", "vote")
NEVER = 2.0
Judged = tuple[HeldOutScores, np.ndarray]
"""By what a method was calibrated."""


@dataclass(frozen=True)
class Task:
    """One attribute; ``embeddings`` (N, D) int16, the others (N,)."""

    name: str
    embeddings: np.ndarray
    labels: np.ndarray
    items: np.ndarray
    groups: np.ndarray


@dataclass
class Said:
    """What one method said of all splits' queries, formerly and now; thresholds by the precision asked for."""

    confidence: list[np.ndarray] = field(default_factory=list)
    right: list[np.ndarray] = field(default_factory=list)
    group: list[np.ndarray] = field(default_factory=list)
    thresholds: dict[float, list[float]] = field(default_factory=dict)


def embed(name: str, count: int, read: Callable[[int], bytes]) -> np.ndarray:
    """Encode pictures 0..count-1 by the default encoder; what is encoded is kept in the temporary folder."""
    built = read_default()
    folder = Path(tempfile.gettempdir()) / "tonari-attributes" / encoder_id(built.model, built.config)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-16.npy"
    if not path.exists():
        model = folder / "calibration.onnx"
        model.write_bytes(built.model)
        encoder = ImageEncoder(EncoderConfig.parse(built.config), model)
        np.save(path, to_fixed(np.array([encoder.encode(read(number)) for number in range(count)])))
    return np.load(path)


def task(
    name: str, embeddings: np.ndarray, labels: list[str], items: list[str], groups: list[str], least: int = 4
) -> Task:
    """Keep the rows whose label is there and belongs to so many groups."""
    label, group = np.array(labels), np.array(groups)
    spread = {one: len(np.unique(group[label == one])) for one in np.unique(label).tolist()}
    kept = np.array([bool(one) and spread[one] >= least for one in labels])
    numbers = np.unique(np.array(items)[kept], return_inverse=True)[1]
    return Task(name, embeddings[kept], label[kept], numbers, group[kept])


def shop_tasks(data: Path) -> Iterator[Task]:
    """Colours, categories and products of magento; articles of clothing-dataset."""
    rows, embeddings = read_shop(data, "magento")
    design = [f"{row['product']}/{row['color']}" for row in rows]
    product, color, category = ([row[name] for row in rows] for name in ("product", "color", "category"))
    frontal = np.array([row["view"] in ("main", "back") for row in rows])
    front = [[one for one, kept in zip(column, frontal, strict=True) if kept] for column in (color, design, product)]
    yield task("magento colour", embeddings[frontal], *front)
    yield task("magento category", embeddings, category, design, product)
    both = [f"{one}/{other}" if other else "" for one, other in zip(category, color, strict=True)]
    yield task("magento category and colour", embeddings, both, design, product)
    views = [row["path"] for row in rows]
    yield task("magento product, views as items", embeddings, product, views, views, 3)
    rows, embeddings = read_shop(data, "clothing")
    path, sender = [row["path"] for row in rows], [row["sender_id"] for row in rows]
    yield task("clothing category", embeddings, [row["small_category"] for row in rows], path, sender)


def read_shop(data: Path, name: str) -> tuple[list[dict[str, str]], np.ndarray]:
    with (data / name / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, embed(name, len(rows), lambda number: (data / name / rows[number]["path"]).read_bytes())


def fashion_tasks(path: Path) -> Iterator[Task]:
    """Sizes and shapes of fashion-mnist: as it is, three unequal classes, and each class parted by k-means on pixels.

    Parts are confused as shades of a colour are: a tenth or a quarter of the labels is another part of the same class.
    Sizes of parts fall by up to e⁻³ where they are long-tailed.
    """
    with np.load(path) as stored:
        pictures = np.concatenate([stored["train_images"], stored["test_images"]])
        classes = np.concatenate([stored["train_labels"], stored["test_labels"]]).astype(np.int64)
    chosen = np.sort(np.random.default_rng(SEED).choice(len(pictures), FASHION, replace=False))
    codes, pixels = classes[chosen], pictures[chosen].reshape(FASHION, -1) / 255
    embeddings = embed("fashion", FASHION, lambda number: png(pictures[chosen[number]]))
    random = np.random.default_rng(SEED)

    def of(name: str, kept: np.ndarray, labels: np.ndarray) -> Task:
        numbers = [str(number) for number in kept.tolist()]
        return task(name, embeddings[kept], labels[kept].astype(str).tolist(), numbers, numbers)

    for count in (300, 1000, FASHION):
        yield of(f"fashion-mnist, {count:,}", np.sort(random.permutation(FASHION)[:count]), codes)
    unequal = [np.flatnonzero(codes == code)[:most] for code, most in ((0, 450), (2, 150), (6, 50))]
    yield of("fashion-mnist, 3 unequal classes", np.concatenate(unequal), codes)
    for parts, tailed, noise in ((4, False, 0.1), (4, False, 0.25), (4, True, 0.1), (8, True, 0.1), (14, False, 0.1)):
        fine = parted(codes, pixels, parts)
        share = np.exp(-3 * random.permutation(10 * parts) / (10 * parts))[fine] if tailed else np.ones(FASHION)
        kept = np.flatnonzero(random.random(FASHION) < share)
        other = (fine % parts + random.integers(1, parts, FASHION)) % parts + fine // parts * parts
        labels = np.where(random.random(FASHION) < noise, other, fine)
        kinds = f"{10 * parts} parts{', long-tailed' if tailed else ''}"
        yield of(f"fashion-mnist, {kinds}, {noise:.0%} confused", kept, labels)


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(file, "PNG")
    return file.getvalue()


def parted(codes: np.ndarray, pixels: np.ndarray, parts: int) -> np.ndarray:
    fine = codes * parts
    for code in np.unique(codes):
        of = codes == code
        fine[of] += KMeans(parts, n_init=1, random_state=SEED).fit_predict(pixels[of])
    return fine


def run(one: Task, splits: int) -> tuple[dict[str, tuple[Said, Said]], str]:
    """Fit as a build does, ask three tenths of the groups; former and present answers by method, and a row's head."""
    groups, group = np.unique(one.groups, return_inverse=True)
    classes, truth = np.unique(one.labels, return_inverse=True)
    part = thirtieths(groups.tolist())
    said = {method: (Said(), Said()) for method in METHODS}
    held_out, right = [], []
    for split in range(splits):
        asks = np.array([unit_hash(value, f"split {split}") < HELD_OUT for value in groups.tolist()])[group]
        known, queries = np.flatnonzero(~asks), from_fixed(one.embeddings[asks])
        _, first, item = np.unique(one.items[known], return_index=True, return_inverse=True)
        labels = labels_of(ClassColumn(truth[known][first].astype(np.int32), tuple(range(len(classes)))))
        of = group[known][first]
        sample = draw(labels, item.astype(np.int32), one.embeddings[known], Grouping(of, part[of]))
        model, judged = recorded_study(sample, labels.classes, several=False)
        if not judged:
            return {}, f"| {one.name} | {len(classes)} | fewer than 100 |"
        held_out.append(model.calibrations["discriminant"].held_out)
        scores = {
            "discriminant": model.discriminant.score_all(queries).astype(np.float64),
            "vote": vote_scores(model, queries, from_fixed(one.embeddings[known]), item, truth[known]),
        }
        for method in METHODS:
            add(said[method], model, method, judged[method], scores[method], truth[asks], group[asks])
        right.append(said["discriminant"][1].right[-1].mean())
    head = f"| {one.name} | {len(classes)} | {np.mean(held_out):.0f} | {len(queries)} | {np.mean(right):.3f}"
    return said, head


def recorded_study(
    sample: Sample, classes: tuple[Any, ...], *, several: bool
) -> tuple[AttributeModel, dict[str, Judged]]:
    """Fit; with the held-out scores by which each method was calibrated."""
    seen = []

    def recording(held_out, scores, *rest, several):
        seen.append((held_out, scores))
        return calibrate(held_out, scores, *rest, several=several)

    with (
        patch.object(tonari.attributes.learn, "calibrate", recording),
        patch.object(tonari.attributes.calibrate, "calibrate", recording),
    ):
        model = study(sample, classes, several=several).model
    return model, dict(zip(("discriminant", "means", "vote"), seen, strict=False))


def vote_scores(
    model: AttributeModel, queries: np.ndarray, features: np.ndarray, item: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    place = {value: number for number, value in enumerate(model.classes)}
    shares = np.zeros((len(queries), len(place)))
    for row, scores in zip(shares, queries @ features.T, strict=True):
        nearest = np.argsort(-scores, kind="stable")[: 10 * VOTERS]
        voters = nearest[np.sort(np.unique(item[nearest], return_index=True)[1])[:VOTERS]]
        for ranked in vote(codes[voters, None].tolist(), scores[voters].tolist()):
            row[place[ranked.value]] = ranked.score
    return share_to_score(shares, several=False)


def add(
    said: tuple[Said, Said],
    model: AttributeModel,
    method: str,
    judged: Judged,
    scores: np.ndarray,
    truth: np.ndarray,
    group: np.ndarray,
) -> None:
    """Add one split's queries to what was formerly said and to what is said now."""
    held_out, known = judged
    plain = fit_softmax(known, truth_of(held_out, known), held_out.weight)
    confidence = plain.softmax(known).max(axis=1)
    hit = held_out.belongs[np.arange(len(known)), known.argmax(axis=1)]
    thresholds, _, accuracy = by_confidence(confidence, hit, held_out.weight)
    right = np.array(model.classes)[scores.argmax(axis=1)] == truth
    scale = model.calibrations[method].scale
    every = tuple(range(known.shape[1]))
    for one, of in zip(said, (replace(scale, slope=1.0, offset=0.0, lean=()), scale), strict=True):
        one.confidence.append(of.softmax(scores).max(axis=1))
        one.right.append(right)
        one.group.append(group)
    for precision in PRECISIONS:
        lucky = np.flatnonzero(accuracy >= precision)
        said[0].thresholds.setdefault(precision, []).append(float(thresholds[lucky[-1]]) if len(lucky) else NEVER)
        now, _ = calibrate(held_out, known, every, precision, several=False)
        said[1].thresholds.setdefault(precision, []).append(now.threshold)


def truth_cell(one: Said) -> tuple[str, str]:
    """Calibration error and log loss of right-or-wrong, pooled over all splits' queries."""
    confidence, right = np.concatenate(one.confidence), np.concatenate(one.right)
    loss = -np.log(np.maximum(np.where(right, confidence, 1 - confidence), 1e-3)).mean()
    return f"{calibration_error(confidence, right, np.ones(len(right))):.3f}", f"{loss:.3f}"


def truth_cells(said: tuple[Said, Said]) -> str:
    """Calibration error, formerly and now; log loss, formerly and now."""
    return " | ".join(chain.from_iterable(zip(*map(truth_cell, said), strict=True)))


def threshold_cells(said: tuple[Said, Said], precision: float) -> str:
    return " | ".join(threshold_cell(one, precision) for one in said)


def threshold_cell(one: Said, precision: float, times: int = 1) -> str:
    """Precision of what is given, its standard error over groups, its share, and how many splits gave nothing.

    Of tags, ``times`` their number, the share is how many tags are given to a picture.
    """
    thresholds = one.thresholds[precision]
    given = np.concatenate([c >= t for c, t in zip(one.confidence, thresholds, strict=True)])
    never = sum(threshold > 1 for threshold in thresholds)
    silent = f", never in {never} of {len(thresholds)}" if never else ""
    if not given.any():
        return f"- of 0.00{silent}"
    right, group = np.concatenate(one.right)[given], np.concatenate(one.group)[given]
    share = right.mean()
    error = np.sqrt(np.square(np.bincount(group, right - share)).sum()) / len(right)
    mark = "**" if share + 2 * error < precision else ""
    return f"{mark}{share:.3f} ± {error:.3f}{mark} of {times * given.mean():.2f}{silent}"


def simulated() -> str:
    """Thresholds for 0.9 by samples of a known law: truth is a coin of the confidence, which is beta distributed."""
    random = np.random.default_rng(SEED)
    lines = [
        "| accuracy | could be given | sample | formerly: precision, samples under 0.9, given | now |",
        "|---|---|---|---|---|",
    ]
    for shape in ((4, 0.55), (2.2, 0.6), (1.2, 0.7), (1, 1)):
        fresh = np.sort(random.beta(*shape, 100_000))[::-1]
        precision = np.cumsum(fresh) / np.arange(1, len(fresh) + 1)
        could = np.flatnonzero(precision >= 0.9)[-1] / len(fresh)
        for count in (100, 300, 1000, 3000):
            found: dict[str, list[float]] = {"former": [], "now": []}
            for _ in range(200):
                confidence = random.beta(*shape, count)
                right = random.random(count) < confidence
                thresholds, _, accuracy = by_confidence(confidence, right, np.ones(count))
                lucky = np.flatnonzero(accuracy >= 0.9)
                found["former"].append(thresholds[lucky[-1]] if len(lucky) else NEVER)
                found["now"].append(fit_threshold(confidence, right, np.ones(count), np.arange(count), 0.9)[0])
            cells = []
            for chosen in found.values():
                given = np.searchsorted(-fresh, -np.array(chosen), side="right")
                reached = precision[given[given > 0] - 1]
                under = f"{(reached < 0.9).sum() / len(chosen):.2f}"
                cells.append(f"{reached.mean():.3f}, {under}, {given.mean() / len(fresh):.2f}")
            lines.append(f"| {fresh.mean():.2f} | {could:.2f} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("fashion", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--only", default="", help="tasks whose names match this pattern")
    arguments = parser.parse_args()
    if not arguments.only:
        print(simulated(), "\n", flush=True)
    errors, thresholds = [], []
    for one in chain(shop_tasks(arguments.data), fashion_tasks(arguments.fashion)):
        if not fnmatch(one.name, arguments.only or "*"):
            continue
        said, head = run(one, arguments.splits)
        for method, both in said.items():
            errors.append(f"{head} | {method} | {truth_cells(both)} |")
            cells = " | ".join(threshold_cells(both, precision) for precision in PRECISIONS)
            thresholds.append(f"| {one.name} | {method} | {cells} |")
            print(errors[-1], thresholds[-1], sep="\n", flush=True)
        if not said:
            print(head, flush=True)
    columns = "data | classes | held out | queries | accuracy of the discriminant | method"
    figures = "ECE formerly | now | log loss formerly | now"
    print(f"\n| {columns} | {figures} |\n|{'---|' * 10}", *errors, sep="\n")
    asked = " | ".join(f"{precision}: formerly | now" for precision in PRECISIONS)
    print(f"\n| data | method | {asked} |\n|{'---|' * 8}", *thresholds, sep="\n")
    print(f"\nMachine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}.")


if __name__ == "__main__":
    main()
