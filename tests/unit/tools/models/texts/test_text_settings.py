"""What the files of a text model say, and which of them wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_models import TextModel, text_folder
from tonari.errors import InvalidEncoderError
from tonari_tools.models.texts.text_ends import TextInputs, TextOutput
from tonari_tools.models.texts.text_files import TextFiles, find_text_files
from tonari_tools.models.texts.text_overrides import NOTHING_SAID, TextOverrides
from tonari_tools.models.texts.text_settings import TextSettings, choose_text_settings

INPUTS = TextInputs("input_ids", "attention_mask", None, None)
TOKENS = TextOutput("last_hidden_state", 16, per_token=True, reason="")
POOLED = TextOutput("text_embeds", 16, per_token=False, reason="")
MINILM: dict[str, Any] = {
    "tokenizer_config.json": {"model_max_length": 512, "do_lower_case": True},
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "1_Pooling/config.json": {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    "config.json": {"model_type": "bert", "max_position_embeddings": 512, "vocab_size": 30522},
}


def choose(
    settings: dict[str, Any],
    said: TextOverrides = NOTHING_SAID,
    inputs: TextInputs = INPUTS,
    output: TextOutput = TOKENS,
    *,
    joint: bool = False,
) -> TextSettings:
    return choose_text_settings(TextFiles(Path("tokenizer.json"), settings), said, inputs, output, joint=joint)


def test_sentence_transformers_say_pooling_and_tokens() -> None:
    chosen = choose(MINILM)
    assert (chosen.pooling, chosen.max_tokens, chosen.pad_to, chosen.lower) == ("mean", 256, None, False)
    assert (chosen.query_prefix, chosen.passage_prefix) == ("", "")
    assert not chosen.guesses
    assert chosen.found["tokens"] == "max_seq_length in sentence_bert_config.json"


@pytest.mark.parametrize(
    ("raw", "pooling"),
    [
        ({"pooling_mode_cls_token": True}, "first"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "cls"}, "first"),
        ({"pooling_mode": "mean", "include_prompt": True}, "mean"),
    ],
)
def test_kinds_of_pooling(raw: dict[str, Any], pooling: str) -> None:
    assert choose({"1_Pooling/config.json": raw}).pooling == pooling


@pytest.mark.parametrize(
    "raw", [{"pooling_mode_max_tokens": True}, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, {}]
)
def test_pooling_that_cannot_be_done_is_refused_with_the_option(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidEncoderError, match="--pooling"):
        choose({"1_Pooling/config.json": raw})
    assert choose({"1_Pooling/config.json": raw}, TextOverrides(pooling="mean")).pooling == "mean"


def test_what_no_file_says_is_guessed_and_named() -> None:
    chosen = choose({})
    assert (chosen.pooling, chosen.max_tokens) == ("mean", 512)
    assert [guess.flags for guess in chosen.guesses] == ["--pooling", "--max-tokens"]


def test_the_user_goes_before_all_files() -> None:
    said = TextOverrides(pooling="first", max_tokens=128, query_prefix="q: ", passage_prefix="")
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    chosen = choose({**MINILM, "config_sentence_transformers.json": prompts}, said)
    assert (chosen.pooling, chosen.max_tokens, chosen.query_prefix, chosen.passage_prefix) == ("first", 128, "q: ", "")
    assert chosen.found["prefixes"] == "--query-prefix, --passage-prefix"


@pytest.mark.parametrize("name", ["passage", "document"])
def test_prompts_become_prefixes(name: str) -> None:
    prompts = {"prompts": {"query": "検索クエリ: ", name: "検索文書: "}}
    chosen = choose({"config_sentence_transformers.json": prompts})
    assert (chosen.query_prefix, chosen.passage_prefix) == ("検索クエリ: ", "検索文書: ")


def test_the_usual_prompt_goes_before_both() -> None:
    prompts = {"prompts": {"topic": "トピック: ", "query": "q: "}, "default_prompt_name": "topic"}
    chosen = choose({"config_sentence_transformers.json": prompts})
    assert (chosen.query_prefix, chosen.passage_prefix) == ("q: ", "トピック: ")


def test_a_pooled_output_takes_no_pooling() -> None:
    assert choose(MINILM, output=POOLED).pooling == "none"
    with pytest.raises(InvalidEncoderError, match="no place"):
        choose({}, TextOverrides(pooling="mean"), output=POOLED)
    with pytest.raises(InvalidEncoderError, match="mean, first or last"):
        choose({}, TextOverrides(pooling="none"))


def test_positions_of_roberta_begin_at_two() -> None:
    config = {"model_type": "xlm-roberta", "max_position_embeddings": 514}
    assert choose({"config.json": config}).max_tokens == 512
    above = {"tokenizer_config.json": {"model_max_length": 1e30}, "config.json": config}
    assert choose(above).max_tokens == 512


def test_the_length_that_a_graph_fixes_is_the_limit_and_filled_up_to() -> None:
    fixed = TextInputs("input_ids", "attention_mask", None, 32)
    chosen = choose(MINILM, inputs=fixed)
    assert (chosen.max_tokens, chosen.pad_to) == (32, 32)
    with pytest.raises(InvalidEncoderError, match="the graph takes 32"):
        choose(MINILM, TextOverrides(max_tokens=64), fixed)


@pytest.mark.parametrize(
    ("config", "tokens", "lower"),
    [
        ({"model_type": "clip"}, 77, False),
        ({"model_type": "clip", "text_config": {"max_position_embeddings": 77}}, 77, False),
        ({"model_type": "siglip"}, 64, False),
        ({"model_type": "siglip2", "text_config": {"model_type": "siglip2_text_model"}}, 64, True),
    ],
)
def test_joint_models_without_a_mask_are_filled_up(config: dict[str, Any], tokens: int, *, lower: bool) -> None:
    no_mask = TextInputs("input_ids", None, None, None)
    settings = {"config.json": config, "tokenizer_config.json": {"model_max_length": 1e30}}
    chosen = choose(settings, inputs=no_mask, output=POOLED, joint=True)
    assert (chosen.max_tokens, chosen.pad_to, chosen.lower) == (tokens, tokens, lower)


def test_clip_with_a_mask_needs_no_filling_but_siglip_does() -> None:
    assert choose({"config.json": {"model_type": "clip"}}, output=POOLED, joint=True).pad_to is None
    assert choose({"config.json": {"model_type": "siglip"}}, output=POOLED, joint=True).pad_to == 64


def test_layers_behind_the_pooling_are_not_left_out_silently() -> None:
    files = TextFiles(Path("tokenizer.json"), MINILM, ("Transformer", "Pooling", "Dense", "Normalize"))
    with pytest.raises(InvalidEncoderError, match="Dense"):
        choose_text_settings(files, NOTHING_SAID, INPUTS, TOKENS, joint=False)
    assert choose_text_settings(files, NOTHING_SAID, INPUTS, POOLED, joint=False).pooling == "none"


def test_files_are_found_above_the_folder_onnx_and_where_modules_say(tmp_path: Path) -> None:
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "pool", "type": "sentence_transformers.models.Pooling"},
    ]
    pooling = {"pooling_mode_cls_token": True}
    settings = {"modules.json": modules, "pool/config.json": pooling, "config.json": {"model_type": "x"}}
    text_folder(tmp_path, settings=settings)
    files = find_text_files(tmp_path / "onnx" / "model.onnx")
    assert files.tokenizer == tmp_path / "tokenizer.json"
    assert files.say("1_Pooling/config.json", "pooling_mode_cls_token") is True
    assert files.say("config.json", "model_type") == "x"
    assert files.modules == ("Transformer", "Pooling")


def test_a_vocabulary_without_rules_is_no_tokenizer(tmp_path: Path) -> None:
    TextModel().write(tmp_path / "model.onnx")
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    with pytest.raises(InvalidEncoderError, match=r"vocab\.txt is a vocabulary without its rules"):
        find_text_files(tmp_path / "model.onnx")


MEMBERS = ("max_seq_length", "model_max_length", "prompts", "pooling_mode", "do_lower_case", "model_type")
ANYTHING = (
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(MEMBERS), ANYTHING, max_size=4))
def test_settings_of_any_form_give_settings_or_a_refusal(raw: dict[str, Any]) -> None:
    names = ("tokenizer_config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "config.json")
    try:
        chosen = choose(dict.fromkeys((*names, "1_Pooling/config.json"), raw))
    except InvalidEncoderError:
        return
    assert 1 <= chosen.max_tokens <= 8192
