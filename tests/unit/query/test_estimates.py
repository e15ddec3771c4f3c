"""What is decided by scores while these are estimates by rotated vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Never

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes.familiarity import learn_familiarity
from tonari.attributes.labels import Grouping
from tonari.contract.artefacts import Head, SegmentRef
from tonari.contract.engine import EngineQuery
from tonari.contract.filter_tree import EVERYTHING
from tonari.contract.ranking import Boost
from tonari.encoders.port import Modality
from tonari.engines.builtin import BuiltinOpening, open_builtin
from tonari.fields.schema import Field, Schema
from tonari.index.rotation import Rotation, learn_basis, mix
from tonari.index.shortening import rotated
from tonari.index.vectors import from_fixed, unit_rows
from tonari.query.copies import COPY
from tonari.query.familiar import Likeness, judge, nearest_of
from tonari.query.queries import Query, query_examples, query_item
from tonari.query.search import SearchParams, search
from tonari.query.serving import Serving, estimating, serve
from tonari.snapshots.head import ReadHead
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import build_table

DIMENSIONS, KEPT = 96, 24
ITEMS, ASKING = 600, 1000
SCHEMA = Schema({"price": Field("number"), "brand": Field("string")})
HEAD = ReadHead(Head(1, (), "s", "encoder-1", segments=(SegmentRef("one", 1),)), "etag")


def drawn(random: np.random.Generator, count: int) -> NDArray[np.int16]:
    """Vectors around 40 centres, of which a rotation of few dimensions keeps 0.92 of the length."""
    centres = np.random.default_rng(1).standard_normal((40, DIMENSIONS))
    spread = (1 + np.arange(DIMENSIONS)) ** -0.6
    return unit_rows((centres[random.integers(0, 40, count)] + random.standard_normal((count, DIMENSIONS))) * spread)


def item(name: str, row: NDArray[np.int16], number: int) -> IndexedItem:
    return IndexedItem(name, {"price": number, "brand": f"b{number % 3}"}, "d", (IndexedView("a", "e", row),))


@dataclass(frozen=True)
class NoEncoder:
    """Says how long its embeddings would be; all queries here are vectors and items."""

    name: str = "none"
    modalities: frozenset[Modality] = frozenset[Modality]({"image"})
    dimensions: int = DIMENSIONS

    def encode(self, data: bytes, region: object = None) -> Never:
        raise AssertionError(data, region)

    def encode_texts(self, texts: object, role: str) -> Never:
        raise AssertionError(texts, role)


@pytest.fixture(scope="module")
def whole() -> Serving:
    """A catalogue in which item 1 is a copy of item 0, and a segment over it with another copy."""
    rows = drawn(np.random.default_rng(2), ITEMS)
    rows[1] = rows[0]
    table = build_table((item(f"i{n:03}", row, n) for n, row in enumerate(rows)), SCHEMA, DIMENSIONS)
    rotation = Rotation(mix(learn_basis(from_fixed(rows), KEPT)))
    table = replace(table, index=rotated(table.index, rotation))
    alone = Grouping(np.arange(ITEMS), np.arange(ITEMS) % 10)
    familiarity = learn_familiarity(table.views.item, table.views.fixed, alone)
    snapshot = Snapshot("s", "encoder-1", SCHEMA, table, {}, {}, {}, familiarity=familiarity)
    changes = Segment("encoder-1", {"new": item("new", rows[0], ITEMS)})
    return serve(HEAD, NoEncoder(), snapshot, [changes], BuiltinOpening())


@pytest.fixture(scope="module")
def part(whole: Serving) -> Serving:
    """The same, before its full vectors are here."""
    return estimating(whole, BuiltinOpening())


def likeness(serving: Serving, rows: NDArray[np.int16]) -> list[Likeness]:
    return [judge(serving, Query(row[None])) for row in from_fixed(rows)]


def scores(serving: Serving, query: Query) -> dict[str, float]:
    return {one.id: one.score for one in serving.engine.search(EngineQuery(query.embeddings, ITEMS + 1)).items}


def test_hardly_anything_known_becomes_a_stranger(whole: Serving, part: Serving) -> None:
    """By the estimates themselves several do."""
    asking = drawn(np.random.default_rng(3), ASKING)
    level = whole.snapshot.familiarity.level
    assert level is not None
    pairs = zip(likeness(whole, asking), likeness(part, asking), strict=True)
    known = [judged for right, judged in pairs if right.familiar]
    assert len(known) > 0.95 * ASKING
    below = sum((one.nearest or 0) < level for one in known)
    lost = sum(not one.familiar for one in known)
    assert below >= 10
    assert lost <= min(below // 2, 0.01 * ASKING)


def test_strangers_stay_strangers(whole: Serving, part: Serving) -> None:
    strangers = unit_rows(np.random.default_rng(4).standard_normal((ASKING, DIMENSIONS)))
    assert not any(one.familiar for one in likeness(whole, strangers))
    assert np.mean([one.familiar for one in likeness(part, strangers)]) < 0.02


def test_a_search_by_estimates_does_not_tell_the_nearest(whole: Serving, part: Serving) -> None:
    query, params = Query(from_fixed(drawn(np.random.default_rng(5), 1))), SearchParams(5, EVERYTHING)
    assert nearest_of(search(whole, query, params), query, params) is not None
    assert nearest_of(search(part, query, params), query, params) is None


def test_scores_of_an_item_are_not_lower_for_what_is_not_here(whole: Serving, part: Serving) -> None:
    for query in (lambda serving: query_item(serving, "i000"), lambda serving: query_examples(serving, ["i000"], [])):
        right, estimated = scores(whole, query(whole)), scores(part, query(part))
        for copy in ("i000", "i001", "new"):
            assert estimated[copy] == pytest.approx(1, abs=2e-3)
        errors = np.array([estimated[name] - score for name, score in right.items()])
        assert abs(errors.mean()) < 0.01


def test_copies_are_told_by_estimates_too(whole: Serving, part: Serving) -> None:
    """A copy must not confirm the label of the item that asks."""
    asks = from_fixed(drawn(np.random.default_rng(6), 60))
    random = np.random.default_rng(7)
    copies = unit_rows(asks + 0.0125 * random.standard_normal(asks.shape))
    missed = 0
    for row, copy in zip(asks, copies, strict=True):
        pair = {"asks": item("asks", unit_rows(row[None])[0], 1), "copy": item("copy", copy, 1)}
        for serving in (whole, part):
            over = replace(serving, engine=open_builtin(serving.snapshot, Segment("encoder-1", dict(pair))))
            query = query_item(over, "asks")
            found = over.engine.search(EngineQuery(query.embeddings, 2, EVERYTHING.without(["asks"]))).items[0]
            assert found.id == "copy"
            if serving is whole and found.score < COPY:
                break
            missed += found.score < COPY
            assert found.upper >= COPY
    assert missed >= 3


def test_of_full_vectors_nothing_is_estimated(whole: Serving, part: Serving) -> None:
    query = Query(from_fixed(drawn(np.random.default_rng(8), 1)))
    assert all(one.upper == one.score for one in whole.engine.search(EngineQuery(query.embeddings, 50)).items)
    assert all(one.upper >= one.score for one in part.engine.search(EngineQuery(query.embeddings, 50)).items)


def test_an_order_by_boosts_of_estimates_is_never_complete(whole: Serving, part: Serving) -> None:
    query = Query(from_fixed(drawn(np.random.default_rng(9), 1)))
    for k in (3, ITEMS + 1):
        params = SearchParams(k, EVERYTHING, boosts=(Boost(field="price", weight=0.01, high=600),))
        right, found = search(whole, query, params).reranked, search(part, query, params).reranked
        assert right is not None
        assert found is not None
        assert (right.complete, found.complete) == (True, False)
        assert found.candidates >= k
