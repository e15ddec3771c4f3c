"""Encoders of texts by the command line: added, shown, exported, fitted to a catalogue of words, stored smaller."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from text_models import THINGS, TextModel, joint_folder, text_folder
from tonari.contract.encoder import CONFIG, PartedEncoder
from tonari.encoders.joint import JointEncoder
from tonari.encoders.store import fetch_bundle, load_encoder
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket
from tonari_tools.cli.main import main
from tonari_tools.serve.buckets import open_bucket

SETTINGS = {
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
    "sentence_bert_config.json": {"max_seq_length": 32},
}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def catalogue(tmp_path: Path) -> Bucket:
    (tmp_path / "catalogue").mkdir(exist_ok=True)
    return open_bucket(str(tmp_path / "catalogue"), endpoint="")


@pytest.fixture
def artefacts(tmp_path: Path) -> Bucket:
    (tmp_path / "artefacts").mkdir(exist_ok=True)
    return open_bucket(str(tmp_path / "artefacts"), endpoint="")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``tonari encoder``; gives status, output and complaints."""
    monkeypatch.chdir(tmp_path)
    for name in ("catalogue", "artefacts"):
        (tmp_path / name).mkdir(exist_ok=True)
    monkeypatch.setenv("TONARI_CATALOGUE_BUCKET", str(tmp_path / "catalogue"))
    monkeypatch.setenv("TONARI_ARTEFACT_BUCKET", str(tmp_path / "artefacts"))

    def command(*arguments: str) -> tuple[int, str, str]:
        status = main(["encoder", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    return text_folder(tmp_path / "texts", TextModel(dimensions=96), settings=SETTINGS)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return joint_folder(tmp_path / "clip")


def test_an_encoder_of_texts_is_added_shown_exported_and_added_again(
    run: Command, texts: Path, artefacts: Bucket, tmp_path: Path
) -> None:
    status, said, reported = run("add", str(texts), "--query-prefix", "query : ", "--passage-prefix", "passage : ")
    assert status == 0, reported
    name = said.strip()
    assert "vocabulary  22 tokens of the tokenizer, the graph takes 22" in reported
    encoder = load_encoder(artefacts, name, tmp_path / "cache")
    assert encoder.modalities == {"text"}
    assert encoder.encode_texts(["a red boot"], "query").embeddings.shape == (1, 96)

    _, shown, _ = run("show", name[:6])
    assert "query 'query : ', passage 'passage : '" in shown
    _, listed, _ = run("list")
    assert name[:12] in listed
    assert "texts" in listed
    assert run("export", name, "out")[0] == 0
    assert {path.name for path in Path("out").iterdir()} == {"encoder.json", "text_model.onnx", "tokenizer.json"}
    assert run("add", "out")[1].strip() == name
    status, _, complaint = run("add", "out", "--pooling", "mean")
    assert status == 1
    assert "encoder.json says all" in complaint


def test_a_joint_encoder_is_added(run: Command, clip: Path, artefacts: Bucket, tmp_path: Path) -> None:
    status, said, reported = run("add", str(clip))
    assert status == 0, reported
    assert isinstance(load_encoder(artefacts, said.strip(), tmp_path / "cache"), JointEncoder)
    assert "pictures and texts" in run("list")[1]
    assert "pixel_values" in run("show", said.strip())[1]


def test_options_of_texts_have_no_place_with_pictures(run: Command, clip: Path) -> None:
    status, _, complaint = run("check", str(clip / "onnx" / "vision_model.onnx"), "--pooling", "mean")
    assert status == 1
    assert "takes no texts: --pooling has no place" in complaint
    assert run("check", str(clip / "onnx" / "vision_model.onnx"))[0] == 0


def test_guesses_are_warned_of(run: Command, tmp_path: Path) -> None:
    text_folder(tmp_path / "bare")
    status, _, complaint = run("check", "bare")
    assert status == 0
    assert "the mean of the tokens' vectors (say it with --pooling)" in complaint


def push_articles(catalogue: Bucket, count: int = 160) -> None:
    """Write articles whose topic is one of two words that the encoder does not tell from the others."""
    random = np.random.default_rng(0)
    topics = {"one": ("boot", "lamp"), "two": ("shirt", "chair"), "three": ("market", "game")}
    for number in range(count):
        topic = list(topics)[number % 3]
        words = [*random.choice(topics[topic], 2), *random.choice(THINGS, 3), *random.choice(["a", "the", "of"], 8)]
        text = " ".join(random.permutation(words))
        document = {"id": f"a{number}", "title": f"the {words[0]}", "text": f"{text}.", "topic": topic}
        catalogue.put(f"items/a{number}.json", json.dumps(document).encode())
    fields = {"topic": {"type": "string", "attribute": True}, "title": {"type": "string"}, "text": {"type": "string"}}
    catalogue.put("schema.json", json.dumps({"fields": fields}).encode())


def test_a_map_is_fitted_to_the_words_of_a_catalogue(
    run: Command, texts: Path, catalogue: Bucket, artefacts: Bucket, tmp_path: Path
) -> None:
    push_articles(catalogue)
    name = run("add", str(texts))[1].strip()
    status, said, complaint = run("fit", "--encoder", name, "--dims", "64", "--use")
    assert status == 0, complaint
    assert "160 views of 160 items: 160 encoded" in said
    fitted = read_head(artefacts).head.next_encoder
    assert fitted
    about = fetch_bundle(artefacts, fitted).about
    assert isinstance(about, PartedEncoder)
    assert about.text
    assert (about.dimensions, about.text.pooling, about.name) == (64, "none", "texts-fit")
    encoder = load_encoder(artefacts, fitted, tmp_path / "cache")
    rows = encoder.encode_texts(["the boot", "a lamp", "the market"], "passage").embeddings
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    again = run("fit", "--encoder", fitted, "--dims", "64")[1]
    assert fitted in again


def test_a_joint_encoder_is_not_fitted(run: Command, clip: Path, catalogue: Bucket) -> None:
    push_articles(catalogue, 6)
    name = run("add", str(clip))[1].strip()
    status, _, complaint = run("fit", "--encoder", name)
    assert status == 1
    assert "pictures and texts in one space" in complaint
    assert "one of texts" in complaint


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A model whose table has enough in it to be stored smaller."""
    return text_folder(tmp_path / "large", TextModel(rows=1000, dimensions=96), settings=SETTINGS)


def test_weights_of_texts_are_stored_in_int8(run: Command, large: Path, catalogue: Bucket, tmp_path: Path) -> None:
    push_articles(catalogue, 60)
    status, said, complaint = run("shrink", str(large), "out", "--texts", str(tmp_path / "catalogue"))
    assert status == 0, complaint
    assert "over 60 texts" in said
    before, after = (
        (folder / file).stat().st_size
        for folder, file in ((large, "onnx/model.onnx"), (Path("out"), "text_model.onnx"))
    )
    assert after < before / 3
    about = json.loads(Path("out", CONFIG).read_bytes())
    assert about["shrunk"]["agreement"]["text"]["mean"] > 0.995
    assert about["name"] == "large-int8"
    assert run("add", "out")[0] == 0
    status, _, complaint = run("shrink", "out", "again")
    assert status == 1
    assert "small already" in complaint


def test_both_halves_of_a_joint_encoder_are_stored_in_int8(run: Command, tmp_path: Path) -> None:
    texts = TextModel(rows=1000, output="text_embeds", pooled=True, mask=False)
    joint_folder(tmp_path / "clip", texts)
    Path("words.txt").write_text(
        "\n".join(f"a {colour} {thing}" for colour in ("red", "green", "blue") for thing in THINGS)
    )
    status, said, complaint = run("shrink", "clip", "out", "--texts", "words.txt")
    assert status == 0, complaint
    assert "over 24 texts" in said
    assert "pictures" in said
    assert run("add", "out")[0] == 0


def test_what_cannot_be_shrunk_is_refused(run: Command, large: Path) -> None:
    assert "--static" in run("shrink", str(large), "out", "--static")[2]
    Path("few.txt").write_text("one\ntwo\n")
    assert "2 texts" in run("shrink", str(large), "out", "--texts", "few.txt")[2]
    assert not Path("out").exists()
