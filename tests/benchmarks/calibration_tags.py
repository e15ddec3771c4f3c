"""`python tests/benchmarks/calibration_tags.py DATA`: are tags' probabilities true, is the precision asked for reached?

DATA holds the folders magento and spree, each with a labels.csv: magento's materials and styles, and spree's tags, are
lists. Probabilities and precision are those of pairs of item and tag. The threshold stands beside the former one: the
last prefix of the pairs, surest first, that was right as often as was asked. Prints tables in Markdown.
"""

import argparse
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from calibration import HELD_OUT, NEVER, PRECISIONS, Judged, Said, read_shop, recorded_study, threshold_cell, truth_cell

from tonari.attributes import VOTERS, AttributeModel, Grouping, draw, labels_of, vote
from tonari.attributes.calibrate import calibrate
from tonari.attributes.support import by_confidence
from tonari.attributes.vote import share_to_score
from tonari.catalogue.holdout import thirtieths, unit_hash
from tonari.fields.columns import ListColumn
from tonari.index.vectors import from_fixed

LEAST_GROUPS = 4
METHODS = ("discriminant", "vote")


@dataclass(frozen=True)
class Tagged:
    """Views of items that have tags; ``embeddings`` (N, D) int16, ``belongs`` (N, C) bool, the others (N,)."""

    name: str
    embeddings: np.ndarray
    belongs: np.ndarray
    items: np.ndarray
    groups: np.ndarray


def read_tags(data: Path) -> Iterator[Tagged]:
    """Materials and styles of magento, by design and product; tags of spree, each photograph an item."""
    rows, embeddings = read_shop(data, "magento")
    design = [f"{row['product']}/{row['color']}" for row in rows]
    product = [row["product"] for row in rows]
    for name in ("material", "style"):
        lists = [[one for one in row[name].split("|") if one] for row in rows]
        yield tagged(f"magento {name}", embeddings, lists, design, product)
    rows, embeddings = read_shop(data, "spree")
    lists = [[one.strip() for one in row["tags"].split(",") if one.strip()] for row in rows]
    yield tagged("spree tags", embeddings, lists, [row["path"] for row in rows], [row["product"] for row in rows])


def tagged(name: str, embeddings: np.ndarray, lists: list[list[str]], items: list[str], groups: list[str]) -> Tagged:
    """Keep the tags of at least four groups, and the rows that have one."""
    group = np.array(groups)
    tags = sorted({tag for one in lists for tag in one})
    has = np.array([[tag in one for tag in tags] for one in lists])
    has = has[:, [len(np.unique(group[column])) >= LEAST_GROUPS for column in has.T]]
    kept = has.any(axis=1)
    return Tagged(
        name, embeddings[kept], has[kept], np.unique(np.array(items)[kept], return_inverse=True)[1], group[kept]
    )


def run(one: Tagged, splits: int) -> tuple[dict[str, tuple[Said, Said]], str]:
    """Fit as a build does, ask three tenths of the groups; former and present answers by method, and a row's head."""
    groups, group = np.unique(one.groups, return_inverse=True)
    part, said = thirtieths(groups.tolist()), {method: (Said(), Said()) for method in METHODS}
    held_out = []
    for split in range(splits):
        asks = np.array([unit_hash(value, f"split {split}") < HELD_OUT for value in groups.tolist()])[group]
        known, queries = np.flatnonzero(~asks), from_fixed(one.embeddings[asks])
        _, first, item = np.unique(one.items[known], return_index=True, return_inverse=True)
        codes, items = np.nonzero(one.belongs[known][first].T)
        column = ListColumn(
            codes.astype(np.int32), items.astype(np.int32), tuple(map(str, range(one.belongs.shape[1]))), len(first)
        )
        of = group[known][first]
        sample = draw(labels_of(column), item.astype(np.int32), one.embeddings[known], Grouping(of, part[of]))
        model, judged = recorded_study(sample, column.classes, several=True)
        if not judged:
            return {}, f"| {one.name} | {one.belongs.shape[1]} | fewer than 100 |"
        held_out.append(model.calibrations["discriminant"].held_out)
        place = [int(tag) for tag in model.classes]
        truth = one.belongs[asks][:, place]
        scores = {
            "discriminant": model.discriminant.score_all(queries).astype(np.float64),
            "vote": vote_scores(queries, from_fixed(one.embeddings[known]), item, one.belongs[known])[:, place],
        }
        for method in METHODS:
            add(said[method], model, method, judged[method], scores[method], truth, group[asks])
    return said, f"| {one.name} | {one.belongs.shape[1]} | {np.mean(held_out):.0f} | {len(queries)}"


def vote_scores(queries: np.ndarray, features: np.ndarray, item: np.ndarray, belongs: np.ndarray) -> np.ndarray:
    """Score all tags by the vote of the nearest items."""
    shares = np.zeros((len(queries), belongs.shape[1]))
    for row, scores in zip(shares, queries @ features.T, strict=True):
        nearest = np.argsort(-scores, kind="stable")[: 10 * VOTERS]
        voters = nearest[np.sort(np.unique(item[nearest], return_index=True)[1])[:VOTERS]]
        tags = [np.flatnonzero(one).tolist() for one in belongs[voters]]
        for ranked in vote(tags, scores[voters].tolist()):
            row[ranked.value] = ranked.score
    return share_to_score(shares, several=True)


def add(
    said: tuple[Said, Said],
    model: AttributeModel,
    method: str,
    judged: Judged,
    scores: np.ndarray,
    truth: np.ndarray,
    group: np.ndarray,
) -> None:
    """Add all pairs of one split's queries and tags; the probabilities of both are the same."""
    held_out, known = judged
    scale, count = model.calibrations[method].scale, truth.shape[1]
    for one in said:
        one.confidence.append(scale.sigmoid(scores).ravel())
        one.right.append(truth.ravel())
        one.group.append(np.repeat(group, count))
    stated, weight = scale.sigmoid(known).ravel(), np.repeat(held_out.weight, known.shape[1])
    thresholds, _, accuracy = by_confidence(stated, held_out.belongs.ravel(), weight)
    for precision in PRECISIONS:
        lucky = np.flatnonzero(accuracy >= precision)
        said[0].thresholds.setdefault(precision, []).append(float(thresholds[lucky[-1]]) if len(lucky) else NEVER)
        now, _ = calibrate(held_out, known, tuple(range(known.shape[1])), precision, several=True)
        said[1].thresholds.setdefault(precision, []).append(now.threshold)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    arguments = parser.parse_args()
    lines = []
    for one in read_tags(arguments.data):
        said, head = run(one, arguments.splits)
        for method, both in said.items():
            cells = " | ".join(
                threshold_cell(of, precision, one.belongs.shape[1]) for precision in PRECISIONS for of in both
            )
            lines.append(f"{head} | {method} | {' | '.join(truth_cell(both[1]))} | {cells} |")
            print(lines[-1], flush=True)
        if not said:
            lines.append(head)
            print(head, flush=True)
    asked = " | ".join(f"{precision}: formerly | now" for precision in PRECISIONS)
    print(
        f"\n| data | tags | held out | queries | method | ECE | log loss | {asked} |\n|{'---|' * 13}", *lines, sep="\n"
    )
    print(f"\nMachine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}.")


if __name__ == "__main__":
    main()
