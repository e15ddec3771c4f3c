"""Pooled in the graph or after it, a text has the same direction; a fitted map follows the pooling."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from text_models import TextModel, text_folder
from tonari.contract.encoder import CONFIG, PartedEncoder
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import open_encoder
from tonari.errors import InvalidEncoderError
from tonari_tools.fit.fitted_encoder import Taught, append_head, backbone_of, derive_texts
from tonari_tools.fit.lda import Projection
from tonari_tools.fit.metric_learning import learn
from tonari_tools.fit.text_pooling import pool_in_graph
from tonari_tools.models.texts.examine_texts import examine_words
from tonari_tools.models.texts.graphs import on_disk
from tonari_tools.models.texts.text_overrides import Pooling, TextOverrides
from unit.tools.fit.worlds import held_out, world

TEXTS = ("a red boot", "the green lamp of the team", "news", "blue market : game in the shirt of a team")
DIMENSIONS = 24


def encode(bundle: Bundle) -> NDArray[np.float32]:
    with on_disk(bundle.files) as paths:
        return open_encoder(bundle.about, paths).encode_texts(TEXTS, "passage").embeddings


def make(folder: Path, pooling: Pooling, *, mask: bool = True, length: int | None = None) -> Bundle:
    """Make an encoder whose first and last tokens tell texts apart, as nothing in a toy does."""
    model = TextModel(mask=mask, length=length, dimensions=DIMENSIONS)
    bundle = examine_words(text_folder(folder, model), TextOverrides(pooling="mean", max_tokens=length or 32)).bundle
    about = json.loads(bundle.config)
    about["text"]["pooling"] = pooling
    return Bundle({**bundle.files, CONFIG: json.dumps(about).encode()})


def pooled(bundle: Bundle) -> Bundle:
    about = bundle.about
    assert isinstance(about, PartedEncoder)
    assert about.text
    graph, output, mask = pool_in_graph(bundle.files["text_model.onnx"], about.text, about.dimensions)
    said = json.loads(bundle.config)
    said["text"] |= {"output": {"name": output}, "pooling": "none"}
    said["text"]["inputs"]["mask"] = mask
    return Bundle({**bundle.files, "text_model.onnx": graph, CONFIG: json.dumps(said).encode()})


@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
@pytest.mark.parametrize(("mask", "length"), [(True, None), (False, None), (True, 16), (False, 16)])
def test_the_graph_pools_as_the_encoder_does(
    tmp_path: Path, pooling: Pooling, length: int | None, *, mask: bool
) -> None:
    bundle = make(tmp_path, pooling, mask=mask, length=length)
    np.testing.assert_allclose(encode(pooled(bundle)), encode(bundle), atol=1e-6)


def test_what_pools_itself_stays(tmp_path: Path) -> None:
    model = TextModel(output="sentence_embedding", pooled=True)
    bundle = examine_words(text_folder(tmp_path, model)).bundle
    about = bundle.about
    assert isinstance(about, PartedEncoder)
    assert about.text
    graph = bundle.files["text_model.onnx"]
    assert pool_in_graph(graph, about.text, about.dimensions) == (graph, "sentence_embedding", "attention_mask")


def test_a_fitted_map_follows_the_pooling(tmp_path: Path) -> None:
    bundle = make(tmp_path, "mean", mask=False, length=16)
    sample = world(features=DIMENSIONS)
    learned = learn(sample, held_out(sample), (8,), 0)
    fitted = derive_texts(bundle, learned, Taught(bundle.id, 1, 1, 1, 0, "", {}, 0))
    about = fitted.about
    assert isinstance(about, PartedEncoder)
    assert about.text
    assert (about.dimensions, about.text.pooling, about.name) == (8, "none", f"{bundle.about.name}-fit")
    assert backbone_of(fitted.config) == bundle.id
    np.testing.assert_allclose(encode(fitted), learned.projection.apply(encode(bundle)), atol=2e-3)
    assert derive_texts(bundle, learned, Taught(bundle.id, 1, 1, 1, 0, "", {}, 0)).id == fitted.id


def test_an_encoder_of_pictures_is_not_taken(tmp_path: Path) -> None:
    bundle = make(tmp_path, "mean")
    about = json.loads(bundle.config)
    del about["text"]["inputs"]
    with pytest.raises(InvalidEncoderError):
        Bundle({**bundle.files, CONFIG: json.dumps(about).encode()})
    projection = Projection(np.eye(DIMENSIONS, 4, dtype=np.float16), np.zeros(4, np.float32))
    with pytest.raises(InvalidEncoderError, match="no output"):
        append_head(bundle.files["text_model.onnx"], "elsewhere", projection)
