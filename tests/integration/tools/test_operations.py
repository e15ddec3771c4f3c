"""The commands that look after the buckets, over folders."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from graphs import mean_colour
from integration.shop import PRODUCTS, push, put_document, put_image
from integration.tools.test_fit import PIXELS
from tonari.config import USUAL
from tonari.encoders.store import save_encoder
from tonari.errors import StoreError
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari_tools.cli.main import main
from tonari_tools.operate.probe import probe
from tonari_tools.serve.upkeep import Rebuilder


@pytest.fixture
def artefacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderBucket:
    """A shop that was rebuilt twice, in folders that the environment names."""
    monkeypatch.chdir(tmp_path)
    for name, variable in (("catalogue", "TONARI_CATALOGUE_BUCKET"), ("artefacts", "TONARI_ARTEFACT_BUCKET")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    catalogue, bucket = FolderBucket(tmp_path / "catalogue"), FolderBucket(tmp_path / "artefacts")
    push(catalogue)
    model = mean_colour(tmp_path / "pixels.onnx").read_bytes()
    use_encoder(bucket, save_encoder(bucket, model, json.dumps(PIXELS).encode()))
    rebuilder = Rebuilder(catalogue, bucket, tmp_path / "cache", USUAL, print)
    for number in range(2):
        rebuilder.rebuild(lambda *_: None)
        put_image(catalogue, f"new{number}", PRODUCTS[number].picture())
    put_document(catalogue, "red-ball", {"price": 3})
    rebuilder.rebuild(lambda *_: None)
    return bucket


def run(capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(line)
    written = capsys.readouterr()
    return code, written.out, written.err


def answer(capsys: pytest.CaptureFixture[str], *line: str) -> Any:
    code, out, err = run(capsys, *line)
    assert code == 0, err
    return json.loads(out)


def test_rollback_goes_back_and_forward(artefacts: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    head = read_head(artefacts).head
    assert head.previous
    code, out, err = run(capsys, "rollback", "--yes")
    assert code == 0
    assert f"Make snapshot {head.previous.snapshot} live in place of {head.snapshot}" in err
    assert f"Snapshot {head.previous.snapshot} is live, generation" in out
    assert read_head(artefacts).head.snapshot == head.previous.snapshot
    said = answer(capsys, "rollback", "--yes", "--json")
    assert (said["outcome"], said["snapshot"], said["changed"]) == ("published", head.snapshot, 0)


@pytest.mark.usefixtures("artefacts")
def test_nothing_is_done_before_it_is_agreed_to(
    artefacts: Bucket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    before = read_head(artefacts)
    lines = (["rollback"], ["publish", "20200101T000000-00000000"], ["gc", "--grace", "0"])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for line in lines:
        code, _, err = run(capsys, *line)
        assert code == 2
        assert "Add --yes" in err
    monkeypatch.setattr("sys.stdin", Terminal("n\n" * 3))
    for line in lines:
        code, _, err = run(capsys, *line)
        assert code == 130
        assert "Do it?" in err
    assert read_head(artefacts) == before


def test_publish_takes_any_snapshot_that_is_there(artefacts: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    head = read_head(artefacts).head
    assert head.previous
    there = {found.key.split("/")[1] for found in artefacts.list("snapshots/")}
    (first,) = there - {head.snapshot, head.previous.snapshot}
    assert answer(capsys, "publish", first, "--yes", "--json")["changed"] == 3
    assert read_head(artefacts).head.snapshot == first
    code, out, _ = run(capsys, "publish", first, "--yes")
    assert (code, "is live already" in out) == (0, True)
    code, _, err = run(capsys, "publish", "20200101T000000-00000000", "--yes")
    assert code == 1
    assert "is not in" in err


def test_gc_marks_first_and_then_deletes(artefacts: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "gc", "--grace", "0", "--yes")
    assert code == 0
    assert "to mark now" in out
    assert "0 objects deleted, 1 marked, 1 in grace." in out
    said = answer(capsys, "gc", "--grace", "0", "--yes", "--json")
    assert said["deleted"] >= 6
    assert len({found.key.split("/")[1] for found in artefacts.list("snapshots/")}) == 2
    assert answer(capsys, "gc", "--json") == {"deleted": 0, "condemned": 0, "waiting": 0}


def test_verify_finds_what_is_damaged(artefacts: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "verify")
    assert code == 0
    assert out.count("whole") == len(out.splitlines()) - 1 >= 6
    key = f"snapshots/{read_head(artefacts).head.snapshot}/vectors.pack"
    data = bytearray(artefacts.get(key).data)
    data[len(data) // 2] ^= 1
    artefacts.put(key, bytes(data))
    code, out, err = run(capsys, "verify", "--json")
    assert code == 1
    assert "tonari rebuild" in err
    said = json.loads(out)
    assert [one["role"] for one in said["checked"] if one["problem"]] == ["live"]
    artefacts.put("head.json", b"{}")
    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert "head.json" in out


def test_a_store_is_probed(artefacts: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    before = [found.key for found in artefacts.list("")]
    code, out, err = run(capsys, "probe-store")
    assert (code, err) == (0, "")
    assert out.count("yes") == 9
    assert [found.key for found in artefacts.list("")] == before


def test_a_store_without_conditions_is_found_out(artefacts: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FolderBucket, "replace", lambda self, key, data, _: self.put(key, data))
    monkeypatch.setattr(FolderBucket, "create", FolderBucket.put)
    found = {one.need: one.problem for one in probe(artefacts)}
    assert found.pop("one of many replaces an object").startswith("16 of 16 writers at once won an If-Match write")
    assert found.pop("one of many creates an object").startswith("16 of 16")
    assert not any(found.values())


def test_a_store_that_fails_is_told(artefacts: FolderBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise StoreError("It does not say its time.")

    monkeypatch.setattr(FolderBucket, "now", fail)
    found = {one.need: one.problem for one in probe(artefacts)}
    assert {need for need, problem in found.items() if problem} == {"the store tells its own time"}
