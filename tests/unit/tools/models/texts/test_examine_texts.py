"""Text and joint models in the layouts of repositories become encoders that run; what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from text_models import (
    SPECIAL,
    WORDS,
    TextModel,
    joint_folder,
    joint_whole,
    picture_part,
    text_folder,
)
from tonari.contract.encoder import PartedEncoder, TextPart
from tonari.encoders.port import Encoder
from tonari.encoders.store import open_encoder
from tonari.encoders.tokens import Tokenizer
from tonari.errors import InvalidEncoderError
from tonari_shop.assortment import assortment
from tonari_shop.studio import photograph
from tonari_tools.models.texts.bundle_folder import read_bundle, write_bundle
from tonari_tools.models.texts.examine_texts import ExaminedWords, examine_stored, examine_words, tell_kind
from tonari_tools.models.texts.graphs import on_disk
from tonari_tools.models.texts.layout import find_layout
from tonari_tools.models.texts.text_overrides import TextOverrides
from tonari_tools.models.texts.words_report import report_words

MEAN = {"1_Pooling/config.json": {"pooling_mode_mean_tokens": True}}


def part_of(examined: ExaminedWords) -> TextPart:
    about = examined.bundle.about
    assert isinstance(about, PartedEncoder)
    assert about.text
    return about.text


def encode(examined: ExaminedWords, *texts: str) -> Any:
    with on_disk(examined.bundle.files) as paths:
        encoder: Encoder = open_encoder(examined.bundle.about, paths)
        return encoder.encode_texts(texts, "passage").embeddings


def test_a_text_model_is_told_by_its_files(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query : ", "passage": "passage : "}}
    settings = {
        **MEAN,
        "sentence_bert_config.json": {"max_seq_length": 12},
        "config_sentence_transformers.json": prompts,
    }
    examined = examine_words(text_folder(tmp_path / "small", TextModel(types=True), settings=settings))
    part = part_of(examined)
    assert (part.pooling, part.max_tokens, part.prefixes.query) == ("mean", 12, "query : ")
    assert (part.inputs.ids, part.inputs.mask, part.inputs.types) == ("input_ids", "attention_mask", "token_type_ids")
    assert examined.bundle.about.name == "small"
    assert examined.trial.cut
    assert "query 'query : ', passage 'passage : '" in report_words(examined)
    near, far = (float(row @ encode(examined, "red boot")[0]) for row in encode(examined, "the red boot", "blue lamp"))
    assert near > far


def test_what_a_graph_pools_is_the_same_as_what_is_pooled_after_it(tmp_path: Path) -> None:
    own = examine_words(text_folder(tmp_path / "own", TextModel(output="sentence_embedding", pooled=True)))
    after = examine_words(text_folder(tmp_path / "after", settings=MEAN))
    assert part_of(own).pooling == "none"
    texts = ("a red boot", "news")
    np.testing.assert_allclose(encode(own, *texts), encode(after, *texts), atol=1e-6)


@pytest.mark.parametrize("rows", [len(SPECIAL) + len(WORDS) - 1, 4000])
def test_a_tokenizer_of_another_graph_is_refused_with_both_numbers(tmp_path: Path, rows: int) -> None:
    folder = text_folder(tmp_path, TextModel(rows=rows), settings=MEAN)
    with pytest.raises(InvalidEncoderError, match=f"{len(SPECIAL) + len(WORDS)} tokens .* graph takes {rows:,}"):
        examine_words(folder)


def test_a_table_that_was_filled_up_to_a_round_size_is_the_graphs_own(tmp_path: Path) -> None:
    examined = examine_words(text_folder(tmp_path, TextModel(rows=64), settings=MEAN))
    assert (examined.vocabulary.tokenizer, examined.vocabulary.graph) == (len(SPECIAL) + len(WORDS), 64)


def test_a_damaged_or_missing_tokenizer_is_named(tmp_path: Path) -> None:
    folder = text_folder(tmp_path, settings=MEAN)
    (folder / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(InvalidEncoderError, match="cannot be read"):
        examine_words(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InvalidEncoderError, match=r"no tokenizer\.json beside it"):
        examine_words(folder)


def test_an_encoder_that_does_not_tell_texts_apart_is_refused(tmp_path: Path) -> None:
    folder = text_folder(tmp_path, settings=MEAN)
    with pytest.raises(InvalidEncoderError, match="does not tell texts apart"):
        examine_words(folder, TextOverrides(pooling="first"))


def test_a_decoder_is_refused(tmp_path: Path) -> None:
    def with_cache(model: onnx.ModelProto) -> None:
        port = onnx.helper.make_tensor_value_info("past_key_values.0.key", onnx.TensorProto.FLOAT, ["batch", 1])
        model.graph.input.append(port)

    with pytest.raises(InvalidEncoderError, match=r"past_key_values\.0\.key"):
        examine_words(text_folder(tmp_path, TextModel(change=with_cache), settings=MEAN))


@pytest.mark.parametrize("stored", ["", "_fp16", "_quantized"])
def test_a_joint_model_of_two_graphs(tmp_path: Path, stored: str) -> None:
    half = stored == "_fp16"
    texts = TextModel(output="text_embeds", pooled=True, mask=False, half=half)
    folder = joint_folder(tmp_path / "clip", texts, picture_part(half=half), stored=stored)
    examined = examine_words(folder)
    assert examined.bundle.files.keys() == {"vision_model.onnx", "text_model.onnx", "tokenizer.json", "encoder.json"}
    assert (part_of(examined).pad_to, part_of(examined).max_tokens) == (77, 77)
    assert "in one space" in report_words(examined)
    check_red_finds_red(examined)


def check_red_finds_red(examined: ExaminedWords) -> None:
    red, blue = (next(one for one in assortment() if one.fields["color"] == colour) for colour in ("red", "blue"))
    with on_disk(examined.bundle.files) as paths:
        encoder = open_encoder(examined.bundle.about, paths)
        words = encoder.encode_texts(["red", "blue"], "query").embeddings
        pictures = [encoder.encode(photograph(one.product, *next(iter(one.views.values())))) for one in (red, blue)]
    cosines = np.stack(pictures) @ words.T
    assert cosines[0, 0] > cosines[0, 1]
    assert cosines[1, 1] > cosines[1, 0]


def test_weights_in_files_of_their_own_are_put_into_the_graphs(tmp_path: Path) -> None:
    whole = examine_words(joint_folder(tmp_path / "whole"))
    parted = examine_words(joint_folder(tmp_path / "parted", external=True))
    assert (tmp_path / "parted" / "onnx" / "text_model.onnx_data").is_file()
    np.testing.assert_array_equal(encode(whole, "a red boot"), encode(parted, "a red boot"))
    (tmp_path / "parted" / "onnx" / "text_model.onnx_data").unlink()
    with pytest.raises(InvalidEncoderError, match=r"text_model\.onnx_data"):
        examine_words(tmp_path / "parted")


def test_one_graph_of_both_is_cut_in_two(tmp_path: Path) -> None:
    folder = joint_folder(tmp_path / "fashion")
    for name in ("vision_model", "text_model"):
        (folder / "onnx" / f"{name}.onnx").unlink()
    (folder / "onnx" / "model.onnx").write_bytes(joint_whole().SerializeToString())
    assert tell_kind(find_layout(folder)) == "joint"
    examined = examine_words(folder)
    ends = {
        name: {port.name for port in onnx.load_from_string(examined.bundle.files[name]).graph.input}
        for name in ("vision_model.onnx", "text_model.onnx")
    }
    assert ends == {"vision_model.onnx": {"pixel_values"}, "text_model.onnx": {"input_ids", "attention_mask"}}
    check_red_finds_red(examined)


def test_one_graph_whose_pictures_need_the_text_is_refused(tmp_path: Path) -> None:
    folder = joint_folder(tmp_path)
    for name in ("vision_model", "text_model"):
        (folder / "onnx" / f"{name}.onnx").unlink()
    (folder / "onnx" / "model.onnx").write_bytes(joint_whole(entangled=True).SerializeToString())
    with pytest.raises(InvalidEncoderError, match=r"image_embeds of this graph needs .*input_ids"):
        examine_words(folder)


def test_halves_of_other_dimensions_are_refused_with_both(tmp_path: Path) -> None:
    folder = joint_folder(tmp_path, pictures=picture_part(dimensions=12))
    with pytest.raises(InvalidEncoderError, match="gives 12 dimensions, that for texts 16"):
        examine_words(folder)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_ends_before_the_projection_are_refused_but_for_siglip(tmp_path: Path, kind: str) -> None:
    texts = TextModel(output="pooler_output", pooled=True, mask=False)
    config = {"config.json": {"model_type": kind}}
    folder = joint_folder(tmp_path / "both", texts, picture_part("pooler_output"), settings=config)
    if kind == "siglip":
        assert part_of(examine_words(folder)).pad_to == 64
    else:
        with pytest.raises(InvalidEncoderError, match="before the projection"):
            examine_words(folder)
    with pytest.raises(InvalidEncoderError, match="before the projection"):
        examine_words(joint_folder(tmp_path / "one", texts, settings=config))


def test_the_token_of_padding_comes_from_the_tokenizers_settings(tmp_path: Path) -> None:
    settings = {"tokenizer_config.json": {"pad_token": {"content": "[SEP]"}}}
    examined = examine_words(joint_folder(tmp_path, settings=settings))
    assert json.loads(examined.bundle.files["tokenizer.json"])["padding"]["pad_id"] == SPECIAL.index("[SEP]")
    with on_disk(examined.bundle.files) as paths:
        assert Tokenizer(paths["tokenizer.json"], part_of(examined)).filling == SPECIAL.index("[SEP]")


def test_graphs_that_lie_apart_are_named(tmp_path: Path) -> None:
    folder = joint_folder(tmp_path / "clip")
    vision = tmp_path / "pictures" / "v.onnx"
    vision.parent.mkdir()
    (folder / "onnx" / "vision_model.onnx").rename(vision)
    (folder / "preprocessor_config.json").rename(vision.parent / "preprocessor_config.json")
    examined = examine_words(folder / "onnx" / "text_model.onnx", pictures=vision)
    assert examined.paths["pictures"] == vision
    check_red_finds_red(examined)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    examined = examine_words(joint_folder(tmp_path / "clip"))
    write_bundle(tmp_path / "out", examined.bundle)
    again = read_bundle(tmp_path / "out")
    assert again
    assert again.id == examined.id
    assert examine_stored(again, tmp_path / "out").id == examined.id
    (tmp_path / "out" / "tokenizer.json").unlink()
    with pytest.raises(InvalidEncoderError, match=r"names tokenizer\.json"):
        read_bundle(tmp_path / "out")


def test_an_unknown_language_is_told(tmp_path: Path) -> None:
    examined = examine_words(text_folder(tmp_path, settings=MEAN))
    assert examined.warnings[-1] == "the tokenizer knows few words of Japanese."
