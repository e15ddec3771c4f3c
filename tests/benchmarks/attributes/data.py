"""Data sets -> embeddings by the default encoder, labels and groups; embeddings are kept in the temporary folder."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.index.vectors import to_fixed
from tonari_tools.onnx.default import read_default

FASHION = 4_000
LEAST_CLASS = 4
SEED = 20


@dataclass(frozen=True)
class Task:
    """One attribute of one data set.

    Parameters
    ----------
    embeddings : (N, D) int16
        As :func:`tonari.index.vectors.to_fixed` gives them.
    labels : (N,) str
    items : (N,) int32
        The item of each view, from 0.
    groups : (N,) str
        Views that are never on both sides of a split.
    given : (N,) bool
        What the data set itself holds out; None if it says nothing.
    """

    name: str
    embeddings: np.ndarray
    labels: np.ndarray
    items: np.ndarray
    groups: np.ndarray
    given: np.ndarray | None = None


class Embedder:
    """Encodes each data set once, by the default encoder."""

    def __init__(self) -> None:
        built = read_default()
        self.id = encoder_id(built.model, built.config)
        self._folder = Path(tempfile.gettempdir()) / "tonari-attributes" / self.id[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        model = self._folder / "model.onnx"
        model.write_bytes(built.model)
        self._encoder = ImageEncoder(EncoderConfig.parse(built.config), model)

    def embed(self, name: str, count: int, read: Callable[[int], bytes]) -> np.ndarray:
        """Give the embeddings of pictures 0..count-1."""
        path = self._folder / f"{name}-16.npy"
        if not path.exists():
            rows = [self._encoder.encode(read(number)) for number in range(count)]
            np.save(path, to_fixed(np.array(rows)))
        found = np.load(path)
        if len(found) != count:
            raise SystemExit(f"{path} holds {len(found)} embeddings, {count} are wanted: delete it.")
        return found


def shop(name: str, data: Path, embedder: Embedder) -> list[dict[str, str]]:
    """Read a labels.csv; each row's place in it comes along as ``row``."""
    with (data / name / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    embedder.embed(name, len(rows), lambda number: (data / name / rows[number]["path"]).read_bytes())
    return [{**row, "row": str(number)} for number, row in enumerate(rows)]


def task(
    name: str, rows: Sequence[dict[str, str]], embeddings: np.ndarray, label: str, item: Sequence[str], group: str
) -> Task:
    """Keep the rows whose label is there and belongs to at least four groups."""
    spread: dict[str, set[str]] = {}
    for row in rows:
        spread.setdefault(row[label], set()).add(row[group])
    kept = [row for row in rows if row[label] and len(spread[row[label]]) >= LEAST_CLASS]
    _, items = np.unique(["/".join(row[part] for part in item) for row in kept], return_inverse=True)
    return Task(
        name,
        embeddings[[int(row["row"]) for row in kept]],
        np.array([row[label] for row in kept]),
        items.astype(np.int32),
        np.array([row[group] for row in kept]),
    )


def read_tasks(data: Path, fashion: Path) -> tuple[list[Task], str]:
    """Read all tasks; give the encoder's id with them."""
    embedder = Embedder()
    rows = shop("magento", data, embedder)
    embeddings = embedder.embed("magento", len(rows), lambda _: b"")
    frontal = [row for row in rows if row["view"] in ("main", "back")]
    tasks = [
        task("magento colour", frontal, embeddings, "color", ("product", "color"), "product"),
        task("magento category", rows, embeddings, "category", ("product", "color"), "product"),
    ]
    rows = shop("spree", data, embedder)
    embeddings = embedder.embed("spree", len(rows), lambda _: b"")
    tasks.append(task("spree colour", rows, embeddings, "color", ("path",), "product"))
    tasks.append(task("spree department", [top(row) for row in rows], embeddings, "category", ("path",), "product"))
    rows = [row for row in shop("clothing", data, embedder) if row["small_split"]]
    embeddings = embedder.embed("clothing", 3409, lambda _: b"") if len(rows) == 3409 else np.empty(0)
    clothing = task("clothing category", rows, embeddings, "small_category", ("path",), "sender_id")
    given = np.array([row["small_split"] == "validation" for row in rows])
    tasks.append(clothing)
    tasks.append(Task("clothing, given split", *_body(clothing), given))
    return [*tasks, read_fashion(fashion, embedder)], embedder.id


def top(row: dict[str, str]) -> dict[str, str]:
    return {**row, "category": row["category"].partition(" -> ")[0]}


def _body(one: Task) -> tuple[np.ndarray, ...]:
    return one.embeddings, one.labels, one.items, one.groups


def read_fashion(path: Path, embedder: Embedder) -> Task:
    """Take 4,000 of fashion-mnist's 70,000 pictures, as PNG files of 28 x 28 that the encoder enlarges."""
    with np.load(path) as stored:
        pictures = np.concatenate([stored["train_images"], stored["test_images"]])
        labels = np.concatenate([stored["train_labels"], stored["test_labels"]])
        names = stored["class_names"]
    chosen = np.sort(np.random.default_rng(SEED).choice(len(pictures), FASHION, replace=False))

    def png(number: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pictures[chosen[number]]).convert("RGB").save(file, "PNG")
        return file.getvalue()

    embeddings = embedder.embed("fashion", FASHION, png)
    numbers = np.arange(FASHION)
    return Task("fashion-mnist", embeddings, names[labels[chosen]], numbers.astype(np.int32), numbers.astype(str))
