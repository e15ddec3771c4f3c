"""Accuracy that a build states before and after grouping, beside the true one: ``groups.py DATA_DIR [--fashion NPZ]``.

DATA_DIR holds the folders ``magento``, ``clothing`` and ``spree``, each with ``labels.csv``; where it also holds
``<set>.npy``, embeddings as :func:`tonari.index.vectors.to_fixed` gives them, nothing is encoded. Prints the tables of
``docs/measurements/groups.md``. ``groups.py --cost`` measures time and memory on drawn vectors.
"""

from __future__ import annotations

import argparse
import csv
import io
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from tonari.attributes import Grouping, draw, labels_of, study
from tonari.catalogue.holdout import thirtieths
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.fields.columns import build_columns
from tonari.fields.schema import Field, Schema
from tonari.grouping import Grounds, find_groups
from tonari.index.vector_index import lay_out, sort_by_cell
from tonari.index.vectors import Views, quantise, to_fixed
from tonari_tools.onnx.default import read_default

SCENES, MOST_SHOTS = 400, 8
FASHION = (2000, 20_000)
DRAWN, DRAWN_DIMENSIONS, DRAWN_CLASSES = 100_000, 256, 200


@dataclass(frozen=True)
class Case:
    """A catalogue whose groups are known."""

    title: str
    fixed: np.ndarray
    ids: list[str]
    fields: list[dict[str, str]]
    attributes: tuple[str, ...]
    truth: np.ndarray


def load_encoder():
    built = read_default()
    place = Path(tempfile.mkdtemp())
    (place / "model").write_bytes(built.model)
    return ImageEncoder(EncoderConfig.parse(built.config), place / "model")


def embed_all(encoder, pictures):
    return np.stack([to_fixed(encoder.encode(one)) for one in pictures])


def load(folder, name, encoder):
    rows = list(csv.DictReader((folder / name / "labels.csv").open()))
    for row in rows:
        row["category"] = row["category"].rsplit("/", 1)[-1].split(" -> ")[0]
    ready = folder / f"{name}.npy"
    if ready.exists():
        return rows, np.load(ready)
    return rows, embed_all(encoder, ((folder / name / row["path"]).read_bytes() for row in rows))


def opaque(count):
    return [f"{one:08x}" for one in np.random.default_rng(3).choice(1 << 32, count, replace=False)]


def numbers(values):
    return np.unique(values, return_inverse=True)[1]


def cases(folder, encoder):
    rows, fixed = load(folder, "magento", encoder)
    stems = [Path(row["path"]).stem for row in rows]
    product = numbers([row["product"] for row in rows])
    plain = [{name: row[name] for name in ("category", "color", "material", "style", "price_usd")} for row in rows]
    told = [{**fields, "product": row["product"]} for fields, row in zip(plain, rows, strict=True)]
    both = ("category", "color")
    yield Case("magento, file names", fixed, stems, plain, both, product)
    yield Case("magento, a field", fixed, opaque(len(rows)), told, both, product)
    yield Case("magento, looks only", fixed, opaque(len(rows)), plain, both, product)
    rows, fixed = load(folder, "spree", encoder)
    fields = [{"category": row["category"], "price_usd": row["price_usd"]} for row in rows]
    product = numbers([row["product"] for row in rows])
    yield Case("spree, file names", fixed, [Path(row["path"]).stem for row in rows], fields, ("category",), product)
    yield Case("spree, looks only", fixed, opaque(len(rows)), fields, ("category",), product)
    rows, fixed = load(folder, "clothing", encoder)
    fields = [{"category": row["category"]} for row in rows]
    sender = numbers([row["sender_id"] for row in rows])
    yield Case("clothing, by sender", fixed, opaque(len(rows)), fields, ("category",), sender)


def shelves(folder, encoder):
    """Photographs of two items of each sender, 2 to 8 shots of each: cropped, and lighter or darker."""
    rows = list(csv.DictReader((folder / "clothing" / "labels.csv").open()))
    random = np.random.default_rng(5)
    sender = np.array([row["sender_id"] for row in rows])
    picked = [one for value in np.unique(sender) for one in random.permutation(np.flatnonzero(sender == value))[:2]]
    shots, scene, labels = [], [], []
    for number, one in enumerate(random.permutation(picked)[:SCENES].tolist()):
        image = Image.open(folder / "clothing" / rows[one]["path"]).convert("RGB")
        for _ in range(int(random.integers(2, MOST_SHOTS + 1))):
            shots.append(shot(image, random))
            scene.append(number)
            labels.append({"category": rows[one]["category"]})
    fixed = embed_all(encoder, shots)
    count: dict[str, int] = {}
    counters = []
    for one in labels:
        count[one["category"]] = count.get(one["category"], 0) + 1
        counters.append(f"{one['category']}_{count[one['category']]:04}")
    for how, ids in (
        ("looks only", opaque(len(scene))),
        ("counters", counters),
        ("IMG_00001", [f"IMG_{number:05}" for number in range(len(scene))]),
    ):
        yield Case(f"shelves, {how}", fixed, ids, labels, ("category",), np.array(scene))


