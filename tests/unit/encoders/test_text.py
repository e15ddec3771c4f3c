from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, processors

import models
from text_models import COLOURS, SPECIAL, WORDS, TextModel, make_tokenizer, word_vectors
from tonari.contract.encoder import Output, Pooling, Prefixes, TextInputs
from tonari.encoders.port import Encoder
from tonari.encoders.text import TOGETHER
from tonari.errors import InvalidEncoderError, InvalidTextError, UnsupportedQueryError
from unit.encoders.text_encoders import MOST, PASSAGES, encoder, expected, part

SCRIPTS = (
    "隣の赤い靴", "كرة القدم", "красный ботинок", "κόκκινη μπότα", "लाल जूता", "빨간 부츠", "รองเท้าสีแดง",
    "אדום", "ក្រហម", "წითელი", "կարմիր", "🙂👩‍👩‍👧‍👦", "e\u0301le\u0300ve", "\u202eabc", "a\x00b",
    "\ud800 half", "ﬁne Ⅷ",
)  # fmt: skip


def test_it_fills_the_port(tmp_path: Path) -> None:
    made: Encoder = encoder(tmp_path)
    assert (made.name, made.dimensions, made.modalities) == ("words", 16, frozenset({"text"}))
    encoded = made.encode_texts(PASSAGES, "passage")
    assert encoded.embeddings.dtype == np.float32
    assert encoded.cut.dtype == np.bool_
    np.testing.assert_allclose(np.linalg.norm(encoded.embeddings, axis=1), 1, atol=1e-6)
    with pytest.raises(UnsupportedQueryError, match="encodes texts and no pictures"):
        made.encode(b"a picture")


def test_no_texts_make_no_embeddings(tmp_path: Path) -> None:
    encoded = encoder(tmp_path).encode_texts([], "query")
    assert (encoded.embeddings.shape, encoded.cut.shape) == ((0, 16), (0,))


@pytest.mark.parametrize("pad_to", [None, MOST, 12])
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_tokens_are_pooled_as_numpy_does(tmp_path: Path, pooling: Pooling, pad_to: int | None) -> None:
    encoded = encoder(tmp_path, part(pooling, pad_to=pad_to)).encode_texts(PASSAGES, "passage")
    wanted = [expected(text, pooling) for text in PASSAGES]
    np.testing.assert_allclose(encoded.embeddings, wanted, atol=1e-6)
    assert encoded.cut.tolist() == [False, False, False, True]


def test_the_first_and_the_last_token_stand_where_they_stand(tmp_path: Path) -> None:
    bare = make_tokenizer()
    bare.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    rows = word_vectors(TextModel().rows)
    for pooling, word in (("first", "red"), ("last", "blue")):
        (tmp_path / pooling).mkdir()
        said = part(pooling, pad_to=MOST)  # type: ignore[arg-type]
        found = encoder(tmp_path / pooling, said, tokenizer=bare).encode_texts(["red news blue"], "query").embeddings
        row = rows[len(SPECIAL) + WORDS.index(word)]
        np.testing.assert_allclose(found[0], row / np.linalg.norm(row), atol=1e-6)


@pytest.mark.parametrize("mask", [True, False])
def test_a_graph_may_pool_itself(tmp_path: Path, mask: bool) -> None:  # noqa: FBT001
    model = TextModel(output="sentence", pooled=True, mask=mask)
    inputs = TextInputs("input_ids", "attention_mask" if mask else None)
    made = encoder(tmp_path, part("none", inputs=inputs, output=Output("sentence")), model)
    found = made.encode_texts(PASSAGES, "passage").embeddings
    np.testing.assert_allclose(found, [expected(text) for text in PASSAGES], atol=1e-6)


