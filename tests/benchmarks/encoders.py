"""What `tonari encoder fit` is worth, beside simpler and slower ways to the same end.

    python tests/benchmarks/encoders.py DATA [--only magento] [--splits 20 clothing=4] [--without-trained]
        [--out docs/measurements/encoders.md]

DATA holds magento.tar, clothing.tar and spree.tar, or the folders unpacked. Three tenths of the products are held out,
as many times as there are splits. All choices are made within the other seven tenths. Where pytorch-metric-learning is
installed, heads trained by gradient descent on the same features and labels are added: SupCon, ArcFace and ProxyAnchor;
``--without-trained`` leaves them out. It brings PyTorch, and belongs in an environment of its own:

    python -m venv peers && peers/bin/pip install -r tests/benchmarks/encoders_requirements.txt -e . -e tools
    peers/bin/python tests/benchmarks/encoders.py DATA

An embedding is computed once per data set and kept in the system's temporary folder under the encoder's id.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import os
import platform
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tonari.catalogue.holdout import HELD_OUT
from tonari_tools.fit.changes import compare
from tonari_tools.fit.cross_validation import DIMENSIONS
from tonari_tools.fit.fit_metrics import SAME_ITEM, Metric, Parts, choose_asked, enough, measure
from tonari_tools.fit.fit_sample import FitRefusedError, Sample
from tonari_tools.fit.lda import condense, measure_scatter, principal_axes, project, solve, to_unit
from tonari_tools.fit.metric_learning import ask_unseen, discriminate
from tonari_tools.fit.neighbours import same_item_rank

STUDENT = {3: 4.303, 4: 3.182, 5: 2.776, 8: 2.365, 10: 2.262, 20: 2.093}
"""97.5 % points of Student's t for so many splits."""
NETWORK = 1280
BAR_SET = "magento"
Trainer = Callable[[Sample, Parts, int], np.ndarray]
CHOSEN = "fit, as chosen"
WHOLE = "hit@1 in the whole shop"
COLUMNS = (
    (SAME_ITEM, "hit@1"),
    (SAME_ITEM, "hit@10"),
    (SAME_ITEM, WHOLE),
    ("color", "mAP@R"),
    ("color", "nearest mean"),
    ("color", "9-NN vote"),
    ("category", "mAP@R"),
    ("category", "nearest mean"),
    ("category", "9-NN vote"),
)


@dataclass(frozen=True)
class Data:
    """A data set: the sample without features, the default encoder's embedding, and the colour histogram."""

    name: str
    embedding: np.ndarray
    histogram: np.ndarray
    item: np.ndarray
    group: np.ndarray
    labels: Mapping[str, np.ndarray]

    def sample(self, features: np.ndarray) -> Sample:
        return Sample(to_unit(features), self.item, self.group, self.labels)


def codes(values: list[str]) -> np.ndarray:
    """Number the classes; empty values get -1."""
    known = {value: code for code, value in enumerate(sorted(set(values) - {""}))}
    return np.array([known.get(value, -1) for value in values])


def magento(rows: list[dict[str, str]]) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """An item is a product in one colour; colours are those of front and back views."""
    colour = [row["color"] if row["view"] in ("main", "back") else "" for row in rows]
    item = [f"{row['product']} {row['color'] or row['path']}" for row in rows]
    return item, [row["product"] for row in rows], {"color": colour, "category": [row["category"] for row in rows]}


