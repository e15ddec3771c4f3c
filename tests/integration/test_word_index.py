"""The words of a snapshot: written with it, fetched when somebody asks by words, laid over, damaged, left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tonari.builds.assemble import build_snapshot
from tonari.contract.engine import EngineQuery, WordQuery
from tonari.engines.builtin import BuiltinEngine, open_builtin
from tonari.errors import CorruptArtefactError, MissingObjectError, UnsupportedQueryError
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import unit_rows
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import read_manifest
from tonari.snapshots.segments import Segment
from tonari.snapshots.snapshot import Snapshot, load_snapshot
from tonari.snapshots.snapshot_words import WORDS, wants_words
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import build_table, sort_into_cells
from tonari.storage.folder import FolderBucket

ITEMS = 40
COLOURS = ("red", "blue", "green")
SCHEMA = Schema({"name": Field("string"), "price": Field("number")})


def item(number: int, fields: Mapping[str, Any]) -> IndexedItem:
    name = f"item-{number:02}"
    row = unit_rows(np.random.default_rng(number).standard_normal((1, 16)))[0]
    return IndexedItem(name, {"id": name, **fields}, "etag", (IndexedView("a.jpg", "source", row),))


def written(bucket: FolderBucket, folder: Path, schema: Schema = SCHEMA) -> str:
    made = (item(n, {"name": f"{COLOURS[n % 3]} boot", "price": n}) for n in range(ITEMS))
    snapshot = build_snapshot("encoder-1", schema, sort_into_cells(build_table(made, schema, 16)), {})
    folder.mkdir()
    write_snapshot(bucket, snapshot, folder)
    return snapshot.id


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    (tmp_path / "bucket").mkdir()
    return FolderBucket(tmp_path / "bucket")


@pytest.fixture
def snapshot(bucket: FolderBucket, tmp_path: Path) -> Snapshot:
    return load_snapshot(bucket, written(bucket, tmp_path / "files"), tmp_path / "cache")


def opened(snapshot: Snapshot, changes: Mapping[str, IndexedItem | None] | None = None) -> BuiltinEngine:
    return open_builtin(snapshot, Segment("encoder-1", changes or {}))


def found(engine: BuiltinEngine, text: str) -> list[str]:
    return [item.id for item in engine.search_words(WordQuery(text, 100)).items]


def folder_of(engine: BuiltinEngine) -> Path:
    assert engine.words._opened
    return engine.words._opened.folder.path


def cached(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_words_are_fetched_when_somebody_asks_by_words(
    bucket: FolderBucket, snapshot: Snapshot, tmp_path: Path
) -> None:
    packed = read_manifest(bucket, snapshot.id).files[WORDS]
    engine, cache = opened(snapshot), tmp_path / "cache"
    engine.search(EngineQuery(np.eye(1, 16, dtype=np.float32), 5))
    assert engine.describe().words.fields == ("name",)
    assert packed not in cached(cache)
    assert "words" not in cached(cache)

    assert found(engine, "Red Boots")[:14] == [f"item-{number:02}" for number in range(0, ITEMS, 3)]
    assert packed in cached(cache)


def test_changes_are_found_and_what_they_replace_is_not(snapshot: Snapshot) -> None:
    before = opened(snapshot)
    assert "item-00" in found(before, "red")
    fresh = {"item-00": item(0, {"name": "yellow boot"}), "item-99": item(99, {"name": "red hat"})}
    after = opened(snapshot, {**fresh, "item-03": None})

    assert found(after, "yellow") == ["item-00"]
    assert {"item-99", "item-06"} <= set(found(after, "red"))
    assert not {"item-00", "item-03"} & set(found(after, "red"))
    assert len(found(after, "boot hat")) == ITEMS
    assert "item-00" in found(before, "red")


def test_a_generation_is_ready_for_words_where_they_were_asked_for(snapshot: Snapshot) -> None:
    assert not opened(snapshot).words.ready
    found(opened(snapshot), "red")

    assert opened(snapshot, {"item-03": None}).words.ready


def test_folders_go_with_their_generations(snapshot: Snapshot, tmp_path: Path) -> None:
    for number in range(5):
        engine = opened(snapshot, {"item-03": item(3, {"name": f"word{number}"})})
        assert found(engine, f"word{number}") == ["item-03"]
        del engine

    assert len(list((tmp_path / "cache" / "words").iterdir())) <= 1


def test_damaged_words_are_refused_and_pictures_go_on(bucket: FolderBucket, snapshot: Snapshot, tmp_path: Path) -> None:
    key = f"snapshots/{snapshot.id}/{WORDS}"
    whole = bucket.get(key).data
    for number, data in enumerate((whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], b"")):
        bucket.put(key, data)
        engine = opened(load_snapshot(bucket, snapshot.id, tmp_path / f"cache-{number}"))
        with pytest.raises(CorruptArtefactError):
            found(engine, "red")
        assert engine.search(EngineQuery(np.eye(1, 16, dtype=np.float32), 5)).items
        bucket.put(key, whole)
        assert found(engine, "red")
    bucket.delete(key)
    with pytest.raises(MissingObjectError):
        found(opened(load_snapshot(bucket, snapshot.id, tmp_path / "other")), "red")


def test_what_somebody_wrote_into_the_cache_is_mended_before_the_next_answer(snapshot: Snapshot) -> None:
    engine = opened(snapshot)
    before = found(engine, "red")
    names = [path.name for path in folder_of(engine).iterdir() if path.suffix in (".idx", ".term", ".fast")]
    for name in names:
        with (folder_of(engine) / name).open("r+b") as file:
            file.write(b"\xff" * 40)

    assert found(engine, "red") == before
    assert found(opened(snapshot), "red") == before


def test_a_catalogue_without_texts_has_no_file(bucket: FolderBucket, tmp_path: Path) -> None:
    schema = Schema({"price": Field("number")})
    name = written(bucket, tmp_path / "files", schema)

    assert WORDS not in read_manifest(bucket, name).files
    engine = opened(load_snapshot(bucket, name, tmp_path / "cache"))
    with pytest.raises(UnsupportedQueryError, match="No field"):
        found(engine, "red")


def test_without_the_library_nothing_is_written_and_nothing_searched(
    bucket: FolderBucket, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "tantivy", None)
        assert "no words layer" in opened(snapshot).describe().words.reason
        with pytest.raises(UnsupportedQueryError, match="Words"):
            found(opened(snapshot), "red")
        again = replace(snapshot, id="again", reported=build_snapshot("e", SCHEMA, snapshot.table, {}).reported)
        (tmp_path / "again").mkdir()
        write_snapshot(bucket, again, tmp_path / "again", lambda stage, *_: told.append(stage))

        assert not wants_words(load_snapshot(bucket, "again", tmp_path / "third").words)

    assert wants_words(load_snapshot(bucket, "again", tmp_path / "third").words)
    assert any("tantivy is not installed" in stage for stage in told)
    assert WORDS not in read_manifest(bucket, "again").files
    with pytest.raises(UnsupportedQueryError, match="rebuild"):
        found(opened(load_snapshot(bucket, "again", tmp_path / "other")), "red")


PROGRAM = """
import json, sys
from pathlib import Path
from integration.test_word_index import found, load_snapshot, opened, FolderBucket
print(json.dumps(found(opened(load_snapshot(FolderBucket(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]))), "red")))
"""


def test_processes_share_a_cache(snapshot: Snapshot, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "bucket"), snapshot.id, str(tmp_path / "shared")]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    answers = [json.loads(one.communicate(timeout=60)[0]) for one in running]

    assert answers == [found(opened(snapshot), "red")] * 3
    assert list((tmp_path / "shared" / "words").iterdir()) == []
