"""Published encoders of the usual shapes, pulled from a hub on this machine, are added by the command that is told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubs import Hub, Repository, running_hub
from text_models import joint_folder, joint_whole, make_tokenizer, text_folder
from tonari.encoders.store import load_encoder
from tonari_tools.cli.main import main
from tonari_tools.hub.known import KNOWN, find_known
from tonari_tools.serve.buckets import open_bucket

EXTRA = {"tokenizer_config.json": {"model_max_length": 77, "pad_token": "[SEP]"}, "config.json": {"model_type": "clip"}}
MEAN = {"1_Pooling/config.json": {"pooling_mode_mean_tokens": True}, **EXTRA, "config.json": {"model_type": "bert"}}
SIGLIP = {**EXTRA, "config.json": {"model_type": "siglip2"}}


def make(name: str, folder: Path) -> Path:
    """Write a repository of the shape that a known one has."""
    if name == "fashion-clip":
        joint_folder(folder, settings=EXTRA)
        for half in ("vision_model", "text_model"):
            (folder / "onnx" / f"{half}.onnx").unlink()
        (folder / "onnx" / "model.onnx").write_bytes(joint_whole().SerializeToString())
    elif name == "clip-vit-base-patch32":
        joint_folder(folder, settings=EXTRA, external=True)
    elif name == "siglip2-base":
        joint_folder(folder, settings=SIGLIP, stored="_quantized")
    elif name == "marqo-fashion-siglip":
        joint_folder(folder, settings=SIGLIP)
    else:
        tokenizer = make_tokenizer()
        if name == "bge-m3":  # a toy's first token says something only if it is a word
            tokenizer.post_processor = None
        text_folder(folder, tokenizer=tokenizer, settings=MEAN)
    if name == "bge-m3":
        (folder / "onnx" / "model.onnx").rename(folder / "onnx" / "model_quantized.onnx")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artefacts").mkdir()
    monkeypatch.setenv("TONARI_ARTEFACT_BUCKET", str(tmp_path / "artefacts"))
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.mark.parametrize("name", [one.name for one in KNOWN])
def test_what_is_pulled_is_added_by_the_command_that_is_told(
    hub: Hub, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, known = make(name, tmp_path / "source"), find_known(name)
    files = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    hub.repositories[known.repository] = Repository(files, licence=known.licence.lower())
    assert main(["encoder", "pull", name, "pulled", "--accept-licence"]) == 0
    said = capsys.readouterr().out
    command = shlex.split(said.splitlines()[-1].removeprefix("next: "))
    assert command[:4] == ["tonari", "encoder", "add", "pulled"]
    assert main(command[1:]) == 0
    added = capsys.readouterr().out.strip()
    encoder = load_encoder(open_bucket(str(tmp_path / "artefacts"), endpoint=""), added, tmp_path / "cache")
    assert encoder.modalities == ({"image", "text"} if known.kind == "joint" else {"text"})
    assert encoder.encode_texts(["a red boot"], "query").embeddings.shape == (1, 16)