def clothing(rows: list[dict[str, str]]) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Each photograph is an item."""
    item = [row["path"] for row in rows]
    return item, item, {"category": [row["small_category"] for row in rows]}


def spree(rows: list[dict[str, str]]) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """An item is a product in all its colours."""
    item = [row["product"] for row in rows]
    labels = {name: [row[name] for row in rows] for name in ("color", "category")}
    return item, item, labels


SETS: dict[str, Callable[[list[dict[str, str]]], tuple[list[str], list[str], dict[str, list[str]]]]] = {
    "magento": magento,
    "clothing": clothing,
    "spree": spree,
}


def load(folder: Path, name: str) -> Data:
    """Read a data set; encode it unless that has been done."""
    with tempfile.TemporaryDirectory() as scratch:
        place = unpacked(folder, name, Path(scratch))
        with (place / "labels.csv").open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        embedding, histogram = encoded(name, [place / row["path"] for row in rows])
    item, group, labels = SETS[name](rows)
    return Data(name, embedding, histogram, codes(item), codes(group), {of: codes(v) for of, v in labels.items()})


def unpacked(data: Path, name: str, scratch: Path) -> Path:
    if (data / name / "labels.csv").exists():
        return data / name
    with tarfile.open(data / f"{name}.tar") as archive:
        archive.extractall(scratch, filter="data")
    return next(scratch.rglob("labels.csv")).parent


def encoded(name: str, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of the default encoder, and the histograms that are the floor for colour."""
    from encoder_colour import frame, hsv_histogram

    from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
    from tonari_tools.onnx.default import read_default
    from tonari_tools.onnx.recipe import SHORTEST_EDGE

    built = read_default()
    cache = Path(tempfile.gettempdir()) / "tonari-benchmark" / encoder_id(built.model, built.config)
    kept = cache / f"{name}.npz"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "model.onnx").write_bytes(built.model)
        encoder = ImageEncoder(EncoderConfig.parse(built.config), cache / "model.onnx")
        embedding = np.stack([encoder.encode(path.read_bytes()) for path in paths])
        histogram = np.stack([hsv_histogram(frame(path, SHORTEST_EDGE)) for path in paths])
        np.savez(kept, embedding=embedding, histogram=histogram)
    with np.load(kept) as arrays:
        return arrays["embedding"], arrays["histogram"]


def splits(group: np.ndarray, count: int) -> Iterator[Parts]:
    names = np.unique(group)
    for seed in range(count):
        out = np.random.default_rng(seed).permutation(names)[: round(HELD_OUT * len(names))]
        held = np.isin(group, out)
        yield Parts(np.flatnonzero(~held), np.flatnonzero(held))


def fitted(sample: Sample, parts: Parts, seed: int) -> tuple[dict[str, np.ndarray], dict[str, float], list]:
    """Project by principal components and by the discriminant, at each dimension and at the one that is chosen.

    Where the fit is refused the encoder stays as it is, and that is what stands for the chosen one.
    """
    fit = sample.take(parts.known)
    axes = principal_axes(fit.features)
    rows = axes.along(fit.features)
    reachable = tuple(sorted({min(size, rows.shape[1]) for size in DIMENSIONS}))
    vectors = {}
    for size in reachable:
        vectors[f"PCA {size}"] = project(axes, np.eye(rows.shape[1])[:, :size]).apply(sample.features)
    started = time.monotonic()
    try:
        taught = discriminate(fit, DIMENSIONS, seed)
    except FitRefusedError:
        return {**vectors, CHOSEN: to_unit(sample.features)}, {CHOSEN: time.monotonic() - started}, []
    seconds = time.monotonic() - started
    parameters = taught.parameters
    scatter = measure_scatter(rows, fit)
    found = solve(scatter, parameters.shrinkage, parameters.item_share)
    for size in reachable:
        weights = replace(parameters.weights, dimensions=size)
        vectors[f"fit {size}"] = project(axes, condense(found, weights)).apply(sample.features)
    vectors[CHOSEN] = taught.projection.apply(sample.features)
    return vectors, {CHOSEN: seconds}, compare(*ask_unseen(sample, parts, taught, seed), seed)


def figures(vectors: np.ndarray, sample: Sample, parts: Parts) -> dict[tuple[str, str], float]:
    metrics = enough(measure(vectors, sample, parts, choose_asked(parts.held, 0)))
    held, items = parts.held, sample.item[parts.held]
    names, counts = np.unique(items, return_counts=True)
    rows = held[np.isin(items, names[counts > 1])]
    if any(metric.task == SAME_ITEM for metric in metrics):
        rank = same_item_rank(vectors, sample.item, rows)
        metrics.append(Metric(SAME_ITEM, WHOLE, (rank < 1).astype(float), sample.group[rows]))
    return {metric.key: float(metric.values.mean()) for metric in metrics}