def shot(image, random):
    share = random.uniform(0.7, 0.95)
    width, height = (int(share * side) for side in image.size)
    left, top = (int(random.uniform(0, side - part)) for side, part in zip(image.size, (width, height), strict=True))
    cropped = image.crop((left, top, left + width, top + height))
    file = io.BytesIO()
    ImageEnhance.Brightness(cropped).enhance(random.uniform(0.75, 1.25)).save(file, "JPEG", quality=88)
    return file.getvalue()


def fashion(path, folder, encoder):
    with np.load(path) as data:
        images, labels = data["train_images"], data["train_labels"]
    chosen = np.random.default_rng(0).permutation(len(images))[: max(FASHION)]
    ready = folder / "fashion.npy"
    if ready.exists():
        fixed = np.load(ready, mmap_mode="r")[chosen]
    else:
        fixed = embed_all(encoder, (png(images[one]) for one in chosen))
    for count in FASHION:
        ids = [f"{one:05}" for one in chosen[:count]]
        fields = [{"kind": f"k{labels[one]}"} for one in chosen[:count]]
        yield Case("fashion, no twins", fixed[:count], ids, fields, ("kind",), np.arange(count))


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.reshape(28, 28)).save(file, "PNG")
    return file.getvalue()


def measure(case):
    order = np.argsort(np.array(case.ids))
    ids = [case.ids[one] for one in order]
    schema = Schema({name: Field("string", attribute=name in case.attributes) for name in case.fields[0]})
    columns = build_columns([{k: v for k, v in case.fields[one].items() if v} for one in order], schema)
    index = lay_out(case.fixed[order], np.ones(len(ids), np.int64))
    began = time.monotonic()
    found = find_groups(Grounds(ids, ids, "", ids, columns, case.attributes, index.views, index.cells))
    seconds = time.monotonic() - began
    truth = numbers(case.truth[order])
    pure, whole = pairs(found.group, truth)
    about = found.about
    rules = ", ".join(one.rule for one in about.rules) or "none"
    print(f"| {case.title} | {len(ids):,} | {rules} | {about.groups} / {len(np.unique(truth))} | {about.items} | "
          f"{about.largest} | {pure:.2f} / {whole:.2f} | {seconds:.1f} s |", flush=True)  # fmt: skip
    ways = {
        "before": Grouping(np.arange(len(ids)), thirtieths(ids)),
        "after": Grouping(found.group, found.part),
        "true": Grouping(truth, thirtieths(map(str, truth))),
    }
    lines = []
    for name in case.attributes:
        labels = labels_of(columns[name])
        stated = {}
        for way, grouping in ways.items():
            sample = draw(labels, index.views.item, index.views.fixed, grouping)
            studied = study(sample, labels.classes, several=False, precision=0.9)
            stated[way] = studied.model.calibrations
        for method in ("discriminant", "vote"):
            figures = [f"{one[method].accuracy:.3f}" if method in one else "-" for one in stated.values()]
            lines.append(f"| {case.title} | {name} | {method} | {' | '.join(figures)} |")
    return lines


def pairs(group, truth):
    """Of the pairs in one group, the share that are true; of the true pairs, the share in one group."""
    sizes, true_sizes = (np.bincount(of) for of in (group, truth))
    both = np.unique(np.stack([group, truth]), axis=1, return_counts=True)[1]
    together, same, right = (int((of * (of - 1)).sum()) for of in (sizes, true_sizes, both))
    return right / max(together, 1), right / max(same, 1)


def cost():
    random = np.random.default_rng(0)
    classes = random.standard_normal((DRAWN_CLASSES, DRAWN_DIMENSIONS)).astype(np.float32)
    things = classes[np.arange(DRAWN // 4) % DRAWN_CLASSES]
    things = things + random.standard_normal(things.shape).astype(np.float32)
    vectors = np.repeat(things, 4, axis=0) + 0.3 * random.standard_normal((DRAWN, DRAWN_DIMENSIONS), np.float32)
    fixed = to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    views = Views(np.arange(DRAWN, dtype=np.int32), fixed, quantise(fixed)[0])
    index, _ = sort_by_cell(lay_out(views.fixed, np.ones(DRAWN, np.int64)))
    ids = sorted(opaque(DRAWN))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    found = find_groups(Grounds(ids, ids, "", ids, {}, (), index.views, index.cells))
    pure, whole = pairs(found.group, numbers(np.arange(DRAWN) // 4))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{DRAWN:,} views x {DRAWN_DIMENSIONS}: {time.process_time() - began:.1f} s of processor time, peak memory "
          f"+{(after - before) / 1024:.0f} MB, pairs {pure:.2f} pure, {whole:.2f} whole")  # fmt: skip


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data", type=Path, nargs="?")
    asked.add_argument("--fashion", type=Path)
    asked.add_argument("--cost", action="store_true")
    given = asked.parse_args()
    if given.cost:
        cost()
    if given.data is None:
        return
    encoder = load_encoder()
    print("| catalogue | items | rules | groups found / true | items grouped | largest | pairs pure / whole | wall |")
    lines = []
    for source in (cases(given.data, encoder), shelves(given.data, encoder)):
        for case in source:
            lines += measure(case)
    for case in fashion(given.fashion, given.data, encoder) if given.fashion else ():
        lines += measure(case)
    print("\n| catalogue | attribute | method | before | after | true |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
