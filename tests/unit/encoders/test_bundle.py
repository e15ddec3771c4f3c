from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs import MEAN_COLOUR, mean_colour
from tonari.contract.encoder import CONFIG, MODEL, PartedEncoder, files_of
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import encoder_id
from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.default import BuiltEncoder
from word_bundles import joint_bundle, text_bundle

TEXT = json.loads(text_bundle().config)
JOINT = json.loads(joint_bundle().config)


def said(change: Callable[[Any], object], raw: Any = JOINT) -> bytes:
    """Change ``encoder.json``."""
    changed = json.loads(json.dumps(raw))
    change(changed)
    return json.dumps(changed).encode()


def test_encoders_of_pictures_keep_their_id(tmp_path: Path, built: BuiltEncoder) -> None:
    model, config = mean_colour(tmp_path / "model.onnx").read_bytes(), json.dumps(MEAN_COLOUR).encode()
    both = hashlib.sha256(hashlib.sha256(model).digest() + hashlib.sha256(config).digest()).hexdigest()
    assert Bundle.of_pictures(model, config).id == encoder_id(model, config) == both
    assert Bundle.of_pictures(built.model, built.config).id == encoder_id(built.model, built.config)


def test_an_id_names_every_file_by_name() -> None:
    bundle = text_bundle()
    lines = sorted(f"{name}\n{hashlib.sha256(data).hexdigest()}\n" for name, data in bundle.files.items())
    assert bundle.id == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert bundle.id == Bundle(dict(reversed([*bundle.files.items()]))).id
    for name in bundle.files:
        data = bundle.files[name] + b" "
        assert Bundle({**bundle.files, name: data}).id != bundle.id
    swapped = {**bundle.files, "tokenizer.json": bundle.files["text_model.onnx"]}
    swapped["text_model.onnx"] = bundle.files["tokenizer.json"]
    assert Bundle(swapped).id != bundle.id


def test_a_bundle_says_what_it_is() -> None:
    about = joint_bundle().about
    assert isinstance(about, PartedEncoder)
    assert files_of(about) == ("vision_model.onnx", "text_model.onnx", "tokenizer.json")
    assert (about.name, about.dimensions) == ("colours", 3)
    assert about.text is not None
    assert (about.text.max_tokens, about.text.pad_to, about.text.lower) == (64, None, False)


def test_a_bundle_never_changes() -> None:
    files = dict(text_bundle().files)
    bundle = Bundle(files)
    name = bundle.id
    files[CONFIG] = b"{}"
    assert bundle.id == name
    with pytest.raises(TypeError):
        bundle.files["more"] = b""  # type: ignore[index]


def test_no_file_is_missing_and_none_too_many() -> None:
    files = joint_bundle().files
    for name in files:
        with pytest.raises(InvalidEncoderError, match=f"{name}.* missing"):
            Bundle({one: data for one, data in files.items() if one != name})
    with pytest.raises(InvalidEncoderError, match=r"'notes\.json' is not named in encoder\.json"):
        Bundle({**files, "notes.json": b"{}"})
    with pytest.raises(InvalidEncoderError, match=r"'model\.onnx' is not named"):
        Bundle({**files, MODEL: b""})


BAD_NAMES = (
    "../text_model.onnx", "a/b.onnx", "a\\b.onnx", "/etc/passwd", "..", ".onnx", ".hidden.onnx", "", "model.bin",
    "model.onnx\n",
    "mod\x00el.onnx", "mod\u202eel.onnx", "隣.onnx", "m odel.onnx", "encoder.json", f"{'m' * 70}.onnx", "model.ONNX",
    "C:model.onnx",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(("part", "file"), [("text", "graph"), ("text", "tokenizer"), ("image", "graph")])
def test_a_name_that_is_no_plain_name_is_refused(part: str, file: str, name: str) -> None:
    config = said(lambda raw: raw[part].update({file: name}))
    with pytest.raises(InvalidEncoderError, match=r"encoder\.json names a file .*: names have letters") as caught:
        Bundle({**joint_bundle().files, CONFIG: config})
    assert caught.value.detail.isprintable()


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_a_name_that_is_taken_is_one_file_in_its_folder(name: str) -> None:
    config = said(lambda raw: raw["text"].update(graph=name), TEXT)
    files = {"tokenizer.json": b"", name: b"", CONFIG: config}
    try:
        Bundle(files)
    except InvalidEncoderError:
        return
    assert Path(name).name == name
    assert name.isascii()
    assert name.isprintable()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: [raw.pop("text"), raw.pop("image")], "neither 'image' nor 'text'"),
        (lambda raw: raw["text"].update(graph="vision_model.onnx"), "one file for two purposes"),
        (lambda raw: raw["text"].update(pad_to=32), r"up to 32 tokens \('pad_to'\) and lets them have 64"),
        (lambda raw: raw["text"].update(max_tokens=0), "not of the documented form"),
        (lambda raw: raw["text"].update(max_tokens=100_000), "not of the documented form"),
        (lambda raw: raw["text"].update(max_tokens=True), "not of the documented form"),
        (lambda raw: raw["text"].update(pooling="max"), "not of the documented form"),
        (lambda raw: raw["text"].pop("tokenizer"), "not of the documented form"),
        (lambda raw: raw["text"].pop("inputs"), "not of the documented form"),
        (lambda raw: raw["text"]["inputs"].pop("ids"), "not of the documented form"),
        (lambda raw: raw["text"].update(prefixes="query: "), "not of the documented form"),
        (lambda raw: raw["image"]["preprocessing"].update(version=3), "preprocessing 3 of its pictures"),
        (lambda raw: raw["image"].pop("input"), "not of the documented form"),
        (lambda raw: raw.update(dimensions=0), "dimensions 0"),
        (lambda raw: raw.update(metric="l2"), "metric cosine"),
        (lambda raw: raw.update(format=4), r"has format 4 .* format 3"),
        (lambda raw: raw.update(text=[]), "not of the documented form"),
    ],
)
def test_another_form_is_refused(change: Callable[[Any], object], says: str) -> None:
    with pytest.raises(InvalidEncoderError, match=says):
        Bundle({**joint_bundle().files, CONFIG: said(change)})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format": 3}'])
def test_a_damaged_encoder_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoderError):
        Bundle({**joint_bundle().files, CONFIG: data})
