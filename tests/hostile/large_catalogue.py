"""A large random catalogue as a query function holds it in memory: made as arrays, and without any bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tonari.attributes import AttributeModel
from tonari.attributes.calibrate import Calibration
from tonari.attributes.crossfit import USUAL
from tonari.attributes.probability import Scale
from tonari.attributes.weights import ClassWeights
from tonari.contract.artefacts import Head
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.engines.builtin import BuiltinOpening
from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn
from tonari.fields.schema import Field, Schema
from tonari.images.framing import Framing
from tonari.index.probing import Probe
from tonari.index.vector_index import Tuning, lay_out
from tonari.index.vectors import to_fixed
from tonari.query.serving import Serving, serve
from tonari.snapshots.head import ReadHead
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import Table, sort_into_cells

DIMENSIONS = 256
ATTRIBUTES = tuple(f"attribute{number:02}" for number in range(20))
CLASSES = 300
TAGS = 500
LONG, VIEWED = 1_000, 20
"""How many of the first items have documents of 90,000 bytes, and how many of these hundreds of views."""
VIEWS = 500
BLOCK = 16_384
SIDE = 224
PROBES = (Probe(1.0, 16, 10, 1.3, 150), Probe(0.1, 16, 10, 1.4, 150), Probe(0.01, 16, 10, 1.6, 220))
"""As they are learned for catalogues of this size."""

SCHEMA = Schema(
    {
        **{name: Field("string", attribute=True) for name in ATTRIBUTES},
        "tags": Field("strings", attribute=True),
        "name": Field("string"),
        "sku": Field("string"),
        "description": Field("string"),
        "price": Field("number"),
        "stock": Field("number"),
        "since": Field("date"),
        "new": Field("boolean"),
        "cost": Field("number", filterable=False, returned=False),
    }
)


@dataclass(frozen=True)
class Large:
    """The catalogue served in two ways: by cells, and by scans where cells never had the recall that is asked for."""

    by_cells: Serving
    by_scan: Serving


def large_catalogue(folder: Path, items: int, seed: int) -> Large:
    """Draw a catalogue of so many items, a twentieth of them with two views, and put its encoder into a folder."""
    random = np.random.default_rng(seed)
    table = _draw_table(random, items)
    cells = replace(table, index=replace(table.index, tuning=Tuning(PROBES)))
    learned = {name: _learned(random, table, name) for name in SCHEMA.attributes}
    encoder = wide_encoder(folder, random)
    servings = []
    for one in (cells, table):
        snapshot = Snapshot("large", "encoder-1", SCHEMA, one, learned, {}, {})
        head = ReadHead(Head(1, (), "large", "encoder-1"), "etag")
        servings.append(serve(head, encoder, snapshot, [Segment(snapshot.encoder)], BuiltinOpening()))
    return Large(*servings)


def ids_of(items: int) -> tuple[str, ...]:
    """Give the ids of a catalogue of so many items."""
    return tuple(map(_id, range(items)))


def wide_encoder(folder: Path, random: np.random.Generator) -> ImageEncoder:
    """Give an encoder that takes pictures of the usual size and costs next to nothing beside decoding them."""
    path = folder / "wide.onnx"
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["wide", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["turned"]),
        helper.make_node("Add", ["turned", "offset"], ["embedding"]),
    ]
    matrix = random.standard_normal((3, DIMENSIONS)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, DIMENSIONS])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.ones(DIMENSIONS, np.float32), "offset"),
        ],
    )
    path.write_bytes(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    )
    framing = Framing(SIDE, SIDE, 256, resample="bicubic", background=(255, 255, 255))
    return ImageEncoder(EncoderConfig("wide", "image", "embedding", framing, DIMENSIONS), path)


def _draw_table(random: np.random.Generator, items: int) -> Table:
    size = np.where(random.random(items) < 0.05, 2, 1).astype(np.int64)
    size[:VIEWED] = min(VIEWS, items)
    codes = {name: random.integers(0, CLASSES, items, dtype=np.int16) for name in ATTRIBUTES}
    for kept in codes.values():
        kept[random.random(items) < 0.2] = -1
    price, stock = random.integers(0, 100_000, items) / 100, random.integers(0, 50, items).astype(np.float64)
    tags = np.sort(random.integers(0, TAGS, (items, 2)), axis=1)
    documents = [_document(number, codes, float(price[number]), tags[number].tolist()) for number in range(items)]
    rows = int(size.sum())
    fixed = _draw_embeddings(random, rows)
    return sort_into_cells(
        Table(
            ids=np.array([_id(number).encode() for number in range(items)], np.bytes_),
            documents=np.frombuffer(b"".join(documents), np.uint8),
            offsets=np.cumsum([0, *map(len, documents)], dtype=np.int64),
            document_etags=np.full(items, b"d"),
            columns=_columns(codes, price, stock, tags, items),
            view_names=np.char.add(np.arange(rows).astype(np.bytes_), b".jpg"),
            view_sources=np.full(rows, b"e"),
            view_cut=np.zeros(rows, np.bool_),
            index=lay_out(fixed, size),
        )
    )


def _id(number: int) -> str:
    return f"item-{number:07}"


def _document(number: int, codes: Mapping[str, NDArray[np.int16]], price: float, tags: list[int]) -> bytes:
    fields: dict[str, Any] = {name: f"c{kept[number]:03}" for name, kept in codes.items() if kept[number] >= 0}
    fields |= {"tags": [f"t{tag:03}" for tag in dict.fromkeys(tags)], "price": price, "cost": price / 2}
    fields |= {"name": f"name {number:07}", "sku": f"s{number * 7919 % 10_000_019:08}"}
    fields["description"] = f"{number:07} " * (11_000 if number < LONG else 15)
    return json.dumps({"id": _id(number), **fields}, separators=(",", ":")).encode()


def _columns(
    codes: Mapping[str, NDArray[np.int16]],
    price: NDArray[np.float64],
    stock: NDArray[np.float64],
    tags: NDArray[np.int64],
    items: int,
) -> dict[str, Column]:
    classes = tuple(f"c{number:03}" for number in range(CLASSES))
    skus = [f"s{number * 7919 % 10_000_019:08}" for number in range(items)]
    order = np.argsort(np.array(skus))
    place = np.empty(items, np.int32)
    place[order] = np.arange(items, dtype=np.int32)
    own = np.arange(items, dtype=np.int32)
    pairs = np.unique(np.stack([tags.ravel(), np.arange(items).repeat(2)], axis=1), axis=0).astype(np.int32)
    return {
        **{name: ClassColumn(kept, classes) for name, kept in codes.items()},
        "tags": ListColumn(pairs[:, 0].copy(), pairs[:, 1].copy(), tuple(f"t{n:03}" for n in range(TAGS)), items),
        "name": ClassColumn(own, tuple(f"name {number:07}" for number in range(items))),
        "sku": ClassColumn(place, tuple(sorted(skus))),
        "description": ClassColumn(own, tuple(f"{number:07} " * 15 for number in range(items))),
        "price": NumberColumn(price),
        "stock": NumberColumn(stock),
        "since": NumberColumn(1.7e9 + 86_400 * stock),
        "new": ClassColumn((own % 3 - 1).astype(np.int8), (False, True)),
    }


def _draw_embeddings(random: np.random.Generator, rows: int) -> NDArray[np.int16]:
    """Draw unit vectors about some thousand means, in 16 bits: (N, D)."""
    means = random.standard_normal((max(2, rows // 100), DIMENSIONS), np.float32)
    fixed = np.empty((rows, DIMENSIONS), np.int16)
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        block = means[random.integers(0, len(means), count)] + 0.7 * random.standard_normal(
            (count, DIMENSIONS), np.float32
        )
        fixed[start : start + count] = to_fixed(block / np.linalg.norm(block, axis=1, keepdims=True))
    return fixed


def _learned(random: np.random.Generator, table: Table, name: str) -> AttributeModel:
    column = table.columns[name]
    assert not isinstance(column, NumberColumn)
    count = len(column.classes)
    weights = random.standard_normal((count, DIMENSIONS), np.float32)
    several = isinstance(column, ListColumn)
    one = ClassWeights(column.classes, weights, np.zeros(count, np.float32), np.full(count, 100), np.arange(count))
    calibration = Calibration(Scale(1.0), 0.5, 0.9, 1000, 0.9, 0.9, 0.01, 0.9)
    return AttributeModel(
        several, one, one, USUAL, {"discriminant": calibration, "means": calibration, "vote": calibration}
    )
