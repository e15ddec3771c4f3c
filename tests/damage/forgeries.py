"""Ways in which the files of a snapshot can be wrong though each has the sha256 that is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from usearch.index import Index as UsearchIndex

from damage.drafts import Draft
from tonari.index.graph import Graph
from tonari.index.vectors import from_fixed, quantise, to_fixed, unit_rows
from tonari.snapshots.manifest import CANARIES, CLASSES, CODES, TABLE, VECTORS

OTHER_ENCODER = "2" * 64

Forgery = Callable[[Draft], None]
ANYWHERE: dict[str, Forgery] = {}
WITH: dict[str, dict[str, Forgery]] = {"scan": {}, "cells": {}, "graph": {}}


def forgery(what: str, kind: str | None = None) -> Callable[[Forgery], Forgery]:
    def register(forge: Forgery) -> Forgery:
        (ANYWHERE if kind is None else WITH[kind])[what] = forge
        return forge

    return register


def swap(array: NDArray[Any], one: int, other: int) -> None:
    array[[one, other]] = array[[other, one]]


@forgery("ids in another order")
def _(draft: Draft) -> None:
    ids = draft.array(TABLE, "ids")
    ids[:] = ids[draft.random.permutation(len(ids))]


@forgery("two ids exchanged")
def _(draft: Draft) -> None:
    swap(draft.array(TABLE, "ids"), 3, 4)


@forgery("an id twice")
def _(draft: Draft) -> None:
    ids = draft.array(TABLE, "ids")
    ids[5] = ids[4]


@forgery("other ids, ascending")
def _(draft: Draft) -> None:
    ids = draft.arrays[TABLE]["ids"]
    draft.arrays[TABLE]["ids"] = np.array([b"z" + one for one in ids.tolist()], np.bytes_)


@forgery("an id that is no text")
def _(draft: Draft) -> None:
    draft.array(TABLE, "ids")[-1] = b"z\xff"


@forgery("views of other items")
def _(draft: Draft) -> None:
    item = draft.array(TABLE, "view_item")
    item[:] = item[draft.random.permutation(len(item))]


@forgery("a view of an item that is not there")
def _(draft: Draft) -> None:
    draft.array(TABLE, "view_item")[7] = draft.manifest.items


@forgery("an item's rows out of range")
def _(draft: Draft) -> None:
    draft.array(TABLE, "item_rows")[7] = draft.manifest.views


@forgery("an item's rows of other items")
def _(draft: Draft) -> None:
    rows = draft.array(TABLE, "item_rows")
    rows[:] = np.roll(rows, 3)


@forgery("bounds of the views not ascending")
def _(draft: Draft) -> None:
    swap(draft.array(TABLE, "item_first"), 5, 6)


@forgery("bounds of the documents not ascending")
def _(draft: Draft) -> None:
    swap(draft.array(TABLE, "offsets"), 5, 6)


@forgery("a document that ends beyond the file")
def _(draft: Draft) -> None:
    draft.array(TABLE, "offsets")[-1] += 1000


@forgery("a document that is no JSON")
def _(draft: Draft) -> None:
    draft.array(TABLE, "documents")[draft.arrays[TABLE]["offsets"][0]] = ord("?")


@forgery("documents of other items")
def _(draft: Draft) -> None:
    documents, offsets = draft.arrays[TABLE]["documents"].tobytes(), draft.arrays[TABLE]["offsets"].tolist()
    parts = [documents[begin:end] for begin, end in pairwise(offsets)]
    parts = [*parts[1:], parts[0]]
    draft.arrays[TABLE]["documents"] = np.frombuffer(b"".join(parts), np.uint8)
    draft.arrays[TABLE]["offsets"] = np.cumsum([0, *map(len, parts)], dtype=np.int64)


@forgery("ETags of other documents")
def _(draft: Draft) -> None:
    etags = draft.array(TABLE, "document_etags")
    etags[:] = np.roll(etags, 1)


def column(draft: Draft, name: str) -> str:
    about = msgspec.json.decode(draft.arrays[TABLE]["columns"].tobytes())
    return f"column{[one['name'] for one in about].index(name)}"


@forgery("a column of other length")
def _(draft: Draft) -> None:
    name = column(draft, "price")
    draft.arrays[TABLE][name] = draft.arrays[TABLE][name][:-1]


@forgery("a value that is not in its column")
def _(draft: Draft) -> None:
    draft.array(TABLE, column(draft, "color"))[3] = 77


@forgery("values of other items")
def _(draft: Draft) -> None:
    values = draft.array(TABLE, column(draft, "color"))
    values[:] = np.roll(values, 1)


@forgery("infinite prices")
def _(draft: Draft) -> None:
    draft.array(TABLE, column(draft, "price"))[9] = np.inf


@forgery("tags of items that are not there")
def _(draft: Draft) -> None:
    draft.array(TABLE, f"{column(draft, 'tags')}_items")[-1] = draft.manifest.items


@forgery("no columns at all")
def _(draft: Draft) -> None:
    draft.arrays[TABLE]["columns"] = np.frombuffer(b"[]", np.uint8)


@forgery("columns described by something else")
def _(draft: Draft) -> None:
    draft.arrays[TABLE]["columns"] = np.frombuffer(b'[{"name": 7}]', np.uint8)


def set_vectors(draft: Draft, fixed: NDArray[np.int16]) -> None:
    draft.arrays[VECTORS]["fixed"] = fixed
    draft.arrays[CODES]["codes"] = quantise(fixed)[0]


@forgery("embeddings of other views, with their codes")
def _(draft: Draft) -> None:
    fixed = draft.arrays[VECTORS]["fixed"]
    set_vectors(draft, fixed[draft.random.permutation(len(fixed))])


@forgery("two embeddings exchanged, with their codes")
def _(draft: Draft) -> None:
    fixed = draft.array(VECTORS, "fixed")
    swap(fixed, 0, len(fixed) - 1)
    set_vectors(draft, fixed)


@forgery("embeddings turned, as by another encoder")
def _(draft: Draft) -> None:
    fixed = from_fixed(draft.arrays[VECTORS]["fixed"])
    turn = np.linalg.qr(draft.random.standard_normal((fixed.shape[1], fixed.shape[1])))[0]
    set_vectors(draft, to_fixed(unit_rows(fixed @ turn) / 32767))


@forgery("embeddings of another metric, not of length 1")
def _(draft: Draft) -> None:
    fixed = draft.arrays[VECTORS]["fixed"]
    set_vectors(draft, np.asarray(fixed // 2, np.int16))


@forgery("embeddings of 0")
def _(draft: Draft) -> None:
    fixed = draft.array(VECTORS, "fixed")
    fixed[:3] = 0
    set_vectors(draft, fixed)


@forgery("embeddings with NaN")
def _(draft: Draft) -> None:
    draft.arrays[VECTORS]["fixed"] = np.full(draft.arrays[VECTORS]["fixed"].shape, np.nan, np.float32)


@forgery("embeddings of fewer dimensions")
def _(draft: Draft) -> None:
    set_vectors(draft, np.ascontiguousarray(draft.arrays[VECTORS]["fixed"][:, :-8]))


@forgery("codes of other embeddings")
def _(draft: Draft) -> None:
    codes = draft.array(CODES, "codes")
    codes[:] = codes[draft.random.permutation(len(codes))]


@forgery("codes of the other sign")
def _(draft: Draft) -> None:
    np.negative(draft.arrays[CODES]["codes"], out=draft.array(CODES, "codes"))


@forgery("the table of another snapshot")
def _(draft: Draft) -> None:
    draft.said[TABLE], draft.arrays[TABLE] = draft.foreign.said[TABLE], draft.foreign.arrays[TABLE]


@forgery("the embeddings and codes of another snapshot")
def _(draft: Draft) -> None:
    draft.arrays[VECTORS], draft.arrays[CODES] = draft.foreign.arrays[VECTORS], draft.foreign.arrays[CODES]


@forgery("the class weights of another snapshot")
def _(draft: Draft) -> None:
    draft.arrays[CLASSES] = draft.foreign.arrays[CLASSES]


@forgery("the canaries of another snapshot")
def _(draft: Draft) -> None:
    draft.said[CANARIES], draft.arrays[CANARIES] = draft.foreign.said[CANARIES], draft.foreign.arrays[CANARIES]


def weights(draft: Draft) -> Iterator[str]:
    yield from (name for name in draft.arrays[CLASSES] if name.startswith("weights"))


@forgery("class weights with NaN")
def _(draft: Draft) -> None:
    draft.array(CLASSES, next(weights(draft)))[0, 0] = np.nan


@forgery("class weights of other dimensions")
def _(draft: Draft) -> None:
    for name in weights(draft):
        draft.arrays[CLASSES][name] = np.ascontiguousarray(draft.arrays[CLASSES][name][:, 1:])


@forgery("class weights of other classes")
def _(draft: Draft) -> None:
    for name in weights(draft):
        draft.arrays[CLASSES][name] = np.roll(draft.arrays[CLASSES][name], 1, axis=0)


@forgery("an infinite bias")
def _(draft: Draft) -> None:
    draft.array(CLASSES, "bias1")[0] = np.inf


@forgery("bounds of classes that are not there")
def _(draft: Draft) -> None:
    draft.array(CLASSES, "first1")[-1] = 99


@forgery("class weights described by something else")
def _(draft: Draft) -> None:
    draft.arrays[CLASSES]["learned"] = np.frombuffer(b'{"color": null}', np.uint8)


@forgery("no class weights")
def _(draft: Draft) -> None:
    draft.arrays[CLASSES]["learned"] = np.frombuffer(b"{}", np.uint8)


@forgery("another encoder in the manifest")
def _(draft: Draft) -> None:
    draft.claim(encoder=OTHER_ENCODER)


@forgery("another encoder in the canaries")
def _(draft: Draft) -> None:
    draft.said[CANARIES]["encoder"] = OTHER_ENCODER


@forgery("another encoder in both")
def _(draft: Draft) -> None:
    draft.claim(encoder=OTHER_ENCODER)
    draft.said[CANARIES]["encoder"] = OTHER_ENCODER


@forgery("more items in the manifest")
def _(draft: Draft) -> None:
    draft.claim(items=draft.manifest.items + 1)


@forgery("fewer views in the manifest")
def _(draft: Draft) -> None:
    draft.claim(views=draft.manifest.views - 1)


@forgery("nothing rejected in the manifest")
def _(draft: Draft) -> None:
    draft.claim(rejected=0)


@forgery("other dimensions in the manifest")
def _(draft: Draft) -> None:
    draft.claim(dimensions=draft.manifest.dimensions * 2)


@forgery("an impossible recall")
def _(draft: Draft) -> None:
    draft.claim(recall={"0.01": 7.0})


@forgery("another schema")
def _(draft: Draft) -> None:
    fields = {name: about for name, about in draft.manifest.schema["fields"].items() if name != "price"}
    draft.claim(schema={**draft.manifest.schema, "fields": fields})


@forgery("a field of another type")
def _(draft: Draft) -> None:
    fields = dict(draft.manifest.schema["fields"])
    fields["price"] = {**fields["price"], "type": "string"}
    draft.claim(schema={**draft.manifest.schema, "fields": fields})


@forgery("a tuning of another form")
def _(draft: Draft) -> None:
    draft.claim(tuning={"probes": 3})


@forgery("a tuning of impossible settings")
def _(draft: Draft) -> None:
    draft.claim(tuning={**draft.manifest.tuning, "graph": True, "expansion": -5})


@forgery("no canaries")
def _(draft: Draft) -> None:
    draft.dropped.add(CANARIES)


@forgery("canaries without queries")
def _(draft: Draft) -> None:
    draft.arrays[CANARIES]["queries"] = draft.arrays[CANARIES]["queries"][:0]
    draft.said[CANARIES] |= {"answers": [], "predictions": []}


@forgery("bounds of the cells not ascending", "cells")
def _(draft: Draft) -> None:
    swap(draft.array(CODES, "start"), 5, 60)


@forgery("bounds of the cells beyond the rows", "cells")
def _(draft: Draft) -> None:
    draft.array(CODES, "start")[-1] += 100


@forgery("centroids in another order", "cells")
def _(draft: Draft) -> None:
    centroids = draft.array(CODES, "centroids")
    centroids[:] = np.roll(centroids, 1, axis=0)


@forgery("centroids of other rows", "cells")
def _(draft: Draft) -> None:
    draft.arrays[CODES]["centroids"] = draft.foreign.arrays[CODES]["centroids"]


@forgery("centroids with NaN", "cells")
def _(draft: Draft) -> None:
    draft.array(CODES, "centroids")[3, 3] = np.nan


@forgery("other bounds of cells", "cells")
def _(draft: Draft) -> None:
    start = draft.array(CODES, "start")
    start[1:-1] = np.sort(draft.random.integers(0, start[-1], len(start) - 2))


@forgery("a tuning that reads next to nothing", "cells")
def _(draft: Draft) -> None:
    least = [{**probe, "cells": 1, "rows": 1, "ratio": 0.01} for probe in draft.manifest.tuning["probes"]]
    draft.claim(tuning={**draft.manifest.tuning, "probes": least})


@forgery("a tuning that reads no cells", "cells")
def _(draft: Draft) -> None:
    none = [{**probe, "cells": 0, "rows": 0} for probe in draft.manifest.tuning["probes"]]
    draft.claim(tuning={**draft.manifest.tuning, "probes": none})


def graph_of(codes: NDArray[np.int8]) -> bytes:
    return Graph.build(codes).to_bytes()


def graph_like(codes: NDArray[Any], **form: Any) -> bytes:
    index: Any = UsearchIndex(ndim=codes.shape[1], **form)
    index.add(np.arange(len(codes), dtype=np.uint64), codes, threads=1)
    return bytes(index.save(None))


@forgery("a graph of other codes", "graph")
def _(draft: Draft) -> None:
    draft.graph = draft.foreign.graph


@forgery("a graph under other keys", "graph")
def _(draft: Draft) -> None:
    codes = draft.arrays[CODES]["codes"]
    draft.graph = graph_of(codes[draft.random.permutation(len(codes))])


@forgery("a graph of another metric", "graph")
def _(draft: Draft) -> None:
    draft.graph = graph_like(draft.arrays[CODES]["codes"], metric="l2sq", dtype="i8")


@forgery("a graph of another scalar", "graph")
def _(draft: Draft) -> None:
    draft.graph = graph_like(draft.arrays[CODES]["codes"].astype(np.float32), metric="cos", dtype="f32")


@forgery("a graph of fewer rows", "graph")
def _(draft: Draft) -> None:
    draft.graph = graph_of(draft.arrays[CODES]["codes"][:-1])


@forgery("a graph of fewer dimensions", "graph")
def _(draft: Draft) -> None:
    draft.graph = graph_of(np.ascontiguousarray(draft.arrays[CODES]["codes"][:, :-1]))


@forgery("a graph that is none", "graph")
def _(draft: Draft) -> None:
    draft.graph = b"usearch, or so it says" * 100


@forgery("no graph though it is tuned", "graph")
def _(draft: Draft) -> None:
    draft.graph = None


@forgery("a graph walked for one candidate", "graph")
def _(draft: Draft) -> None:
    draft.claim(tuning={**draft.manifest.tuning, "expansion": 1})


def forgeries(kind: str) -> Mapping[str, Forgery]:
    return {**ANYWHERE, **WITH[kind]}
