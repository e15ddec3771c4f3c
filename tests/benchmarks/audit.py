"""How near copies of a photograph lie, and how many planted labels the audit finds: ``audit.py DATA_DIR SET...``.

DATA_DIR holds the folders ``magento``, ``clothing`` and ``spree``, each with ``labels.csv``; where it also holds
``<set>.npy``, embeddings as :func:`tonari.index.vectors.to_fixed` gives them, these are not encoded again. The set
``fashion`` is read from ``fashion.npy`` and ``fashion_labels.npy`` alone. Prints the figures of
``docs/decisions/audit.md``.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tonari.builds.assemble import build_snapshot
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.fields.schema import parse_schema
from tonari.index.near_pairs import LEAST, same_picture_from
from tonari.index.vectors import Views, from_fixed, quantise, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import AUDIT
from tonari.snapshots.table import build_table
from tonari_tools.onnx.default import read_default

PRODUCT = {"magento": "product", "clothing": "sender_id", "spree": "product", "fashion": "number"}
ATTRIBUTES = {"magento": ("color", "category"), "clothing": ("category",), "spree": (), "fashion": ("kind",)}
MOST_VIEWS, COPIED, PLANTED, DRAWS = 1500, 200, 0.05, 3
FIRST = (20, 30, 50)
MOST_FASHION = 4000


@dataclass(frozen=True)
class Data:
    """Rows of ``labels.csv``, the photographs and their embeddings."""

    rows: list[dict[str, str]]
    paths: list[Path]
    product: np.ndarray
    fixed: np.ndarray
    split: str


def load_encoder(folder):
    built = read_default()
    (folder / "model").write_bytes(built.model)
    return ImageEncoder(EncoderConfig.parse(built.config), folder / "model")


def embed(encoder, data):
    return to_fixed(encoder.encode(data))


def load(folder, name, product, encoder):
    if name == "fashion":
        return load_fashion(folder)
    rows = list(csv.DictReader((folder / name / "labels.csv").open()))
    chosen = sorted(np.random.default_rng(0).permutation(len(rows))[:MOST_VIEWS])
    rows = [rows[one] for one in chosen]
    paths = [folder / name / row["path"] for row in rows]
    ready = folder / f"{name}.npy"
    fixed = np.load(ready)[chosen] if ready.exists() else np.stack([embed(encoder, one.read_bytes()) for one in paths])
    return Data(rows, paths, np.unique([row[product] for row in rows], return_inverse=True)[1], fixed, product)


def load_fashion(folder):
    """Read ``fashion.npy`` and ``fashion_labels.npy``: there are no photographs to copy."""
    labels = np.load(folder / "fashion_labels.npy")
    chosen = np.sort(np.random.default_rng(0).permutation(60_000)[:MOST_FASHION])
    rows = [{"kind": f"k{labels[one]}", "number": str(one)} for one in chosen]
    fixed = np.asarray(np.load(folder / "fashion.npy", mmap_mode="r")[chosen])
    return Data(rows, [], np.arange(len(chosen)), fixed, "number")


def jpeg(image, quality=90):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def copies(path):
    image = Image.open(path).convert("RGB")
    width, height = image.size
    right, down = max(1, round(width * 0.01)), max(1, round(height * 0.01))
    cropped = image.crop((right, down, width - right, height - down))
    half = image.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    all_three = cropped.resize((cropped.width // 2, cropped.height // 2), Image.Resampling.BICUBIC)
    return {"quality 60": jpeg(image, 60), "50 %": jpeg(half), "crop": jpeg(cropped), "all": jpeg(all_three, 60)}


def measure_copies(data, encoder):
    cosines = {}
    for one in np.sort(np.random.default_rng(0).permutation(len(data.rows))[:COPIED]):
        for kind, picture in copies(data.paths[one]).items():
            cosine = float(from_fixed(embed(encoder, picture)) @ from_fixed(data.fixed[one]))
            cosines.setdefault(kind, []).append(cosine)
    for kind, found in cosines.items():
        least, low, middle = np.quantile(found, [0, 0.05, 0.5])
        print(f"  {kind}: {least:.3f}, {low:.3f}, {middle:.3f}; found {np.mean(np.array(found) >= LEAST):.3f}")
    wide = from_fixed(data.fixed)
    scores = wide @ wide.T
    scores[data.product[:, None] == data.product] = -1
    middle, high, most = np.quantile(scores.max(axis=1), [0.5, 0.99, 1])
    print(f"  other products: {middle:.3f}, {high:.3f}, {most:.3f}; over {LEAST}: {(scores >= LEAST).sum()}")
    views = Views(np.arange(len(wide), dtype=np.int32), data.fixed, quantise(data.fixed)[0])
    print(f"  bound: {same_picture_from(views, data.product):.4f}")


def measure_labels(data, attribute, kind, seed):
    random = np.random.default_rng(seed)
    truth = [row[attribute].rsplit("/", 1)[-1] for row in data.rows]
    known = [one for one, value in enumerate(truth) if value]
    classes = sorted({truth[one] for one in known})
    near = nearest_classes(data, truth, known, classes)
    planted = set(random.permutation(known)[: int(PLANTED * len(known))].tolist())
    items = []
    for one in known:
        label = truth[one]
        if one in planted:
            others = [value for value in classes if value != label] if kind == "random" else [near[label]]
            label = str(random.choice(others))
        fields = {"label": label, "product": data.rows[one][data.split]}
        items.append(IndexedItem(f"{one:05}", fields, "e", (IndexedView("a.jpg", "e", data.fixed[one]),)))
    about = {"fields": {"label": {"type": "string", "attribute": True}}, "split_by": "product"}
    schema = parse_schema(json.dumps(about).encode())
    snapshot = build_snapshot("e" * 64, schema, build_table(items, schema, data.fixed.shape[1]), {})
    contradicted = snapshot.reported[AUDIT].contradicted.items
    said = {int(one.id): one.discriminant.value for one in contradicted}
    found = said.keys() & planted
    right = sum(said[one] == truth[one] for one in found)
    first = [np.mean([int(one.id) in planted for one in contradicted[:count]]) for count in FIRST]
    shares = ", ".join(f"{count}: {share:.2f}" for count, share in zip(FIRST, first, strict=True))
    print(f"  {attribute}, {kind}: {len(known)} items, {len(classes)} classes, {len(planted)} planted, "
          f"{len(said)} listed, {len(found)} of these planted, {right} with the right class; "
          f"planted among the first {shares}", flush=True)  # fmt: skip


def nearest_classes(data, truth, known, classes):
    """Name the class of each whose mean is nearest to its own."""
    wide = from_fixed(data.fixed)
    means = np.stack([wide[[one for one in known if truth[one] == value]].mean(axis=0) for value in classes])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    scores = means @ means.T
    np.fill_diagonal(scores, -1)
    return {value: classes[best] for value, best in zip(classes, scores.argmax(axis=1).tolist(), strict=True)}


def main(folder, names, *, copied):
    with tempfile.TemporaryDirectory() as place:
        encoder = load_encoder(Path(place))
        for name in names:
            data = load(folder, name, PRODUCT[name], encoder)
            print(f"{name}: {len(data.rows)} views", flush=True)
            if copied and data.paths:
                measure_copies(data, encoder)
            for attribute in ATTRIBUTES[name]:
                for kind in ("random", "similar"):
                    for seed in range(DRAWS):
                        measure_labels(data, attribute, kind, seed)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("sets", nargs="*", default=["magento", "clothing", "spree"])
    asked.add_argument("--labels-only", action="store_true")
    given = asked.parse_args()
    main(given.data, given.sets, copied=not given.labels_only)
