"""The same 300 questions to every engine: what the built-in one answers exactly is the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalogues import random_world, tiny_encoder
from contract.engines import builtin
from database_contract import DIMENSIONS
from engines.capabilities import Findings
from engines.conftest import client_of
from engines.drawn import QUESTIONS, SCHEMA, TYPES, WISHES, Changes, Drawing, Items, Question, after
from tonari.contract.database import Database, collection_name
from tonari.contract.engine import Engine, EngineQuery, Place, SnapshotItems, SortQuery, WordQuery
from tonari.contract.filter_tree import EVERYTHING, Range
from tonari.engines.lagging import Lag
from tonari.engines.remote import RemoteEngine
from tonari.errors import UnsupportedByEngineError
from tonari.fields.filters import parse_filter
from tonari.query.search import Neighbours, SearchParams, search
from tonari.query.serving import Serving
from tonari.snapshots.records import indexed_item

CLOSE = 5e-5
"""Between scores: the built-in engine keeps embeddings in 16 bits; one that computes in 16 bits is given more."""
COARSE: Mapping[str, float] = {}
MOST_PAGES = 6
STATES = ("base", "changed", "lagging")
"""Of the collection: as it was loaded; with updates and deletes written; with others that only the head knows of."""
RANGES: Mapping[str, dict[str, Any] | None] = {
    "no filter": None,
    "half": {"price": {"$lt": 17.0}},
    "tenth": {"new": True},
    "hundredth": {"colour": "隣の色"},
}
NEEDED = 0.9
"""Recall@10 that an approximate answer has to reach on average."""
OTHER_VIEWS = 0.02
"""Share of the items found approximately of which another view than the nearest was found."""


@dataclass(frozen=True)
class World:
    """What is there, and the truth about it."""

    items: Items
    truth: Engine
    asked: Engine


@pytest.fixture(scope="module")
def drawing() -> tuple[Items, Changes, Changes, list[Question]]:
    random = Drawing(1)
    items = random.catalogue()
    changes = random.changes(items, "new")
    later = random.changes(after(items, changes), "newer")
    return items, changes, later, random.questions(items)


@pytest.fixture(scope="module")
def truths(drawing: tuple[Items, Changes, Changes, list[Question]]) -> dict[str, Engine]:
    items, changes, later, _ = drawing
    base = builtin().publish(_snapshot("0", items))
    return {"base": base, "changed": base.apply(changes), "lagging": base.apply({**changes, **later})}


@pytest.fixture(scope="module")
def worlds(
    engine: str,
    database: Database,
    drawing: tuple[Items, Changes, Changes, list[Question]],
    truths: dict[str, Engine],
) -> Iterator[dict[str, World]]:
    items, changes, later, _ = drawing
    empty = RemoteEngine(database, client_of(engine), "", _no_state(), SCHEMA, Lag.of({}, (), 0, SCHEMA, DIMENSIONS))
    base = empty.publish(_snapshot("conformance1", items))
    changed = empty.publish(_snapshot("conformance2", items)).apply(changes)
    newest = {name: None if item is None else indexed_item(item) for name, item in later.items()}
    there = database.states(changed.name, since=1)
    lag = Lag.of({**changed.lag.changes, **newest}, there, changed.lag.generation + 1, SCHEMA, DIMENSIONS)
    assert len(lag.hidden) == 600
    lagging = replace(changed, lag=lag)
    now = after(items, changes)
    yield {
        "base": World(items, truths["base"], base),
        "changed": World(now, truths["changed"], changed),
        "lagging": World(after(now, later), truths["lagging"], lagging),
    }
    for name in (base.name, changed.name):
        database.drop(name)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    folder: Path = tmp_path_factory.mktemp("encoder")
    serving = random_world(tiny_encoder(folder), 1, 5, 0, 3).serving
    return replace(serving, snapshot=replace(serving.snapshot, schema=SCHEMA))


def _snapshot(name: str, items: Items) -> SnapshotItems:
    return SnapshotItems(name, "e", DIMENSIONS, TYPES, items.values())


def _no_state() -> Any:
    return None


def pages(serving: Serving, question: Question) -> list[Neighbours]:
    params, found = question.params, []
    for _ in range(MOST_PAGES if question.wish.startswith("pages") else 1):
        found.append(search(serving, question.query, params))
        if found[-1].more is None:
            break
        params = replace(params, after=found[-1].more)
    return found


def agree(found: list[Neighbours], wanted: list[Neighbours], close: float) -> None:
    """Hold pages to the true ones: the same items in the same order, but for those whose scores are nearly equal."""
    here, there = ([one for page in pages for one in page.items] for pages in (found, wanted))
    assert len(here) == len(there)
    assert [one.by for one in here] == pytest.approx([one.by for one in there], abs=close)
    assert len({one.item.id for one in here}) == len(here)
    for position, (one, true) in enumerate(zip(here, there, strict=True)):
        assert one.part == true.part
        if one.item.id != true.item.id:
            near = [other.by for other in there[max(0, position - 1) : position + 2]]
            assert sum(abs(by - one.by) <= 2 * close for by in near) >= 1, (position, one, true)
            continue
        assert one.item.score == pytest.approx(true.item.score, abs=close)
        assert (one.item.view, dict(one.item.fields)) == (true.item.view, dict(true.item.fields))
    assert [page.facets for page in found] == [page.facets for page in wanted]
    assert found[0].plan.matching == wanted[0].plan.matching


FEATURES = {number: WISHES[number % len(WISHES)] for number in range(QUESTIONS)}


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=pytest.mark.feature(wish)) for number, wish in FEATURES.items()]
)
def test_exact_answers_are_the_true_ones(
    engine: str,
    worlds: dict[str, World],
    serving: Serving,
    drawing: tuple[Items, Changes, Changes, list[Question]],
    findings: Findings,
    number: int,
) -> None:
    question, world = drawing[3][number], worlds[STATES[number % len(STATES)]]
    wanted = pages(replace(serving, engine=world.truth), question)
    try:
        found = pages(replace(serving, engine=world.asked), question)
    except UnsupportedByEngineError as error:
        findings.refused[engine][question.wish] = error.detail
        return
    agree(found, wanted, COARSE.get(engine, CLOSE))


@pytest.mark.feature("approximate search")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("within", RANGES)
def test_approximate_answers(
    engine: str, worlds: dict[str, World], findings: Findings, within: str, state: str
) -> None:
    """Recall is measured; whatever it is, items in range come in order, and none is missing while more match."""
    world, close = worlds[state], COARSE.get(engine, CLOSE)
    given = RANGES[within]
    among = EVERYTHING if given is None else Range(parse_filter(given, SCHEMA))
    recalls, missing, disorder, others = [], 0, 0, []
    for row in Drawing(2).vectors(60):
        found = world.asked.search(EngineQuery(row[None], 10, among)).items
        wanted = world.truth.search(EngineQuery(row[None], 10, among, exact=True)).items
        true = {one.id for one in wanted}
        recalls.append(sum(one.id in true for one in found) / len(wanted))
        missing += len(wanted) - len(found)
        disorder += [(-one.score, one.id) for one in found] != sorted((-one.score, one.id) for one in found)
        for one in found:
            item = world.items[one.id]
            scores = item.embeddings @ row
            assert one.score == pytest.approx(float(scores[item.views.index(one.view)]), abs=max(close, 1e-4))
            others.append(one.score < scores.max() - max(close, 1e-4))
            assert one.fields == item.fields
    findings.numbers[engine][f"recall@10, {within}, {state}"] = round(float(np.mean(recalls)), 3)
    for name, count in (("missing", missing), ("out of order", disorder)):
        findings.numbers[engine][name] = findings.numbers[engine].get(name, 0) + count
    assert (missing, disorder) == (0, 0)
    assert np.mean(recalls) >= NEEDED
    assert np.mean(others) <= OTHER_VIEWS


@pytest.mark.feature("lists in the order of a field")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("field", [None, *TYPES])
def test_lists(engine: str, worlds: dict[str, World], findings: Findings, field: str | None, state: str) -> None:
    world = worlds[state]
    if field == "tags":
        return
    for descending in (False, True):
        query = SortQuery(70, Range(parse_filter({"price": {"$lt": 4.0}}, SCHEMA)), field, descending)
        after_place: Place | None = None
        for _ in range(4):
            asked = replace(query, after=after_place)
            try:
                found, wanted = world.asked.sort(asked), world.truth.sort(asked)
            except UnsupportedByEngineError as error:
                findings.refused[engine]["lists in the order of a field"] = error.detail
                return
            assert found.matching == wanted.matching
            assert [(one.place, one.view) for one in found.items] == [(one.place, one.view) for one in wanted.items]
            assert [dict(one.fields) for one in found.items] == [dict(one.fields) for one in wanted.items]
            after_place = wanted.items[-1].place if wanted.items else after_place


@pytest.mark.feature("reading items by id")
@pytest.mark.parametrize("state", STATES)
def test_items_are_read(worlds: dict[str, World], state: str) -> None:
    world = worlds[state]
    names = [*world.items, "nobody"][::7]
    found, wanted = world.asked.read(names), world.truth.read(names)
    assert found.keys() == wanted.keys()
    for name, item in wanted.items():
        assert (dict(found[name].fields), found[name].views) == (dict(item.fields), item.views)
        if item.views:
            np.testing.assert_allclose(found[name].embeddings, item.embeddings, atol=2e-3)


@pytest.mark.feature("counts and facets over all that matches")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("within", RANGES)
def test_values_are_counted(engine: str, worlds: dict[str, World], findings: Findings, within: str, state: str) -> None:
    world, given = worlds[state], RANGES[within]
    among = EVERYTHING if given is None else Range(parse_filter(given, SCHEMA))
    for most in (5, None):
        try:
            found = world.asked.count(list(TYPES), among, most)
        except UnsupportedByEngineError as error:
            findings.refused[engine]["counts and facets over all that matches"] = error.detail
            return
        assert found == world.truth.count(list(TYPES), among, most)
    here, there = world.asked.describe(), world.truth.describe()
    assert (here.items, here.views) == (there.items, there.views)


@pytest.mark.feature("words, by BM25")
@pytest.mark.parametrize("state", ["base", "changed"])
def test_words(engine: str, worlds: dict[str, World], findings: Findings, state: str) -> None:
    world = worlds[state]
    reason = world.asked.describe().words.reason
    if reason:
        findings.refused[engine]["words, by BM25"] = reason
        return
    for text in ("tag 7", "red", "nobody", "green 隣の色"):
        for among in (EVERYTHING, Range(parse_filter({"price": {"$lt": 17.0}}, SCHEMA))):
            found = world.asked.search_words(WordQuery(text, 25, among)).items
            everything = world.truth.search_words(WordQuery(text, 10_000, among)).items
            wanted = {one.id: one.score for one in everything}
            assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
            assert {one.id for one in found} <= wanted.keys()
            assert len(found) == min(25, len(wanted))
            there = world.asked.search_words(WordQuery(text, 9_000, among)).items
            assert {one.id for one in there} == wanted.keys()
            least = [*wanted.values()][: len(found)][-1:]
            assert all(wanted[one.id] >= 0.95 * least[0] for one in found)


@pytest.mark.feature("one alias, switched in one step")
def test_the_alias(database: Database, worlds: dict[str, World]) -> None:
    names = [collection_name(f"conformance{number}") for number in (1, 2)]
    assert worlds
    for name in (*names, names[0]):
        database.point("live", name)
        assert database.pointed("live") == name


def test_the_questions_are_what_they_are_said_to_be(
    drawing: tuple[Items, Changes, Changes, list[Question]], truths: dict[str, Engine], serving: Serving
) -> None:
    """Most ranges hold something, some hold little, and answers have items."""
    questions = drawing[3]
    assert len(questions) == QUESTIONS
    matching = [
        truths["base"].search(EngineQuery(one.query.embeddings, 1, one.params.within)).plan.matching
        for one in questions
    ]
    assert sum(count > 0 for count in matching) > 0.9 * QUESTIONS
    assert sum(0 < count < 500 for count in matching) > 20
    assert json.dumps(sorted({one.wish for one in questions})) == json.dumps(sorted({*WISHES}))
    assert serving.snapshot.schema == SCHEMA
    assert isinstance(questions[0].params, SearchParams)
