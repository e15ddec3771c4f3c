"""A drawn shop is loaded into each engine, changed, compared, rolled back and cleared out."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.conftest import client_of, started
from engines.test_vald import lose
from graphs import mean_colour
from integration.shop import PRODUCTS, VIEW, push, put_document, put_image
from integration.tools.test_fit import PIXELS
from tonari.builds.collect import collect
from tonari.builds.look import RebuildContext
from tonari.builds.old_collections import drop_old
from tonari.builds.publish import roll_back
from tonari.builds.rebuild import rebuild
from tonari.builds.reindex import reindex
from tonari.catalogue.documents import document_key, image_key
from tonari.config import ANY_FALL
from tonari.contract.database import LIVE, Database, Tombstone, collection_name
from tonari.encoders.store import load_encoder, save_encoder
from tonari.engines.databases.vald.database import ValdDatabase
from tonari.engines.opening import connect_to
from tonari.loading.apply import apply
from tonari.loading.drift import drift, repair
from tonari.loading.items import LoadTables
from tonari.snapshots.head import read_head, use_encoder
from tonari.snapshots.snapshot import load_tables
from tonari.storage.folder import FolderBucket

ITEM, GONE = PRODUCTS[0].id, PRODUCTS[1].id


@pytest.fixture(scope="module")
def database(engine: str, database: Database) -> Iterator[Database]:
    """The engine; an agent of Vald is started for embeddings of three numbers."""
    if engine != "vald_agent":
        yield database
        return
    with started(engine, dimensions=3) as server:
        database = connect_to(client_of(engine), server.access)
        yield database
        database.close()


@pytest.fixture
def context(tmp_path: Path, database: Database) -> Iterator[RebuildContext]:
    """The drawn shop in a folder, with nothing built yet; what is loaded is dropped at the end."""
    for name in ("catalogue", "artefacts"):
        (tmp_path / name).mkdir()
    catalogue, artefacts = FolderBucket(tmp_path / "catalogue"), FolderBucket(tmp_path / "artefacts")
    push(catalogue)
    model = mean_colour(tmp_path / "pixels.onnx").read_bytes()
    use_encoder(artefacts, save_encoder(artefacts, model, json.dumps(PIXELS).encode()))
    cache = tmp_path / "cache"
    load = functools.cache(lambda name: load_encoder(artefacts, name, cache))
    before = set(database.collections())
    yield RebuildContext(catalogue, artefacts, load, cache, lambda *_: None, lambda: 900.0, ANY_FALL, database)
    for name in set(database.collections()) - before:
        database.drop(name)


@pytest.fixture
def tables(context: RebuildContext) -> LoadTables:
    return functools.cache(lambda name: load_tables(context.artefacts, name, context.cache))


def test_a_shop_is_loaded_changed_compared_and_rolled_back(
    context: RebuildContext, database: Database, tables: LoadTables
) -> None:
    artefacts = context.artefacts

    def take_in(*items: str) -> None:
        done = reindex(items, context.catalogue, artefacts, context.load, tables)
        apply(database, artefacts, tables, items, done.generation)

    def differing() -> tuple[str, ...]:
        return drift(database, artefacts, tables).ids

    first = rebuild(context)
    assert (first.outcome, first.why) == ("published", "")
    name = collection_name(first.snapshot or "")
    state = database.collections()[name]
    assert (state.complete, state.loaded, state.recall) == (True, 12, 1.0)
    assert database.pointed(LIVE) == name
    assert differing() == ()

    put_document(context.catalogue, ITEM, {"price": 5, "color": "red"})
    context.catalogue.delete(document_key(GONE), image_key(GONE, VIEW))
    put_image(context.catalogue, "new", PRODUCTS[2].picture())
    take_in(ITEM, GONE, "new")
    assert differing() == ()
    assert [one.id for one in database.read(name, [GONE, "new"])] == ["new"]

    generation = read_head(artefacts).head.generation
    database.write(name, [Tombstone(PRODUCTS[3].id, generation), Tombstone("new", generation - 1)])
    assert differing() == (PRODUCTS[3].id,)
    assert repair(database, artefacts, tables).missing == (PRODUCTS[3].id,)
    assert differing() == ()

    second = rebuild(context)
    assert (second.outcome, second.why) == ("published", "")
    assert database.pointed(LIVE) == collection_name(second.snapshot or "")
    assert roll_back(context).snapshot == first.snapshot
    assert database.pointed(LIVE) == name
    assert differing() == ()

    put_document(context.catalogue, ITEM, {"price": 6})
    third = rebuild(context)
    collect(artefacts, grace=0)
    assert drop_old(database, artefacts) == (collection_name(second.snapshot or ""),)
    assert database.pointed(LIVE) == collection_name(third.snapshot or "")
    assert differing() == ()


def test_vectors_that_vald_lost_are_written_again(
    context: RebuildContext, database: Database, tables: LoadTables
) -> None:
    if not isinstance(database, ValdDatabase):
        pytest.skip("about Vald")
    name = collection_name(rebuild(context).snapshot or "")
    put_document(context.catalogue, GONE, {"price": 5})
    done = reindex([GONE], context.catalogue, context.artefacts, context.load, tables)
    apply(database, context.artefacts, tables, [GONE], done.generation)
    lose(database, name, ITEM, GONE)

    assert repair(database, context.artefacts, tables).outdated == tuple(sorted([ITEM, GONE]))
    assert drift(database, context.artefacts, tables).ids == ()
    assert len(database.read(name, [ITEM, GONE])) == 2
