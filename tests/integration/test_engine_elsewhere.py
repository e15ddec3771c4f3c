"""The query function over a vector database elsewhere answers what it answers by the built-in engine."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pictures
from integration.conftest import IN_ORDER
from integration.events import Answer, Caller, failed, notification, sqs_event
from integration.shop import VIEW, draw, put_document, put_image
from memory_database import Fault, MemoryDatabase
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import document_key, image_key
from tonari.contract.database import LIVE, collection_name
from tonari.engines.remote import RemoteEngine, RemoteOpening
from tonari.loading.live import follow
from tonari.storage.bucket import Bucket

PICTURE = base64.b64encode(pictures.encoded(draw("red", "ball", inset=44), "PNG")).decode()
SEARCHES: tuple[dict[str, Any], ...] = (
    {"id": "red-ball", "k": 50},
    {"image": PICTURE, "k": 5, "exact": True},
    {"image": PICTURE, "k": 50, "filter": {"price": {"$lt": 30}, "color": {"$ne": "red"}}},
    {"id": "blue-box", "k": 50, "ids": ["blue-tent", "red-tent", "nobody"]},
    {"id": "red-ball", "k": 50, "group_by": "color", "per_group": 2},
    {"id": "red-ball", "k": 4, "facets": ["color", "price"], "disjunctive_facets": ["category"]},
    {"id": "red-ball", "k": 6, "diversity": 0.5},
    {"id": "red-ball", "k": 6, "duplicates": False, "include": ["embedding", "fields"]},
    {"id": "red-ball", "k": 6, "boost": [{"field": "price", "function": "log", "weight": 0.2, "high": 60}]},
    {"id": "red-ball", "k": 6, "pin": ["green-tent"], "bury": ["red-box"]},
    {"id": "red-ball", "k": 3, "predict": ["color", "category"]},
    {"examples": {"positive": ["red-ball", "red-tent"], "negative": ["blue-ball"]}, "k": 5},
    {"id": "red-ball", "k": 5, "shift": {"color": "blue"}},
    {"id": "red-ball", "k": 50, "min_score": 0.9},
)
CLOSE = 3e-4
OF_THE_ENGINE = ("path", "scanned", "exact")


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def loaded(shop: str, context: RebuildContext, database: MemoryDatabase) -> Rebuilt:
    """The drawn shop, live and in the database."""
    del shop
    return rebuild(replace(context, database=database))


@pytest.fixture
def both(
    loaded: Rebuilt, functions: ModuleType, database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> tuple[Caller, Caller]:
    """The query function by the built-in engine, and over the database."""
    del loaded
    builtin = Caller(functions.query_function(), functions.items_function())
    monkeypatch.setattr(functions, "_database", lambda _: database)
    return builtin, Caller(functions.query_function(), functions.items_function())


def check_alike(one: Any, other: Any, where: Any) -> None:
    """Compare answers: vectors elsewhere have length 1, those here only nearly, so scores differ a little."""
    match one:
        case dict():
            assert one.keys() == other.keys(), where
            for name in one.keys() - {"took_ms", "next", *OF_THE_ENGINE}:
                check_alike(one[name], other[name], where)
        case list():
            assert len(one) == len(other), where
            for first, second in zip(one, other, strict=True):
                check_alike(first, second, where)
        case float():
            assert one == pytest.approx(other, abs=CLOSE), where
        case _:
            assert one == other, where


def check_same(both: tuple[Caller, Caller]) -> None:
    for asked in SEARCHES:
        one, other = (caller.json("/v1/search", asked) for caller in both)
        assert (one.status, other.status) == (200, 200), (asked, one.body, other.body)
        check_alike(one.body, other.body, asked)
    for path, parameters in (
        ("/v1/items", {"sort": "price", "order": "desc", "limit": "5"}),
        ("/v1/items", {"limit": "50"}),
        ("/v1/items/red-ball", {}),
        ("/v1/facets", {"fields": "color,price"}),
    ):
        answers: list[Answer] = [caller.get(path, **parameters) for caller in both]
        assert answers[0].status == answers[1].status
        check_alike(answers[0].body, answers[1].body, path)
    for asked in ({"image": PICTURE}, {"id": "green-tent", "method": "vote", "k": 3}, {"id": "blue-box"}):
        one, other = (caller.json("/v1/predict", asked) for caller in both)
        assert one.status == other.status == 200
        check_alike(one.body, other.body, asked)


def change(catalogue: Bucket) -> list[str]:
    put_image(catalogue, "pink-ball", base64.b64decode(PICTURE))
    put_document(catalogue, "pink-ball", {"color": "pink", "category": "ball", "price": 5, "tags": ["new", "sale"]})
    put_document(catalogue, "blue-box", {"color": "blue", "category": "crate", "price": 1, "tags": ["sale"]})
    catalogue.delete(document_key("red-box"), image_key("red-box", VIEW))
    return [image_key("pink-ball", VIEW), image_key("red-box", VIEW), document_key("blue-box")]


def test_answers_are_the_same(both: tuple[Caller, Caller], database: MemoryDatabase, loaded: Rebuilt) -> None:
    assert loaded.snapshot is not None
    assert database.pointed(LIVE) == collection_name(loaded.snapshot)
    check_same(both)
    health = both[1].get("/v1/health").body
    assert health["items"] == 12


def test_answers_are_the_same_after_changes_that_it_does_not_have_yet(
    both: tuple[Caller, Caller], functions: ModuleType, catalogue: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "_database", lambda _: None)
    reindexer = functions.reindex_function()

    assert failed(reindexer(sqs_event(notification(*change(catalogue))), None)) == []

    check_same(both)


def test_answers_are_the_same_after_changes_that_it_has(
    both: tuple[Caller, Caller], functions: ModuleType, catalogue: Bucket, database: MemoryDatabase
) -> None:
    assert failed(functions.reindex_function()(sqs_event(notification(*change(catalogue))), None)) == []

    (name,) = database.collections()
    changed = {one.id: one.state for one in database.states(name, since=1)}
    assert changed.keys() == {"pink-ball", "blue-box", "red-box"}
    assert changed["red-box"] is None
    check_same(both)


def test_what_has_come_meanwhile_is_asked_of_the_database(
    both: tuple[Caller, Caller],
    functions: ModuleType,
    catalogue: Bucket,
    artefacts: Bucket,
    database: MemoryDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = IN_ORDER(artefacts, tmp_path / "reader", 0.0, RemoteOpening(database, "memory"), print)

    def from_memory() -> frozenset[str]:
        engine = reader.current().engine
        assert isinstance(engine, RemoteEngine)
        return engine.lag.hidden

    monkeypatch.setattr(functions, "_database", lambda _: None)
    functions.reindex_function()(sqs_event(notification(*change(catalogue))), None)
    assert from_memory() == {"pink-ball", "blue-box", "red-box"}

    follow(database, artefacts, tmp_path / "follower")

    assert not from_memory()
    check_same(both)


def test_a_database_that_cannot_be_reached_is_said(both: tuple[Caller, Caller], database: MemoryDatabase) -> None:
    database.faults = lambda _number, _method: Fault("refused")

    answer = both[1].json("/v1/search", {"id": "red-ball"})

    assert (answer.status, answer.body["type"]) == (503, "urn:tonari:problem:engine-unavailable")


@pytest.mark.usefixtures("both")
def test_a_database_without_the_snapshot_is_said(functions: ModuleType, database: MemoryDatabase) -> None:
    database.drop(*database.collections())

    answer = Caller(functions.query_function(), functions.items_function()).json("/v1/search", {"id": "red-ball"})

    assert (answer.status, answer.body["type"]) == (503, "urn:tonari:problem:engine-not-loaded")
    assert "tonari engine load" in answer.body["detail"]