def run(data: Data, count: int, heads: Mapping[str, Trainer]) -> tuple[dict, dict, dict, int]:
    """Give per method and metric a value per split; seconds per method; unseen classes before and after; refusals."""
    measured: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, list[float]] = defaultdict(list)
    unseen: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    sample = data.sample(data.embedding)
    network = data.sample(data.embedding[:, :NETWORK])
    refused = 0
    for seed, parts in enumerate(splits(data.group, count)):
        vectors, times, changes = fitted(sample, parts, seed)
        ways = {
            "colour histogram (floor)": to_unit(data.histogram),
            "network alone": to_unit(network.features),
            "raw": to_unit(sample.features),
            **vectors,
        }
        if data.name == BAR_SET:
            ways["network alone, fit"] = fitted(network, parts, seed)[0][CHOSEN]
        for name, train in heads.items():
            started = time.monotonic()
            ways[name] = train(sample, parts, seed)
            times[name] = time.monotonic() - started
        for name, found in ways.items():
            for key, value in figures(found, sample, parts).items():
                measured[name][key].append(value)
        for name, spent in times.items():
            seconds[name].append(spent)
        for change in changes:
            unseen[change.task, change.name].append((change.before, change.after))
        refused += "fit 64" not in vectors
        print(f"{data.name}: split {seed + 1} of {count}", file=sys.stderr, flush=True)
    return measured, seconds, unseen, refused


def trainers() -> dict[str, Trainer]:
    """Heads trained by gradient descent, where pytorch-metric-learning is there."""
    if not importlib.util.find_spec("pytorch_metric_learning"):
        return {}
    import trained_heads

    return trained_heads.trainers()


def interval(before: list[float], after: list[float]) -> tuple[float, float]:
    """Mean of the paired differences and half the width of its 95 % interval.

    Splits share their items, so the variance is that of Nadeau and Bengio, Inference for the Generalization Error,
    Machine Learning 52 (2003): ``(1/J + held out / fit) s²``.
    """
    difference = np.subtract(after, before)
    variance = difference.var(ddof=1) * (1 / len(difference) + HELD_OUT / (1 - HELD_OUT))
    return float(difference.mean()), float(STUDENT[len(difference)] * np.sqrt(variance))


