"""Whole searches by words and embeddings: every engine behind the port gives the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalogues import random_world, tiny_encoder
from contract.engines import BASE, CHANGED, CHANGES, ENGINES, FIND_WORDS, published, unit_rows
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.contract.ranking import Boost
from tonari.fields.filters import parse_filter
from tonari.query.finding import ItemByWords
from tonari.query.queries import Query
from tonari.query.search import Neighbours, SearchParams, search
from tonari.query.serving import Serving

TEXTS = ("acme", "bolt 隣", "about 38 acme", "b c", "nobody")
WISHES: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "grouped": {"group_by": "brand", "per_group": 3},
    "boosted": {"boosts": (Boost(field="price", weight=0.2, high=10.0),)},
    "placed": {"pinned": ("item-5", "item-6"), "buried": ("item-7", "item-9")},
    "varied": {"diversity": 0.4},
    "distinct": {"duplicates": False},
    "counted": {"facets": ("brand", "price")},
}


@pytest.fixture(scope="module")
def servings(tmp_path_factory: pytest.TempPathFactory) -> list[Serving]:
    folder: Path = tmp_path_factory.mktemp("encoder")
    serving = random_world(tiny_encoder(folder), 1, 5, 0, 3).serving
    return [
        replace(serving, engine=published(make(), BASE).apply(CHANGES)) for make in map(ENGINES.__getitem__, FIND_WORDS)
    ]


def said(found: Neighbours) -> list[tuple[Any, ...]]:
    return [
        (
            one.item.id,
            one.part,
            one.item.view,
            round(one.by, 4),
            *((one.item.cosine, one.item.ranks) if isinstance(one.item, ItemByWords) else ()),
        )
        for one in found.items
    ]


def queries(text: str) -> list[Query]:
    row = unit_rows(np.random.default_rng(len(text)), 1)
    return [Query(row[:0], words=text, described=True), Query(row, words=text, described=True)]


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("text", TEXTS)
def test_engines_agree(servings: list[Serving], text: str, wish: str) -> None:
    within = Range(parse_filter({"price": {"$lt": 8}}, servings[0].snapshot.schema))
    for query in queries(text):
        for among in (EVERYTHING, within):
            params = SearchParams(12, among, exact=True, **WISHES[wish])
            one, other = (search(serving, query, params) for serving in servings)
            assert said(one) == said(other)
            assert one.facets == other.facets
            assert one.plan.fusion == other.plan.fusion
            assert all(found.item.id in CHANGED for found in one.items)


@pytest.mark.parametrize("text", TEXTS)
def test_engines_agree_to_the_last_page(servings: list[Serving], text: str) -> None:
    for query in queries(text):
        pages = []
        for serving in servings:
            params, found = SearchParams(37, EVERYTHING, exact=True), []
            while True:
                page = search(serving, query, params)
                found += said(page)
                if page.more is None:
                    break
                params = replace(params, after=page.more)
            pages.append(found)
        assert pages[0] == pages[1]
        names = [one[0] for one in pages[0]]
        assert len(names) == len({*names})
        if len(query.embeddings):
            assert {*names} >= {name for name, item in CHANGED.items() if item.views}
