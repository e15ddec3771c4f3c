from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pictures
from text_models import TextModel, make_tokenizer
from tonari.contract.encoder import CONFIG
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import ImageEncoder
from tonari.encoders.joint import JointEncoder
from tonari.encoders.port import Encoder
from tonari.encoders.store import open_encoder
from tonari.encoders.text import TextEncoder
from tonari.errors import InvalidEncoderError, InvalidTextError, UnsupportedImageError
from tonari.images.framing import Region
from word_bundles import CHROMA, joint_bundle, text_bundle


def started(folder: Path, bundle: Bundle) -> Encoder:
    for name, data in bundle.files.items():
        (folder / name).write_bytes(data)
    return open_encoder(bundle.about, {name: folder / name for name in bundle.files})


def test_words_find_pictures_and_pictures_words(tmp_path: Path) -> None:
    encoder = started(tmp_path, joint_bundle())
    assert isinstance(encoder, JointEncoder)
    assert (encoder.name, encoder.dimensions, encoder.modalities) == ("colours", 3, frozenset({"image", "text"}))
    words = encoder.encode_texts([*CHROMA], "query").embeddings
    for number, colour in enumerate(CHROMA):
        picture = encoder.encode(pictures.encoded(Image.new("RGB", (40, 30), colour), "PNG"))
        np.testing.assert_allclose(np.linalg.norm(picture), 1, atol=1e-6)
        assert int(np.argmax(words @ picture)) == number
        assert words[number] @ picture > 0.95


def test_a_region_of_a_picture_is_looked_at_alone(tmp_path: Path) -> None:
    encoder = started(tmp_path, joint_bundle())
    both = Image.new("RGB", (40, 40), "red")
    both.paste("blue", (20, 0, 40, 40))
    data = pictures.encoded(both, "PNG")
    red, blue = encoder.encode_texts(["red", "blue"], "query").embeddings
    left, right = (encoder.encode(data, Region(x, 0, 0.5, 1)) for x in (0, 0.5))
    np.testing.assert_array_less([left @ blue, right @ red, 0.95, 0.95], [0.5, 0.5, left @ red, right @ blue])


def test_each_half_refuses_for_itself(tmp_path: Path) -> None:
    encoder = started(tmp_path, joint_bundle())
    with pytest.raises(UnsupportedImageError):
        encoder.encode(b"no picture")
    with pytest.raises(InvalidTextError):
        encoder.encode_texts([" "], "query")


def test_what_encoder_json_says_is_opened(tmp_path: Path) -> None:
    assert isinstance(started(tmp_path, text_bundle()), TextEncoder)
    files = dict(joint_bundle().files)
    config = json.loads(files.pop(CONFIG))
    del config["text"], files["text_model.onnx"], files["tokenizer.json"]
    encoder = started(tmp_path, Bundle({**files, CONFIG: json.dumps(config).encode()}))
    assert isinstance(encoder, ImageEncoder)
    assert encoder.modalities == {"image"}


def test_two_spaces_are_refused(tmp_path: Path) -> None:
    """The text graph gives 16 dimensions, that of pictures the 3 that ``encoder.json`` promises."""
    graph = TextModel(output="sentence", pooled=True, mask=False).write(tmp_path / "other.onnx").read_bytes()
    tokenizer = make_tokenizer().to_str().encode()
    files = {**joint_bundle().files, "text_model.onnx": graph, "tokenizer.json": tokenizer}
    with pytest.raises(InvalidEncoderError, match=r"gives \(1, 16\) .* promises \(1, 3\)"):
        started(tmp_path, Bundle(files))
