"""Snapshots on S3: written, read back, damaged, cached."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from integration.events import Caller, notification, sqs_event
from integration.shop import ATTRIBUTES, PRODUCTS, VIEW, put_image
from tonari.aws.functions import Handler
from tonari.builds.assemble import build_snapshot
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import SCHEMA
from tonari.encoders.store import load_encoder
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError
from tonari.fields.columns import ClassColumn
from tonari.fields.schema import Schema
from tonari.index.planner import find
from tonari.index.vectors import from_fixed, unit_rows
from tonari.snapshots.head import read_head
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import FILES, GRAPH, MANIFEST, REPORTED
from tonari.snapshots.segments import read_segments
from tonari.snapshots.snapshot import Snapshot, load_snapshot, load_tables
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import Table, build_table
from tonari.storage.bucket import Bucket
from unit.attributes.samples import class_means
from unit.index.samples import slow_graphs_kept


@pytest.fixture
def snapshot(published: Rebuilt, artefacts: Bucket, tmp_path: Path) -> Snapshot:
    assert published.snapshot
    return load_snapshot(artefacts, published.snapshot, tmp_path / "cache")


def flip(data: bytes, place: int) -> bytes:
    """Change one bit."""
    damaged = bytearray(data)
    damaged[place] ^= 1
    return bytes(damaged)


def harmless(whole: bytes, damaged: bytes) -> bool:
    """Tell whether JSON says the same: a changed blank between two values."""
    try:
        return bool(json.loads(whole) == json.loads(damaged))
    except ValueError:
        return False


def same_tables(one: Table, other: Table) -> bool:
    names = ("ids", "documents", "offsets", "document_etags", "view_names", "view_sources")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_what_was_written_is_loaded(snapshot: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    table = snapshot.table
    again = build_snapshot(snapshot.encoder, snapshot.schema, table, {"images/a/b.jpg": "Not a picture."})
    (tmp_path / "folder").mkdir()
    write_snapshot(artefacts, again, tmp_path / "folder")
    loaded = load_snapshot(artefacts, again.id, tmp_path / "other")
    assert (loaded.id, loaded.encoder, loaded.schema) == (again.id, again.encoder, again.schema)
    assert loaded.rejected == {"images/a/b.jpg": "Not a picture."}
    assert same_tables(loaded.table, table)
    for name in ("item", "fixed", "codes"):
        assert np.array_equal(getattr(loaded.table.views, name), getattr(table.views, name))
    assert list(loaded.table.columns) == ["category", "color", "price"]
    assert (loaded.recall, loaded.table.index.tuning) == (again.recall, again.table.index.tuning)
    assert loaded.table.index.graph is None
    assert again.table.index.graph is None
    with pytest.raises(ConflictError):
        write_snapshot(artefacts, replace(again, rejected={}), tmp_path / "folder")


def test_a_graph_is_stored_and_serves_after_loading(snapshot: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    embeddings = unit_rows(random.standard_normal((400, 16)))
    items = (
        IndexedItem(f"item-{number:03}", {}, "", (IndexedView("a.jpg", f"{number}", embedding),))
        for number, embedding in enumerate(embeddings)
    )
    table = build_table(items, Schema({}), 16)
    with slow_graphs_kept():
        built = build_snapshot(snapshot.encoder, Schema({}), table, {})
    (tmp_path / "folder").mkdir()
    write_snapshot(artefacts, built, tmp_path / "folder")
    loaded = load_snapshot(artefacts, built.id, tmp_path / "other").table.index
    assert artefacts.sha256(f"snapshots/{built.id}/{GRAPH}")
    for row in range(0, 400, 40):
        query = from_fixed(table.views.fixed[[row]])
        ours, theirs = find(query, built.table.index, 10), find(query, loaded, 10)
        assert ours.path == theirs.path == "graph"
        assert ours.items.tolist() == theirs.items.tolist()
        assert ours.items[0] == row

    artefacts.delete(f"snapshots/{built.id}/{GRAPH}")
    with pytest.raises(MissingObjectError):
        load_snapshot(artefacts, built.id, tmp_path / "third")


def test_tables_are_loaded_without_embeddings(snapshot: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    tables = load_tables(artefacts, snapshot.id, tmp_path / "fresh")
    assert same_tables(tables, snapshot.table)
    assert [tables.state(n) for n in range(len(tables))] == [snapshot.table.state(n) for n in range(len(tables))]
    assert len([path for path in (tmp_path / "fresh").iterdir() if path.suffix != ".lock"]) == 1


def test_the_same_items_give_the_same_files(snapshot: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    built = build_snapshot(snapshot.encoder, snapshot.schema, snapshot.table, snapshot.rejected)
    again = replace(built, picture=snapshot.picture)
    (tmp_path / "folder").mkdir()
    write_snapshot(artefacts, again, tmp_path / "folder")
    for name in (*FILES, *REPORTED):
        assert artefacts.sha256(f"snapshots/{again.id}/{name}") == artefacts.sha256(f"snapshots/{snapshot.id}/{name}")


def test_class_weights_are_the_means_of_their_items(snapshot: Snapshot) -> None:
    table = snapshot.table
    assert set(snapshot.learned) == {"category", "color"}
    for name, learned in snapshot.learned.items():
        weights = learned.means
        column = table.columns[name]
        assert isinstance(column, ClassColumn)
        again = class_means(table.views.item, table.views.fixed, column)
        assert weights.classes == again.classes == tuple(sorted({getattr(product, name) for product in PRODUCTS}))
        assert np.array_equal(weights.weights, again.weights)
        assert np.array_equal(weights.bias, again.bias)
        for row, value in zip(weights.weights, weights.classes, strict=True):
            members = table.positions([product.id for product in PRODUCTS if getattr(product, name) == value])
            mean = from_fixed(table.views.fixed[np.isin(table.views.item, members)]).mean(axis=0)
            assert np.allclose(row, mean, atol=2e-4)


@pytest.mark.usefixtures("published")
def test_an_item_counts_once_however_many_views_it_has(
    catalogue: Bucket, context: RebuildContext, artefacts: Bucket, tmp_path: Path
) -> None:
    put_image(catalogue, "red-ball", PRODUCTS[1].picture(), "side.png")
    done = rebuild(context)
    assert done.snapshot
    loaded = load_snapshot(artefacts, done.snapshot, tmp_path / "cache")
    table, weights = loaded.table, loaded.learned["color"].means
    assert (done.views, weights.sampled.tolist()) == (13, [3, 3, 3, 3])
    position = table.find("red-ball")
    assert position is not None
    assert [table.view_name(int(row)) for row in table.rows(position)] == [VIEW, "side.png"]


def test_a_flipped_byte_is_found_before_the_file_is_used(published: Rebuilt, artefacts: Bucket, tmp_path: Path) -> None:
    assert published.snapshot
    for name in FILES:
        key = f"snapshots/{published.snapshot}/{name}"
        whole = artefacts.get(key).data
        for place in (0, len(whole) // 2, len(whole) - 1):
            artefacts.put(key, flip(whole, place))
            with pytest.raises(CorruptArtefactError, match=name):
                load_snapshot(artefacts, published.snapshot, tmp_path / f"{name}{place}")
        artefacts.put(key, whole)
    assert len(load_snapshot(artefacts, published.snapshot, tmp_path / "fresh").table) == len(PRODUCTS)


def test_whatever_is_wrong_in_a_manifest_is_found(published: Rebuilt, artefacts: Bucket, tmp_path: Path) -> None:
    assert published.snapshot
    key = f"snapshots/{published.snapshot}/{MANIFEST}"
    whole = artefacts.get(key).data
    flipped = [flip(whole, place) for place in range(0, len(whole), 29)]
    for damaged in [b"", b"[]", b"null", b"{}", whole[:-2], whole.replace(b'"price"', b'"prize"'), *flipped]:
        artefacts.put(key, damaged)
        if not harmless(whole, damaged):
            with pytest.raises(CorruptArtefactError, match=MANIFEST):
                load_snapshot(artefacts, published.snapshot, tmp_path / "cache")


def test_a_cut_file_is_found(published: Rebuilt, artefacts: Bucket, tmp_path: Path) -> None:
    assert published.snapshot
    key = f"snapshots/{published.snapshot}/vectors.pack"
    artefacts.put(key, artefacts.get(key).data[:-1])
    with pytest.raises(CorruptArtefactError, match=r"vectors\.pack has sha256"):
        load_snapshot(artefacts, published.snapshot, tmp_path / "fresh")
    assert {path.suffix for path in (tmp_path / "fresh").iterdir()} <= {"", ".lock"}


def test_what_is_damaged_in_the_cache_is_fetched_again(snapshot: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    cache = tmp_path / "other"
    shutil.copytree(tmp_path / "cache", cache)
    files = sorted(path for path in cache.iterdir() if not path.suffix)
    assert len(files) == len(FILES)
    for path in files:
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(flip(data, len(data) // 2))
    loaded = load_snapshot(artefacts, snapshot.id, cache)
    assert same_tables(loaded.table, snapshot.table)
    assert np.array_equal(loaded.table.views.fixed, snapshot.table.views.fixed)


def test_what_the_cache_has_is_not_fetched(snapshot: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    artefacts.delete(*(f"snapshots/{snapshot.id}/{name}" for name in FILES))
    assert same_tables(load_snapshot(artefacts, snapshot.id, tmp_path / "cache").table, snapshot.table)


@pytest.mark.parametrize("suffix", [".onnx", ".json"])
def test_an_encoder_damaged_in_the_cache_is_fetched_again(
    encoder: str, artefacts: Bucket, tmp_path: Path, suffix: str
) -> None:
    cache = tmp_path / "cache"
    load_encoder(artefacts, encoder, cache)
    path = cache / f"{encoder}{suffix}"
    whole = path.read_bytes()
    path.write_bytes(flip(whole, len(whole) // 2))
    assert load_encoder(artefacts, encoder, cache).dimensions > 0
    assert path.read_bytes() == whole


@pytest.mark.parametrize("name", ["model.onnx", "encoder.json"])
def test_an_encoder_damaged_on_s3_is_refused(encoder: str, artefacts: Bucket, tmp_path: Path, name: str) -> None:
    key = f"encoders/{encoder}/{name}"
    data = artefacts.get(key).data
    artefacts.put(key, flip(data, len(data) // 2))
    with pytest.raises(CorruptArtefactError, match=encoder):
        load_encoder(artefacts, encoder, tmp_path / "cache")
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}


def test_an_empty_catalogue_builds_loads_and_answers(
    encoder: str, context: RebuildContext, artefacts: Bucket, catalogue: Bucket, tmp_path: Path, query: Caller
) -> None:
    done = rebuild(context)
    assert (done.outcome, done.items, done.views) == ("published", 0, 0)
    assert done.snapshot
    loaded = load_snapshot(artefacts, done.snapshot, tmp_path / "fresh")
    assert len(loaded.table) == len(loaded.table.views) == 0
    assert query.found({"vector": [1.0] * load_encoder(artefacts, encoder, tmp_path / "cache").dimensions}) == []
    answer = query.picture("/v1/search", PRODUCTS[0].picture())
    assert (answer.status, answer.body["items"]) == (200, [])
    assert query.picture("/v1/predict", PRODUCTS[0].picture()).body["predictions"] == {}
    health = query.get("/v1/health").body
    assert (health["items"], health["views"], health["attributes"], health["fields"]) == (0, 0, {}, {})
    assert rebuild(context).outcome == "unchanged"
    catalogue.put(SCHEMA, json.dumps(ATTRIBUTES).encode())
    assert rebuild(context).outcome == "published"
    predicted = query.picture("/v1/predict", PRODUCTS[0].picture()).body["predictions"]
    assert {name: predicted["color"][name] for name in ("value", "score", "alternatives", "neighbours", "agree")} == {
        "value": None,
        "score": None,
        "alternatives": [],
        "neighbours": [],
        "agree": None,
    }


def test_a_damaged_segment_is_found(
    live: Caller, reindexer: Handler, catalogue: Bucket, artefacts: Bucket, context: RebuildContext
) -> None:
    put_image(catalogue, "new", PRODUCTS[0].picture())
    reindexer(sqs_event(notification("images/new/front.png")), None)
    (segment,) = read_head(artefacts).head.segments
    key = f"segments/{segment.id}.pack"
    data = artefacts.get(key).data
    artefacts.put(key, flip(data, len(data) // 2))
    with pytest.raises(CorruptArtefactError, match=segment.id):
        read_segments(artefacts, [segment], "any")
    assert "new" not in live.found({"id": "red-ball", "k": 50})
    assert rebuild(context).outcome == "published"
    assert "new" in live.found({"id": "red-ball", "k": 50})