def report(data: Data, measured: dict, seconds: dict, unseen: dict, refused: int) -> str:
    whole = max(map(len, measured["raw"].values()))
    columns = [key for key in COLUMNS if len(measured["raw"].get(key, ())) == whole]
    lines = [
        f"## {data.name}: {len(data.item)} photographs, {len(np.unique(data.group))} products, {whole} splits\n",
        "| | " + " | ".join(f"{task}, {name}" for task, name in columns) + " | seconds |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for name, values in measured.items():
        if max(map(len, values.values())) < whole:
            continue
        cells = [_cell(measured, name, key) for key in columns]
        spent = f"{np.median(seconds[name]):.1f}" if name in seconds else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {spent} |")
    lines.append("")
    if refused:
        lines += [
            f"In {refused} of {whole} splits the fit was refused, and *fit, as chosen* is the encoder as it is.",
            "",
        ]
    lines += ["Classes that the fit had not seen, before and after:", ""] if unseen else []
    for (task, name), pairs in unseen.items():
        if len(pairs) < whole:
            continue
        before, after = zip(*pairs, strict=True)
        mean, half = interval(list(before), list(after))
        lines.append(f"- {task}, {name}: {np.mean(before):.3f} -> {np.mean(after):.3f} ({mean:+.3f} ± {half:.3f})")
    return "\n".join(lines)


def _cell(measured: dict, name: str, key: tuple[str, str]) -> str:
    values = measured[name][key]
    base = "network alone" if name == "network alone, fit" else "raw"
    text = f"{np.mean(values):.3f}"
    if name in ("raw", "network alone", "colour histogram (floor)"):
        return text
    mean, half = interval(measured[base][key], values)
    return f"{text} ({mean:+.3f} ± {half:.3f})"


def bar(measured: dict) -> str:
    """Set the same-item and colour figures beside what is asked of them."""
    chosen, raw, network = (measured[name] for name in (CHOSEN, "raw", "network alone"))
    hit, floor = (SAME_ITEM, "hit@1"), measured["colour histogram (floor)"]["color", "9-NN vote"]
    after = np.mean(chosen[hit])
    colour = chosen["color", "nearest mean"]
    mean, half = interval(floor, colour)
    own = np.mean(measured["network alone, fit"][hit]) / np.mean(network[hit])
    return (
        f"Same item, hit@1: the fit has {after:.3f}, which is {after / np.mean(raw[hit]):.2f} x that of the default "
        f"encoder ({np.mean(raw[hit]):.3f}) and {after / np.mean(network[hit]):.2f} x that of the network alone "
        f"({np.mean(network[hit]):.3f}), whose own fit has {own:.2f} x. Colour by nearest mean: {np.mean(colour):.3f} "
        f"against the floor's {np.mean(floor):.3f} ({mean:+.3f} ± {half:.3f})."
    )


def splits_of(given: list[str]) -> dict[str, int]:
    """Give each set its number of splits: that of its name, else the one without a name, else 20."""
    named = dict(one.split("=") if "=" in one else ("", one) for one in given)
    return {name: int(named.get(name, named.get("", "20"))) for name in SETS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=tuple(SETS))
    parser.add_argument(
        "--splits", nargs="+", default=["20"], metavar="N|SET=N", help=f"N: {', '.join(map(str, STUDENT))}"
    )
    parser.add_argument("--without-trained", action="store_true", help="no heads trained by gradient descent")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    texts = []
    counts, heads = splits_of(arguments.splits), {} if arguments.without_trained else trainers()
    for name in SETS if arguments.only is None else [arguments.only]:
        data = load(arguments.data, name)
        measured, seconds, unseen, refused = run(data, counts[name], heads)
        texts.append(report(data, measured, seconds, unseen, refused))
        if name == BAR_SET:
            texts.append(bar(measured))
        print("\n\n".join(texts[-2 if name == BAR_SET else -1 :]), flush=True)
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"
    )
    if arguments.out:
        trained = (
            TRAINED
            if trainers() and not arguments.without_trained
            else "Heads trained by gradient descent were left out."
        )
        arguments.out.write_text("\n\n".join([PREFACE.format(trained=trained, machine=machine), *texts]) + "\n")


PREFACE = """# Encoders: what the fit is worth

`python tests/benchmarks/encoders.py DATA --out docs/measurements/encoders.md`, {machine}. Three tenths of the
products are held out at each split; mean over the splits. In brackets the paired difference to the same features before
the fit with its 95 % interval, corrected for splits that share items (Nadeau and Bengio 2003). Held-out products are
new to the fit, and to the choice of its parameters.

Data: product photographs of the Magento 2 sample data (OSL-3.0; same item: one product in one colour; colour on front
and back views), clothing-dataset (CC0; each photograph an item), Spree Commerce sample products (CC BY 4.0; same item:
one product in all its colours).

*Raw* is the default encoder's embedding of 1472 numbers, whose last 192 are a colour histogram; *network alone* is its
first 1280. Same item and mAP@R look among held-out views alone (mAP@R passes over the query's own item); "in the whole
shop" looks among all views. *Seconds* are those of choosing and solving, without encoding, the median over the splits,
on a machine that did other work too. {trained}
"""
TRAINED = """SupCon, ArcFace and ProxyAnchor of pytorch-metric-learning train a linear head on the same features, labels
and items; its steps are chosen on an inner split of the fit part, its learning rate and the losses' constants are
fixed."""


if __name__ == "__main__":
    main()