@pytest.mark.parametrize(
    "model", [TextModel(dtype=TensorProto.INT32), TextModel(types=True), TextModel(half=True), TextModel(length=MOST)]
)
def test_graphs_of_many_kinds_give_the_same(tmp_path: Path, model: TextModel) -> None:
    inputs = TextInputs("input_ids", "attention_mask", "token_type_ids" if model.types else None)
    made = encoder(tmp_path, part(inputs=inputs, pad_to=model.length), model)
    found = made.encode_texts(PASSAGES, "passage").embeddings
    np.testing.assert_allclose(found, [expected(text) for text in PASSAGES], atol=2e-3 if model.half else 1e-6)


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_faint_and_loud_vectors_get_length_one(tmp_path: Path, factor: float) -> None:
    found = encoder(tmp_path, model=TextModel(factor=factor)).encode_texts(PASSAGES, "query").embeddings
    np.testing.assert_allclose(found, [expected(text) for text in PASSAGES], atol=1e-5)


def test_queries_and_passages_have_prefixes_of_their_own(tmp_path: Path) -> None:
    made = encoder(tmp_path, part(prefixes=Prefixes("query : ", "passage : ")))
    np.testing.assert_allclose(
        made.encode_texts(["red boot"], "query").embeddings[0], expected("query : red boot"), atol=1e-6
    )
    np.testing.assert_allclose(
        made.encode_texts(["red boot"], "passage").embeddings[0], expected("passage : red boot"), atol=1e-6
    )


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000"])
@pytest.mark.parametrize("prefix", ["", "query : "])
def test_a_text_without_any_token_is_refused(tmp_path: Path, prefix: str, text: str) -> None:
    made = encoder(tmp_path, part(prefixes=Prefixes(prefix, prefix)))
    with pytest.raises(InvalidTextError, match="finds no word in the text"):
        made.encode_texts(["red", text], "query")


def test_a_text_of_which_the_tokenizer_keeps_nothing_is_not_its_prefix(tmp_path: Path) -> None:
    raw = json.loads(make_tokenizer().to_str())
    raw["normalizer"] = {"type": "Replace", "pattern": {"Regex": "[\u200b\u200c\\x00]"}, "content": ""}
    for prefix in ("", "query : "):
        made = encoder(tmp_path, part(prefixes=Prefixes(prefix)), tokenizer=Tokenizer.from_str(json.dumps(raw)))
        for text in ("\u200b\u200c", "\x00"):
            with pytest.raises(InvalidTextError, match="finds no word"):
                made.encode_texts([text], "query")
        assert made.encode_texts(["red"], "query").embeddings.shape == (1, 16)


def test_a_prefix_that_leaves_no_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match="takes all 4 tokens of a text"):
        encoder(tmp_path, part(max_tokens=4, prefixes=Prefixes("query :")))


