"""``tonari engine …`` over folders and a database in memory."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphs import mean_colour
from integration.shop import PRODUCTS, push, put_document
from integration.tools.test_fit import PIXELS
from integration.tools.test_operations import answer, run
from memory_database import Contents, Fault, MemoryDatabase
from tonari.config import ANY_FALL, EngineSettings
from tonari.contract.database import LIVE, Tombstone, collection_name
from tonari.encoders.store import save_encoder
from tonari.engines import opening
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.folder import FolderBucket
from tonari_tools.serve.running import Running, announced, reserved
from tonari_tools.serve.upkeep import Rebuilder

AT = ("--engine", "memory", "--url", "memory://")


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> Contents:
    """What the database that ``--engine memory`` names keeps."""
    kept = Contents()

    def connect(settings: EngineSettings, _: dict[str, str]) -> MemoryDatabase | None:
        return MemoryDatabase(kept) if settings.kind == "memory" else None

    monkeypatch.setattr(opening, "connect", connect)
    return kept


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FolderBucket, FolderBucket]:
    """The drawn shop, live in folders that the environment names, and not loaded."""
    monkeypatch.chdir(tmp_path)
    for name, variable in (("catalogue", "TONARI_CATALOGUE_BUCKET"), ("artefacts", "TONARI_ARTEFACT_BUCKET")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    catalogue, artefacts = FolderBucket(tmp_path / "catalogue"), FolderBucket(tmp_path / "artefacts")
    push(catalogue)
    model = mean_colour(tmp_path / "pixels.onnx").read_bytes()
    use_encoder(artefacts, save_encoder(artefacts, model, json.dumps(PIXELS).encode()))
    Rebuilder(catalogue, artefacts, tmp_path / "cache", ANY_FALL, print).rebuild(lambda *_: None)
    return catalogue, artefacts


def test_what_is_live_is_loaded_and_checked(
    shop: tuple[FolderBucket, FolderBucket], contents: Contents, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "engine", "check", *AT)
    assert code == 1
    assert "run tonari engine load" in err
    assert "nothing" in out
    loaded = answer(capsys, "engine", "load", *AT, "--json")
    live = read_head(shop[1]).head
    assert (loaded["snapshot"], loaded["items"], loaded["complete"]) == (live.snapshot, 12, True)
    checked = answer(capsys, "engine", "check", *AT, "--json")
    assert checked["problem"] == ""
    assert checked["alias"] == checked["live"] == collection_name(live.snapshot or "")
    assert [(one["role"], one["loaded"], one["behind"]) for one in checked["collections"]] == [("live", 12, 0)]
    contents.aliases.clear()
    code, _, err = run(capsys, "engine", "check", *AT)
    assert code == 1
    assert "The alias names None" in err


def test_a_demo_goes_with_its_engine(
    shop: tuple[FolderBucket, FolderBucket],
    contents: Contents,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is rebuilt for it is loaded as well: it would have to answer 503 otherwise."""
    for variable in ("TONARI_CATALOGUE_BUCKET", "TONARI_ARTEFACT_BUCKET"):
        monkeypatch.delenv(variable)
    state = tmp_path / ".tonari"
    state.mkdir()
    places = [str(tmp_path / name) for name in ("catalogue", "artefacts")]
    demo = Running("http://127.0.0.1:1", *places, 1, engine=EngineSettings("memory", "memory://"))
    with reserved(state), announced(state, demo):
        assert answer(capsys, "engine", "load", "--json")["complete"]
        put_document(shop[0], PRODUCTS[0].id, {"price": 5})
        assert run(capsys, "rebuild")[0] == 0
        checked = answer(capsys, "engine", "check", "--json")
        assert (checked["problem"], checked["alias"]) == ("", checked["live"])
        assert len(contents.collections) == 2
    code, _, err = run(capsys, "engine", "check", "--artefacts", places[1])
    assert (code, "Name another one" in err) == (1, True)


@pytest.mark.usefixtures("shop")
def test_drift_is_told_and_mended(contents: Contents, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "engine", "load", *AT)
    (name,) = contents.collections
    held = contents.collections[name]
    records = {**held.records, "stranger": replace(held.records[PRODUCTS[0].id], id="stranger")}
    del records[PRODUCTS[1].id]
    contents.collections[name] = replace(held, records=records)
    code, out, err = run(capsys, "engine", "drift", *AT)
    assert code == 1
    assert "2 items differ" in err
    assert PRODUCTS[1].id in out
    assert run(capsys, "engine", "drift", *AT, "--repair")[0] == 0
    assert isinstance(contents.collections[name].records["stranger"], Tombstone)
    found: Any = answer(capsys, "engine", "drift", *AT, "--json")
    assert (found["items"], found["missing"], found["astray"], found["outdated"]) == (12, [], [], [])


def test_only_what_is_old_is_dropped(
    shop: tuple[FolderBucket, FolderBucket],
    contents: Contents,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TONARI_ENGINE", "memory")
    monkeypatch.setenv("TONARI_ENGINE_URL", "memory://")
    for price in (5, 6, 7):
        put_document(shop[0], PRODUCTS[0].id, {"price": price})
        assert run(capsys, "rebuild", "--accept")[0] == 0
    head = read_head(shop[1]).head
    live, before = (
        collection_name(head.snapshot or ""),
        collection_name(head.previous.snapshot if head.previous else ""),
    )
    assert len(contents.collections) == 3
    code, _, err = run(capsys, "engine", "drop", live, "--yes")
    assert code == 1
    assert "live snapshot" in err
    assert run(capsys, "engine", "drop", "--all-old")[0] == 2
    assert run(capsys, "engine", "drop")[0] == 2
    assert run(capsys, "engine", "drop", "nobody", "--yes")[0] == 2
    code, out, _ = run(capsys, "engine", "drop", "--all-old", "--yes")
    assert code == 0
    assert out.count("was dropped") == 1
    assert set(contents.collections) == {live, before}
    assert "nothing to drop" in run(capsys, "engine", "drop", "--all-old", "--yes")[1]
    assert run(capsys, "rollback", "--yes")[0] == 0
    assert contents.aliases[LIVE] == before
    assert run(capsys, "engine", "drop", live, "--yes")[0] == 0


@pytest.mark.usefixtures("shop")
def test_an_engine_must_be_named_and_answer(
    contents: Contents, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run(capsys, "engine", "check")
    assert code == 1
    assert "The built-in engine needs no looking after" in err
    silent = MemoryDatabase(contents, lambda *_: Fault("refused"))
    monkeypatch.setattr(opening, "connect", functools.partial(lambda *_: silent))
    code, _, err = run(capsys, "engine", "check", *AT)
    assert code == 1
    assert "fails" in err
    assert "engine" in run(capsys, "engine")[1]
