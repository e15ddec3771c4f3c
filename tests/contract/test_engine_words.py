"""Searches by words hold for every engine of ``contract.engines``, and agree with BM25 in plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.engines import DIMENSIONS, ENGINES, FIND_WORDS, Items, unit_rows
from plain_engine import PlainEngine
from tonari.contract.engine import Engine, FieldType, SnapshotItems, StoredItem, WordQuery
from tonari.contract.filter_tree import EVERYTHING, Condition, Range
from tonari.errors import InvalidTextError, UnsupportedQueryError

TYPES: Mapping[str, FieldType] = {"title": "string", "text": "string", "tags": "strings", "price": "number"}
WORDS = """
    red blue green boot boots shoe leather running women's café 靴 赤い靴 スニーカー the of and AB-1234/x 500ml
    summer winter coat rain light heavy soft wool cotton silk new old large small
"""
VOCABULARY = WORDS.split()
ITEMS = 400
NO_VIEWS: NDArray[np.float32] = np.empty((0, DIMENSIONS), np.float32)
CLOSE = 2e-3
"""Scores are computed in 32 bits."""


def worded(random: np.random.Generator, item: str) -> StoredItem:
    def words(most: int) -> str:
        places = np.minimum(random.geometric(0.12, random.integers(0, most)), len(VOCABULARY)) - 1
        return " ".join(VOCABULARY[place] for place in places.tolist())

    fields = {"id": item, "title": words(6), "text": words(60), "price": float(random.integers(0, 100))}
    if random.random() < 0.3:
        fields["tags"] = [words(3), "sale"]
    views = tuple(f"{number}.jpg" for number in range(random.choice([0, 1, 2])))
    return StoredItem(item, fields, views, unit_rows(random, len(views)))


def some(seed: int, names: list[str]) -> dict[str, StoredItem]:
    random = np.random.default_rng(seed)
    return {name: worded(random, name) for name in names}


BASE = some(1, [f"item-{number}" for number in range(ITEMS)])
CHANGES: Mapping[str, StoredItem | None] = {
    **some(2, [f"item-{number}" for number in range(0, 150, 3)]),
    **some(3, ["new-1", "new-2", "é & 隣"]),
    **dict.fromkeys([f"item-{number}" for number in range(1, 150, 3)]),
    "never-there": None,
}
CHANGED = {name: item for name, item in {**BASE, **CHANGES}.items() if item is not None}


@pytest.fixture(scope="module", params=FIND_WORDS)
def base(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]().publish(SnapshotItems("1", "e", DIMENSIONS, TYPES, BASE.values()))


@pytest.fixture(scope="module")
def changed(base: Engine) -> Engine:
    return base.apply(CHANGES)


@pytest.fixture(scope="module", params=["base", "changed"])
def held(request: pytest.FixtureRequest, base: Engine, changed: Engine) -> tuple[Engine, Items]:
    return {"base": (base, BASE), "changed": (changed, CHANGED)}[request.param]


@pytest.fixture(scope="module")
def plain() -> dict[int, Engine]:
    engine = PlainEngine().publish(SnapshotItems("1", "e", DIMENSIONS, TYPES, BASE.values()))
    return {len(BASE): engine, len(CHANGED): engine.apply(CHANGES)}


ranges = st.builds(
    Range,
    st.one_of(st.none(), st.integers(0, 101).map(lambda price: Condition("price", "$lt", (float(price),)))),
    st.one_of(st.none(), st.lists(st.sampled_from([*BASE, *CHANGES, "unknown"]), max_size=400).map(tuple)),
    st.lists(st.sampled_from([*BASE, *CHANGES, "unknown"]), max_size=400).map(tuple),
)
texts = st.lists(st.sampled_from([*VOCABULARY, "item-7", "nowhere"]), min_size=1, max_size=6).map(" ".join)


@given(text=texts, within=ranges, k=st.sampled_from([1, 10, 300, 2_000]))
@settings(max_examples=25, deadline=None)
def test_the_best_of_a_range_are_those_of_the_formula(
    held: tuple[Engine, Items], plain: dict[int, Engine], text: str, within: Range, k: int
) -> None:
    engine, items = held
    query = WordQuery(text, k, within)
    try:
        expected = plain[len(items)].search_words(WordQuery(text, ITEMS * 2, within))
    except InvalidTextError:
        with pytest.raises(InvalidTextError):
            engine.search_words(query)
        return

    answer = engine.search_words(query)

    scores = {item.id: item.score for item in expected.items}
    assert len(answer.items) == min(k, len(expected.items))
    assert [item.score for item in answer.items] == pytest.approx(
        [item.score for item in expected.items[:k]], abs=CLOSE
    )
    for item in answer.items:
        stored = items[item.id]
        assert item.score == item.upper == round(item.score, 6) == pytest.approx(scores[item.id], abs=CLOSE)
        assert dict(item.fields) == stored.fields
        assert item.view == (stored.views[0] if stored.views else "")
        assert not stored.views or item.embedding == pytest.approx(stored.embeddings[0], abs=1e-4)
        assert stored.views or not item.embedding.any()
    order = [(-item.score, item.id) for item in answer.items]
    assert order == sorted(order)
    assert answer.plan.matching == expected.plan.matching


@given(text=texts, within=ranges)
@settings(max_examples=15, deadline=None)
def test_pages_follow_each_other_and_scores_stay(held: tuple[Engine, Items], text: str, within: Range) -> None:
    engine, _ = held
    try:
        whole = engine.search_words(WordQuery(text, ITEMS * 2, within)).items
    except InvalidTextError:
        return

    for start in range(0, min(len(whole), 60), 7):
        after = (whole[start].score, whole[start].id)
        page = engine.search_words(WordQuery(text, 7, within, after)).items
        assert [(item.id, item.score) for item in page] == [
            (item.id, item.score) for item in whole[start + 1 : start + 8]
        ]


def test_deleted_and_replaced_items_are_found_no_more(changed: Engine) -> None:
    fields = {"id": "item-2", "title": "zeppelin"}
    fresh = changed.apply({"item-2": StoredItem("item-2", fields, (), NO_VIEWS)})
    gone = fresh.apply({"item-2": None})

    assert [item.id for item in fresh.search_words(WordQuery("zeppelin", 5)).items] == ["item-2"]
    assert not gone.search_words(WordQuery("zeppelin", 5)).items
    assert not changed.search_words(WordQuery("zeppelin", 5)).items
    deleted = {name for name, item in CHANGES.items() if item is None}
    assert not deleted & {item.id for item in fresh.search_words(WordQuery(" ".join(VOCABULARY), 2_000)).items}


@pytest.mark.parametrize("text", ["", "  ", "?!…", "\x00\x01", "\ud800", "🥾"])
def test_a_text_without_words_is_refused(base: Engine, text: str) -> None:
    with pytest.raises(InvalidTextError, match="at least one word"):
        base.search_words(WordQuery(text, 5))


def test_a_text_of_stop_words_alone_is_refused_and_named(base: Engine) -> None:
    with pytest.raises(InvalidTextError, match=r"\(of, the\)"):
        base.search_words(WordQuery("The of the", 5))


def test_words_that_no_item_has_find_nothing(base: Engine) -> None:
    assert base.search_words(WordQuery("xylophone", 5)).items == ()


@pytest.mark.parametrize(
    "text", ["title:red", "+red -blue", '"red blue"~3', "red^9 OR (", "red AND NOT [a TO b]", "r*"]
)
def test_signs_of_query_languages_mean_nothing(base: Engine, text: str) -> None:
    words = "".join(sign if sign.isalnum() else " " for sign in text)

    found, plainly = (base.search_words(WordQuery(one, 20)).items for one in (text, words))

    assert [item.id for item in found] == [item.id for item in plainly]


def test_an_item_is_found_by_its_id_first(held: tuple[Engine, Items]) -> None:
    engine, items = held
    for name in ("item-2", "ITEM-200", *(["é & 隣", "new-1"] if "new-1" in items else [])):
        found = engine.search_words(WordQuery(name, 3)).items
        assert found[0].id == name.lower()


def test_equal_items_come_in_the_order_of_their_ids(base: Engine) -> None:
    names = [f"{number:03}" for number in np.random.default_rng(7).permutation(600)]
    made = {name: StoredItem(name, {"id": name, "title": "one boot"}, (), NO_VIEWS) for name in names}
    first = dict(list(made.items())[:500])
    engine = base.publish(SnapshotItems("2", "e", DIMENSIONS, TYPES, first.values()))
    engine = engine.apply({name: made[name] for name in names[400:]})

    for k in (1, 30, 590):
        found = engine.search_words(WordQuery("boots", k)).items
        assert [item.id for item in found] == [f"{number:03}" for number in range(k)]


def test_an_engine_says_what_it_searches(base: Engine) -> None:
    assert set(base.describe().words.fields) == {"title", "text", "tags"}
    assert base.describe().words.reason == ""


def test_a_catalogue_without_texts_refuses_words_and_says_why() -> None:
    engine = ENGINES["builtin"]().publish(SnapshotItems("1", "e", DIMENSIONS, {"price": "number"}, BASE.values()))

    assert engine.describe().words.fields == ()
    with pytest.raises(UnsupportedQueryError, match="No field of this catalogue has texts"):
        engine.search_words(WordQuery("red", 5))


def test_of_a_very_long_text_the_rarest_words_are_looked_for(base: Engine) -> None:
    text = " ".join([*(f"nothing{number}" for number in range(3_000)), "silk", "red " * 100_000])

    found = base.search_words(WordQuery(text, 5)).items

    assert math.isfinite(sum(item.score for item in found))
    assert base.search_words(WordQuery("red", 5, EVERYTHING)).items