def test_words_may_be_turned_to_lower_case_first(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(lower=False)
    upper = encoder(tmp_path, part(lower=True), tokenizer=tokenizer).encode_texts(["A RED Boot"], "query").embeddings
    np.testing.assert_allclose(upper[0], expected("a red boot"), atol=1e-6)
    kept = encoder(tmp_path, part(), tokenizer=tokenizer).encode_texts(["A RED Boot"], "query").embeddings
    np.testing.assert_allclose(kept[0], expected("zyx zyx zyx"), atol=1e-6)


def test_what_is_over_the_limit_is_left_out_and_noted(tmp_path: Path) -> None:
    whole, longer = " ".join(["red"] * (MOST - 2)), " ".join(["red"] * (MOST - 2) + ["blue"])
    encoded = encoder(tmp_path).encode_texts([whole, longer, "red"], "passage")
    assert encoded.cut.tolist() == [False, True, False]
    np.testing.assert_array_equal(encoded.embeddings[0], encoded.embeddings[1])


def test_lengths_set_in_the_tokenizers_file_do_not_disturb(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.enable_truncation(3, stride=0)
    tokenizer.enable_padding(pad_id=1, pad_token=SPECIAL[1], length=64)
    encoded = encoder(tmp_path, tokenizer=tokenizer).encode_texts(PASSAGES, "passage")
    np.testing.assert_allclose(encoded.embeddings, [expected(text) for text in PASSAGES], atol=1e-6)
    assert encoded.cut.tolist() == [False, False, False, True]


def test_a_text_keeps_its_embedding_among_others(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    texts = [f"{first} {second} news" for first in COLOURS for second in WORDS]
    together = made.encode_texts([*texts, "red", *texts], "passage").embeddings
    alone = np.concatenate([made.encode_texts([text], "passage").embeddings for text in texts])
    np.testing.assert_array_equal(together[: len(texts)], alone)
    np.testing.assert_array_equal(together[len(texts) + 1 :], alone)
    assert made._most_together() == TOGETHER


def _by_the_batch(model: onnx.ModelProto) -> None:
    """Quantise all vectors of a batch on one scale, as dynamic quantisation does, though coarser."""
    last = model.graph.node[-1]
    answer, last.output[0] = last.output[0], "before"
    model.graph.initializer.append(numpy_helper.from_array(np.array(3, np.float32), "steps"))
    model.graph.node.extend(
        [
            helper.make_node("Abs", ["before"], ["sizes"]),
            helper.make_node("ReduceMax", ["sizes"], ["most"], keepdims=0),
            helper.make_node("Div", ["most", "steps"], ["step"]),
            helper.make_node("Div", ["before", "step"], ["in_steps"]),
            helper.make_node("Round", ["in_steps"], ["whole"]),
            helper.make_node("Mul", ["whole", "step"], [answer]),
        ]
    )


@pytest.mark.parametrize("change", [models.over_batch, _by_the_batch])
def test_a_graph_that_mixes_texts_up_gets_them_one_by_one(tmp_path: Path, change: Any) -> None:
    made = encoder(tmp_path, model=TextModel(change=change))
    texts = ["the red boot", "the blue lamp", "the news team"]
    together = made.encode_texts(texts, "passage").embeddings
    alone = np.concatenate([made.encode_texts([text], "passage").embeddings for text in texts])
    np.testing.assert_array_equal(together, alone)
    assert made._most_together() == 1


def test_a_graph_that_takes_one_text_alone_gets_them_one_by_one(tmp_path: Path) -> None:
    def one_row(model: onnx.ModelProto) -> None:
        for port in (*model.graph.input, *model.graph.output):
            port.type.tensor_type.shape.dim[0].dim_value = 1

    made = encoder(tmp_path, model=TextModel(change=one_row))
    found = made.encode_texts(["a red boot", "a blue lamp"], "passage").embeddings
    np.testing.assert_allclose(found, [expected("a red boot"), expected("a blue lamp")], atol=1e-6)


def _in_floats(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    model.graph.node[0].input[1] = "numbers"
    model.graph.node.insert(0, helper.make_node("Cast", ["input_ids"], ["numbers"], to=TensorProto.INT64))


@pytest.mark.parametrize(
    ("said", "model", "says"),
    [
        (part(inputs=TextInputs("ids", "attention_mask")), TextModel(), r"names inputs \['ids', 'attention_mask'\]"),
        (part(inputs=TextInputs("input_ids")), TextModel(), "names input 'input_ids'"),
        (part(output=Output("pooled")), TextModel(), "output 'pooled'; the graph has inputs"),
        (part(), TextModel(change=_in_floats), r"'input_ids' is tensor\(float\); that of texts is int32 or int64"),
        (part("none"), TextModel(), r"gives \(1, 1, 16\) for 1 texts with pooling 'none'"),
        (part(), TextModel(length=5), r"failed on input \(1, 1\) int64"),
        (part(pad_to=9), TextModel(length=12), r"failed on input \(1, 9\) int64"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(tmp_path: Path, said: Any, model: TextModel, says: str) -> None:
    with pytest.raises(InvalidEncoderError, match=says):
        encoder(tmp_path, said, model)


def test_another_dimension_than_promised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match=r"gives \(1, 16\) .* promises \(1, 24\)"):
        encoder(tmp_path, dimensions=24)


def test_a_tokenizer_of_another_graph_is_refused_with_both_numbers(tmp_path: Path) -> None:
    tokens = len(SPECIAL) + len(WORDS)
    with pytest.raises(InvalidEncoderError, match=rf"has {tokens} tokens.*range \[-{tokens - 2},{tokens - 3}\]"):
        encoder(tmp_path, model=TextModel(rows=tokens - 2))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_that_points_nowhere_is_refused_for_that_text_alone(tmp_path: Path, value: float) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        table = next(one for one in model.graph.initializer if one.name == "table")
        rows = numpy_helper.to_array(table).copy()
        rows[[2, 3]] = 0
        rows[len(SPECIAL) + WORDS.index("lamp")] = value
        table.CopyFrom(numpy_helper.from_array(rows, "table"))

    made = encoder(tmp_path, model=TextModel(change=spoil))
    with pytest.raises(InvalidTextError, match=r"NaN, infinity or no length for the text 'lamp'"):
        made.encode_texts(["boot", "lamp"], "passage")
    np.testing.assert_allclose(np.linalg.norm(made.encode_texts(["boot", "news"], "query").embeddings, axis=1), 1)


def test_a_graph_that_fails_on_one_text_serves_the_others(tmp_path: Path) -> None:
    def fussy(model: onnx.ModelProto) -> None:
        """Look up a row that a table does not have, wherever a lamp is named."""
        model.graph.initializer.append(numpy_helper.from_array(np.zeros((20, 1), np.float32), "few"))
        model.graph.initializer.append(numpy_helper.from_array(np.array(3, np.int64), "third"))
        last = model.graph.node[-1]
        answer, last.output[0] = last.output[0], "before"
        lamp = len(SPECIAL) + WORDS.index("lamp")
        model.graph.initializer.append(numpy_helper.from_array(np.array(lamp, np.int64), "lamp"))
        model.graph.initializer.append(numpy_helper.from_array(np.array(99, np.int64), "wrong"))
        model.graph.node.extend(
            [
                helper.make_node("Equal", ["input_ids", "lamp"], ["is_lamp"]),
                helper.make_node("Where", ["is_lamp", "wrong", "third"], ["asked"]),
                helper.make_node("Gather", ["few", "asked"], ["nothing"]),
                helper.make_node("Add", ["before", "nothing"], [answer]),
            ]
        )

    made = encoder(tmp_path, model=TextModel(change=fussy))
    with pytest.raises(InvalidTextError, match="The ONNX graph failed on input"):
        made.encode_texts(["a lamp"], "query")
    np.testing.assert_allclose(made.encode_texts(["a boot"], "query").embeddings[0], expected("a boot"), atol=1e-6)


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_script_is_a_text(tmp_path: Path, text: str) -> None:
    (row,) = encoder(tmp_path).encode_texts([text], "query").embeddings
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_a_megabyte_is_cut(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    for text in ("red " * 250_000, "x" * 1_000_000, "赤" * 300_000):
        encoded = made.encode_texts([text], "passage")
        assert encoded.cut.tolist() == [text.startswith("red ")]


@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1, max_size=40), min_size=1, max_size=12))
def test_whatever_the_texts_the_answers_are_their_own(shared: Any, texts: list[str]) -> None:
    try:
        together = shared.encode_texts(texts, "passage")
    except InvalidTextError:
        assert any(_is_refused(shared, text) for text in texts)
        return
    for text, row, cut in zip(texts, together.embeddings, together.cut, strict=True):
        alone = shared.encode_texts([text], "passage")
        np.testing.assert_array_equal(alone.embeddings[0], row)
        assert alone.cut[0] == cut


def _is_refused(encoder: Encoder, text: str) -> bool:
    try:
        encoder.encode_texts([text], "passage")
    except InvalidTextError:
        return True
    return False


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return encoder(tmp_path_factory.mktemp("encoder"))


def test_threads_share_an_encoder(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    texts = [f"{colour} {word}" for colour in COLOURS for word in WORDS]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: made.encode_texts(texts, "passage").embeddings, range(16)))
    for embeddings in found:
        np.testing.assert_array_equal(embeddings, made.encode_texts(texts, "passage").embeddings)
