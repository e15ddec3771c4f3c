"""Data sets -> embeddings by the default encoder, labels and groups; embeddings are kept in the temporary folder."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from PIL import Image

from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.index.vectors import from_fixed, to_fixed
from tonari_tools.onnx.default import read_default

FASHION = 4_000
TRAINING = 60_000
CLUSTERS = 400
MERGED = (0, 0, 1, 0, 1, 2, 0, 2, 0, 2)
UNEQUAL = (5_250, 1_400, 350)
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


@dataclass(frozen=True)
class Sources:
    """Where the data lie."""

    data: Path
    fashion: Path
    text: Path | None

    @cached_property
    def embedder(self) -> Embedder:
        return Embedder()

    def rows(self, name: str) -> tuple[list[dict[str, str]], np.ndarray]:
        """Read a labels.csv, as :func:`shop` does, and the embeddings of its rows."""
        rows = shop(name, self.data, self.embedder)
        return rows, self.embedder.embed(name, len(rows), lambda _: b"")

    @cached_property
    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Read all 70,000 pictures of fashion-mnist, as PNG files of 28 x 28 that the encoder enlarges; and labels."""
        with np.load(self.fashion) as stored:
            pictures = np.concatenate([stored["train_images"], stored["test_images"]])
            labels = np.concatenate([stored["train_labels"], stored["test_labels"]])
            names = stored["class_names"]
        embeddings = self.embedder.embed("fashion-all", len(pictures), lambda number: png(pictures[number]))
        return embeddings, names[labels]


def task_readers(sources: Sources) -> dict[str, Callable[[], Task | None]]:
    """Name all tasks; each is read when it is asked for."""
    return {
        "magento colour": partial(magento, sources, "magento colour", "color"),
        "magento category": partial(magento, sources, "magento category", "category"),
        "magento material": partial(magento, sources, "magento material", "material"),
        "spree colour": partial(spree, sources, "spree colour", "color"),
        "spree department": partial(spree, sources, "spree department", "category"),
        "clothing category": partial(clothing, sources, "clothing category"),
        "clothing, given split": partial(clothing, sources, "clothing, given split", given=True),
        "fashion-mnist": lambda: read_fashion(sources.fashion, sources.embedder),
        "fashion-mnist, three unequal classes": partial(unequal, sources),
        "fashion-mnist, labels by lot": partial(by_lot, sources),
        "fashion-mnist, 60,000": partial(whole, sources),
        "text": partial(texts, sources),
    }


def magento(sources: Sources, name: str, field: str) -> Task:
    rows, embeddings = sources.rows("magento")
    if field == "color":
        rows = [row for row in rows if row["view"] in ("main", "back")]
    rows = [{**row, "material": row["material"].partition(",")[0]} for row in rows]
    return task(name, rows, embeddings, field, ("product", "color"), "product")


def spree(sources: Sources, name: str, field: str) -> Task:
    rows, embeddings = sources.rows("spree")
    rows = [{**row, "category": row["category"].partition(" -> ")[0]} for row in rows]
    return task(name, rows, embeddings, field, ("path",), "product")


def clothing(sources: Sources, name: str, *, given: bool = False) -> Task:
    rows, embeddings = sources.rows("clothing")
    rows = [row for row in rows if row["small_split"]]
    found = task(name, rows, embeddings, "small_category", ("path",), "sender_id")
    return replace(found, given=np.array([row["small_split"] == "validation" for row in rows])) if given else found


def fashion(sources: Sources, name: str, count: int) -> Task:
    """Take some of fashion-mnist's pictures, each an item and a group."""
    embeddings, labels = sources.pictures
    chosen = np.sort(np.random.default_rng(SEED).choice(len(labels), count, replace=False))
    numbers = np.arange(count)
    return Task(name, embeddings[chosen], labels[chosen], numbers.astype(np.int32), numbers.astype(str))


def unequal(sources: Sources) -> Task:
    """Merge the classes into three, of which 5,250, 1,400 and 350 pictures are taken."""
    everything = fashion(sources, "fashion-mnist, three unequal classes", 70_000)
    classes = np.unique(everything.labels)
    merged = np.array(MERGED)[np.searchsorted(classes, everything.labels)]
    random = np.random.default_rng(SEED)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(merged == code))[:size] for code, size in enumerate(UNEQUAL)]
    )
    numbers = np.arange(len(chosen))
    return replace(
        everything,
        embeddings=everything.embeddings[chosen],
        labels=merged[chosen].astype(str),
        items=numbers.astype(np.int32),
        groups=numbers.astype(str),
    )


def by_lot(sources: Sources) -> Task:
    """Give each of 400 clusters of 6,000 pictures one of four classes by lot: what is near is alike, and no more."""
    found = fashion(sources, "fashion-mnist, labels by lot", 6_000)
    features = from_fixed(found.embeddings)
    random = np.random.default_rng(SEED)
    centres = features[random.permutation(len(features))[:CLUSTERS]]
    for _ in range(5):
        near = (features @ centres.T - 0.5 * np.square(centres).sum(axis=1)).argmax(axis=1)
        centres = np.stack(
            [features[near == one].mean(axis=0) if (near == one).any() else centres[one] for one in range(CLUSTERS)]
        )
    return replace(found, labels=random.integers(0, 4, CLUSTERS)[near].astype(str))


def whole(sources: Sources) -> Task:
    """Take all of fashion-mnist; its own 10,000 test pictures ask."""
    embeddings, labels = sources.pictures
    numbers = np.arange(len(labels))
    given = numbers >= TRAINING
    name = f"fashion-mnist, {TRAINING:,}"
    return Task(name, embeddings, labels, numbers.astype(np.int32), numbers.astype(str), given)


def texts(sources: Sources) -> Task | None:
    """Read embeddings of texts, each an item and a group; None if there are none."""
    if sources.text is None or not sources.text.exists():
        return None
    embeddings = np.load(sources.text)
    labels = np.load(sources.text.with_name(f"{sources.text.stem}_labels.npy"))
    fixed = embeddings if embeddings.dtype == np.int16 else to_fixed(embeddings)
    numbers = np.arange(len(labels))
    return Task(sources.text.stem, fixed, labels.astype(str), numbers.astype(np.int32), numbers.astype(str))


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(file, "PNG")
    return file.getvalue()


def read_fashion(path: Path, embedder: Embedder) -> Task:
    """Take 4,000 of fashion-mnist's 70,000 pictures, as PNG files of 28 x 28 that the encoder enlarges."""
    with np.load(path) as stored:
        pictures = np.concatenate([stored["train_images"], stored["test_images"]])
        labels = np.concatenate([stored["train_labels"], stored["test_labels"]])
        names = stored["class_names"]
    chosen = np.sort(np.random.default_rng(SEED).choice(len(pictures), FASHION, replace=False))
    embeddings = embedder.embed("fashion", FASHION, lambda number: png(pictures[chosen[number]]))
    numbers = np.arange(FASHION)
    return Task("fashion-mnist", embeddings, names[labels[chosen]], numbers.astype(np.int32), numbers.astype(str))
