"""A joint encoder that was learned from some of the drawn shop finds the rest of it by words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from joint_pair import bundle_of, learn
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.encoders.joint import JointEncoder
from tonari.encoders.store import open_encoder
from tonari.errors import CorruptArtefactError, InvalidTextError
from tonari.snapshots.canaries import check_encoder, encode_picture
from tonari_shop.assortment import Article, assortment
from tonari_shop.studio import photograph
from tonari_tools.onnx.default import read_default

LEAST_PRECISION = 0.9


def described(article: Article) -> str:
    """Describe an article in two words."""
    return f"{article.fields['color']} {article.fields['category']}"


@dataclass(frozen=True)
class Learned:
    """The shop in two halves: from one the pair was learned, pictures of the other are to be found."""

    bundle: Bundle
    encoder: JointEncoder
    others: tuple[Article, ...]
    pictures: tuple[bytes, ...]
    embeddings: NDArray[np.float32]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learned]:
    folder = tmp_path_factory.mktemp("pair")
    built = read_default()
    (folder / "model.onnx").write_bytes(built.model)
    default = ImageEncoder(EncoderConfig.parse(built.config), folder / "model.onnx")
    articles = list(assortment())
    pictures = [photograph(one.product, *next(iter(one.views.values()))) for one in articles]
    for_learning = np.random.default_rng(0).random(len(articles)) < 0.6
    taught = np.array([default.encode(pictures[at]) for at in np.flatnonzero(for_learning)])
    texts = [described(articles[at]) for at in np.flatnonzero(for_learning)]
    bundle = bundle_of(learn(taught, texts), built.model, built.config)
    encoder = opened(bundle, folder)
    left = np.flatnonzero(~for_learning).tolist()
    others = tuple(articles[at] for at in left)
    shown = tuple(pictures[at] for at in left)
    return Learned(bundle, encoder, others, shown, np.array([encoder.encode(one) for one in shown]))


def opened(bundle: Bundle, folder: Path) -> JointEncoder:
    for name, data in bundle.files.items():
        (folder / name).write_bytes(data)
    encoder = open_encoder(bundle.about, {name: folder / name for name in bundle.files})
    assert isinstance(encoder, JointEncoder)
    return encoder


def test_words_find_pictures_that_were_not_learned_from(learned: Learned) -> None:
    descriptions = np.array([described(one) for one in learned.others])
    asked = sorted({*descriptions})
    queries = learned.encoder.encode_texts(asked, "query").embeddings
    precisions = []
    for text, query in zip(asked, queries, strict=True):
        right = descriptions == text
        nearest = np.argsort(-(learned.embeddings @ query))[: np.count_nonzero(right)]
        precisions.append(np.mean(right[nearest]))
    assert len(asked) > 20
    assert np.mean(precisions) >= LEAST_PRECISION


def test_red_boot_finds_red_boots(learned: Learned) -> None:
    query = learned.encoder.encode_texts(["a red boot, please"], "query").embeddings[0]
    best = learned.others[int(np.argmax(learned.embeddings @ query))]
    assert described(best) in {described(one) for one in learned.others if one.fields["category"] == "boot"}


def test_pictures_find_words(learned: Learned) -> None:
    descriptions = sorted({described(one) for one in learned.others})
    words = learned.encoder.encode_texts(descriptions, "passage").embeddings
    found = [descriptions[int(np.argmax(words @ one))] for one in learned.embeddings]
    right = [one == described(article) for one, article in zip(found, learned.others, strict=True)]
    assert np.mean(right) >= LEAST_PRECISION


def test_a_picture_and_words_together_ask_for_both(learned: Learned) -> None:
    dress = next(at for at, one in enumerate(learned.others) if one.fields["category"] == "dress")
    blue = learned.encoder.encode_texts(["blue"], "query").embeddings[0]
    query = learned.embeddings[dress] + 2 * blue
    wanted = [one.fields for one in learned.others]
    ranked = np.argsort(-(learned.embeddings @ query))[:3]
    assert any(wanted[at]["color"] == "blue" for at in ranked.tolist())


def test_who_knows_no_word_of_the_canary_text_is_known_by_the_picture(learned: Learned) -> None:
    with pytest.raises(InvalidTextError):
        learned.encoder.encode_texts(["The bowl"], "passage")
    known = encode_picture(learned.encoder)
    check_encoder(known, learned.encoder)
    with pytest.raises(CorruptArtefactError):
        check_encoder(-known, learned.encoder)
