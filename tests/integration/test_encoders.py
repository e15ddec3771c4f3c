"""Encoders in the bucket, by the command line: list, show, use, export; and a rebuild that switches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aws.services import Endpoint
from integration.events import Caller
from integration.shop import PRODUCTS
from models import Model
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.encoders.store import list_encoders
from tonari.errors import ConflictError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket
from tonari_tools.cli.main import main
from tonari_tools.models.check import examine
from tonari_tools.onnx.default import BuiltEncoder


@pytest.fixture
def tonari(
    on_seaweed: Endpoint,
    artefacts: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Run ``tonari encoder`` over the bucket, from a folder without a demo; gives status, output and errors."""
    assert on_seaweed
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TONARI_ARTEFACT_BUCKET", artefacts.name)

    def run(*line: object) -> tuple[int, str, str]:
        status = main(["encoder", *map(str, line)])
        written = capsys.readouterr()
        return status, written.out, written.err

    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A float model that sees the mean colour, with settings of its own."""
    (tmp_path / "mine").mkdir()
    processor = {"size": {"height": 8, "width": 8}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "mine" / "preprocessor_config.json").write_text(json.dumps(processor))
    return Model().write(tmp_path / "mine" / "model.onnx")


def test_an_empty_bucket_says_what_to_do(tonari: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = tonari("list")
    assert status == 0
    assert "has no encoder yet: tonari init" in out


def test_a_model_is_added_once_and_never_changed(
    tonari: Callable[..., tuple[int, str, str]], artefacts: Bucket, model: Path
) -> None:
    status, out, err = tonari("add", model)
    name = examine(model).id
    assert (status, out) == (0, f"{name}\n")
    assert "values   0 to 1, mean 0.5 0.5 0.5, deviation 0.5 0.5 0.5 (preprocessor_config.json)" in err
    assert artefacts.get(f"encoders/{name}/model.onnx").data == model.read_bytes()
    assert tonari("add", model)[:2] == (0, out)
    artefacts.put(f"encoders/{name}/encoder.json", b"{}")
    with pytest.raises(ConflictError):
        artefacts.create(f"encoders/{name}/encoder.json", examine(model).config)
    assert tonari("add", model)[0] == 1
    assert tonari("show", name[:6])[0] == 1


def test_a_bad_model_is_not_uploaded(
    tonari: Callable[..., tuple[int, str, str]], artefacts: Bucket, tmp_path: Path
) -> None:
    bad = Model(answered=("b", "d"), shape=(2, 3, 8, 8)).write(tmp_path / "bad.onnx")
    status, out, err = tonari("add", bad)
    assert (status, out) == (1, "")
    assert "takes 2 pictures at once" in err
    assert list(artefacts.list("encoders/")) == []


def test_list_show_and_export(
    tonari: Callable[..., tuple[int, str, str]], encoder: str, model: Path, tmp_path: Path
) -> None:
    other = tonari("add", model)[1].strip()
    rows = {line.split()[0]: line.split() for line in tonari("list")[1].splitlines()[1:]}
    assert rows[encoder[:12]] == [encoder[:12], "next", "efficientnet-lite0-colour", "pictures", "1472", "3.7", "MB"]
    assert rows[other[:12]][1:4] == ["mine", "pictures", "5"]
    status, shown, _ = tonari("show", other[:5])
    assert status == 0
    assert shown.startswith(f"encoder  {other}\nstate    not in use\n")
    found = json.loads(shown[shown.index("{") :])
    assert found["found"]["framing"] == "preprocessor_config.json"
    status, out, _ = tonari("export", other, tmp_path / "out")
    assert status == 0
    assert out.count("bytes") == 2
    assert tonari("add", tmp_path / "out")[1].strip() == other


def test_ids_that_name_none_or_many(tonari: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    first = tonari("add", Model().write(tmp_path / "0.onnx"))[1].strip()
    names = [first]
    while names[-1][0] != first[0] or len(names) == 1:
        names.append(tonari("add", Model().write(tmp_path / f"{len(names)}.onnx"))[1].strip())
    for given, says in (
        (first[0], f"begins 2 ids ({', '.join(sorted((first, names[-1])))}): give more of it"),
        (first[:-1] + ("0" if first[-1] != "0" else "1"), "see tonari encoder list"),
        ("Encoder!", "is no id of an encoder"),
        (first + "0", "is no id of an encoder"),
    ):
        for line in (("show", given), ("use", given), ("export", given, tmp_path / "out")):
            status, out, err = tonari(*line)
            assert (status, out) == (1, "")
            assert says in err


def test_a_rebuild_switches_whole(
    tonari: Callable[..., tuple[int, str, str]],
    published: Rebuilt,
    shop: str,
    context: RebuildContext,
    model: Path,
    query: Caller,
) -> None:
    other = tonari("add", model)[1].strip()
    assert "the next rebuild switches to it" in tonari("use", other[:8])[1]
    states = {one.id: line.split()[1] for one in list_encoders(context.artefacts) for line in [_line(tonari, one.id)]}
    assert states == {shop: "live", other: "next"}
    before = query.get("/v1/health").body
    assert (before["encoder"]["id"], before["snapshot"]) == (shop, published.snapshot)
    done = rebuild(context)
    assert (done.outcome, done.encoded, done.reused) == ("published", 12, 0)
    head = read_head(context.artefacts).head
    assert (head.encoder, head.next_encoder) == (other, None)
    assert _line(tonari, other).split()[1] == "live"
    answer = query.picture("/v1/search", PRODUCTS[0].picture(), k="1").body
    assert (answer["encoder"], answer["items"][0]["id"]) == (other, PRODUCTS[0].id)
    assert answer["items"][0]["score"] == pytest.approx(1, abs=1e-3)
    loaded = context.load(other)
    wanted = loaded.embed([loaded.read(PRODUCTS[0].picture())])[0]
    assert query.found({"vector": wanted.tolist(), "k": 1}) == [PRODUCTS[0].id]


def _line(tonari: Callable[..., tuple[int, str, str]], name: str) -> str:
    (line,) = [line for line in tonari("list")[1].splitlines() if line.startswith(name[:12])]
    return line


def test_the_built_in_encoder_passes_its_own_check(
    tonari: Callable[..., tuple[int, str, str]], built: BuiltEncoder, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(built.model)
    (tmp_path / "encoder.json").write_bytes(built.config)
    status, out, _ = tonari("check", tmp_path)
    assert status == 0
    assert "1472 dimensions (encoder.json)" in out
