"""How near copies of a photograph lie, and how many planted labels the audit finds: ``audit.py DATA_DIR SET...``.

DATA_DIR holds the folders ``magento``, ``clothing`` and ``spree``, each with ``labels.csv``. Prints the figures of
``docs/decisions/audit.md``.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tonari.audit.duplicates import LEAST, same_picture_from
from tonari.builds.assemble import build_snapshot
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.fields.schema import parse_schema
from tonari.index.vectors import Views, from_fixed, quantise, to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.snapshot import AUDIT
from tonari.snapshots.table import build_table
from tonari_tools.onnx.default import read_default

PRODUCT = {"magento": "product", "clothing": "path", "spree": "product"}
ATTRIBUTES = {"magento": ("color", "category"), "clothing": ("category",), "spree": ()}
MOST_VIEWS, COPIED, PLANTED, DRAWS = 1500, 200, 0.05, 3


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


def load(folder, product, encoder):
    rows = list(csv.DictReader((folder / "labels.csv").open()))
    rows = [rows[one] for one in sorted(np.random.default_rng(0).permutation(len(rows))[:MOST_VIEWS])]
    paths = [folder / row["path"] for row in rows]
    fixed = np.stack([embed(encoder, path.read_bytes()) for path in paths])
    return Data(rows, paths, np.unique([row[product] for row in rows], return_inverse=True)[1], fixed, product)


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


def measure_labels(data, attribute, seed):
    random = np.random.default_rng(seed)
    truth = [row[attribute].rsplit("/", 1)[-1] for row in data.rows]
    known = [one for one, value in enumerate(truth) if value]
    classes = sorted({truth[one] for one in known})
    planted = set(random.permutation(known)[: int(PLANTED * len(known))].tolist())
    items = []
    for one in known:
        label = (
            str(random.choice([value for value in classes if value != truth[one]])) if one in planted else truth[one]
        )
        fields = {"label": label, "product": data.rows[one][data.split]}
        items.append(IndexedItem(f"{one:05}", fields, "e", (IndexedView("a.jpg", "e", data.fixed[one]),)))
    about = {"fields": {"label": {"type": "string", "attribute": True}}, "split_by": "product"}
    schema = parse_schema(json.dumps(about).encode())
    snapshot = build_snapshot("e" * 64, schema, build_table(items, schema, data.fixed.shape[1]), {})
    contradicted = snapshot.reported[AUDIT].contradicted.items
    said = {int(one.id): one.discriminant.value for one in contradicted}
    found = said.keys() & planted
    right = sum(said[one] == truth[one] for one in found)
    print(f"  {attribute}: {len(known)} items, {len(classes)} classes, {len(planted)} planted, {len(said)} listed, "
          f"{len(found)} of these planted, {right} with the right class", flush=True)  # fmt: skip


def main(folder, names):
    with tempfile.TemporaryDirectory() as place:
        encoder = load_encoder(Path(place))
        for name in names:
            data = load(folder / name, PRODUCT[name], encoder)
            print(f"{name}: {len(data.rows)} views", flush=True)
            measure_copies(data, encoder)
            for attribute in ATTRIBUTES[name]:
                for seed in range(DRAWS):
                    measure_labels(data, attribute, seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(PRODUCT))
