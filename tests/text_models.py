"""Small models of texts, and of pictures and texts in one space, each made on the spot with a real tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, save_model
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
COLOURS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
THINGS = ("boot", "shirt", "lamp", "chair", "news", "market", "team", "game")
WORDS = (*COLOURS, *THINGS, "a", "the", "of", "in", "query", "passage", ":")
DIMENSIONS = 16


def make_tokenizer(words: Sequence[str] = WORDS, *, lower: bool = True) -> Tokenizer:
    """Make a tokenizer of whole words, which puts [CLS] before a text and [SEP] behind it."""
    names = (*SPECIAL, *words)
    numbers = {word: number for number, word in enumerate(names)}
    tokenizer = Tokenizer(WordLevel(numbers, unk_token=SPECIAL[1]))
    if lower:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def word_vectors(rows: int, dimensions: int = DIMENSIONS, seed: int = 0) -> NDArray[np.float32]:
    """Make a table of one vector a token; those of colours point where :func:`picture_part` puts that colour."""
    table = np.random.default_rng(seed).normal(scale=0.3, size=(rows, dimensions)).astype(np.float32)
    table[: len(SPECIAL)] *= 0.1
    table[:, :3] = 0
    for place, colour in enumerate(COLOURS.values()):
        table[len(SPECIAL) + place] = np.append(np.array(colour) - np.mean(colour), np.zeros(dimensions - 3)) * 3
    return table


@dataclass(frozen=True)
class TextModel:
    """A graph that looks the tokens up in a table; pooled by itself, or not.

    Parameters
    ----------
    rows
        Of the table; as many as the tokenizer has tokens, if it is that one's.
    pooled
        Whether the output is one vector a text, the mean over the mask, or one a token.
    length
        Of a row of tokens, where the graph fixes it.
    """

    rows: int = len(SPECIAL) + len(WORDS)
    output: str = "last_hidden_state"
    pooled: bool = False
    mask: bool = True
    types: bool = False
    length: int | None = None
    dimensions: int = DIMENSIONS
    dtype: int = TensorProto.INT64
    half: bool = False
    factor: float = 1.0
    change: Callable[[onnx.ModelProto], None] | None = None

    def proto(self) -> onnx.ModelProto:
        length: str | int = self.length or "length"
        table = word_vectors(self.rows, self.dimensions) * np.float32(self.factor)
        nodes = [helper.make_node("Gather", ["table", "input_ids"], ["looked_up"])]
        constants: dict[str, NDArray[Any]] = {"table": table}
        given = ["input_ids", *(["attention_mask"] if self.mask else []), *(["token_type_ids"] if self.types else [])]
        last = "looked_up"
        if self.types:
            constants["kinds"] = np.zeros((2, self.dimensions), np.float32)
            nodes += [
                helper.make_node("Gather", ["kinds", "token_type_ids"], ["kind"]),
                helper.make_node("Add", [last, "kind"], ["typed"]),
            ]
            last = "typed"
        if self.pooled:
            nodes += _mean(last, masked=self.mask)
            constants |= {"along": np.array([1], np.int64), "last": np.array([-1], np.int64)}
            last = "mean"
        kind = TensorProto.FLOAT16 if self.half else TensorProto.FLOAT
        nodes.append(helper.make_node("Cast", [last], [self.output], to=kind))
        shape: list[str | int] = ["batch", self.dimensions] if self.pooled else ["batch", length, self.dimensions]
        graph = helper.make_graph(
            nodes,
            "texts",
            [helper.make_tensor_value_info(name, self.dtype, ["batch", length]) for name in given],
            [helper.make_tensor_value_info(self.output, kind, shape)],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
        if self.change:
            self.change(model)
        return model

    def write(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.proto().SerializeToString())
        return path


def _mean(vectors: str, *, masked: bool) -> list[onnx.NodeProto]:
    if not masked:
        return [helper.make_node("ReduceMean", [vectors, "along"], ["mean"], keepdims=0)]
    return [
        helper.make_node("Cast", ["attention_mask"], ["there"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["there", "last"], ["wide"]),
        helper.make_node("Mul", [vectors, "wide"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "along"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["there", "along"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
    ]


def picture_part(output: str = "image_embeds", dimensions: int = DIMENSIONS, *, half: bool = False) -> onnx.ModelProto:
    """Make a graph that puts a picture's mean colour where the words for it lie.

    Input ``pixel_values``: float32 ``(batch, 3, 8, 8)``, white being 1.
    """
    projection = np.zeros((3, dimensions), np.float32)
    projection[:, :3] = np.eye(3) - 1 / 3
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["pixel_values"], ["single"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["single", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "projection"], ["placed"]),
        helper.make_node("Add", ["placed", "tiny"], ["moved"]),
        helper.make_node("Cast", ["moved"], [output], to=kind),
    ]
    constants: dict[str, NDArray[Any]] = {
        "axes": np.array([2, 3], np.int64),
        "projection": projection,
        "tiny": np.full(dimensions, 1e-3, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "pictures",
        [helper.make_tensor_value_info("pixel_values", kind, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info(output, kind, ["batch", dimensions])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])


def joint_whole(*, entangled: bool = False) -> onnx.ModelProto:
    """Make one graph of both parts, as ``optimum`` exports CLIP: scores of pictures by texts come first."""
    texts, pictures = TextModel(output="text_embeds", pooled=True).proto(), picture_part()
    model = onnx.ModelProto()
    model.CopyFrom(texts)
    for field in ("node", "input", "output", "initializer"):
        getattr(model.graph, field).extend(getattr(pictures.graph, field))
    model.graph.node.extend(
        [
            helper.make_node("Transpose", ["text_embeds"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["image_embeds", "turned"], ["logits_per_image"]),
        ]
    )
    scores = helper.make_tensor_value_info("logits_per_image", TensorProto.FLOAT, ["pictures", "texts"])
    model.graph.output.insert(0, scores)
    if entangled:
        node = next(one for one in model.graph.node if "image_embeds" in one.output)
        node.input[0] = "mixed"
        place = list(model.graph.node).index(node)
        model.graph.node.insert(place, helper.make_node("Add", ["moved", "mean"], ["mixed"]))
    return model


PREPROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 8},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 8, "width": 8},
    "do_normalize": True,
    "image_mean": [0.0, 0.0, 0.0],
    "image_std": [1.0, 1.0, 1.0],
    "image_processor_type": "CLIPImageProcessor",
}


def write_json(folder: Path, files: Mapping[str, Any]) -> None:
    """Write settings files, by name."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def text_folder(
    folder: Path,
    model: TextModel | None = None,
    tokenizer: Tokenizer | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a repository of a text model: ``onnx/model.onnx``, ``tokenizer.json``, and settings by name."""
    (model or TextModel()).write(folder / "onnx" / "model.onnx")
    (tokenizer or make_tokenizer()).save(str(folder / "tokenizer.json"))
    write_json(folder, settings or {})
    return folder


def joint_folder(
    folder: Path,
    texts: TextModel | None = None,
    pictures: onnx.ModelProto | None = None,
    *,
    stored: str = "",
    external: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a repository of a joint model, its graphs called ``vision_model`` and ``text_model``."""
    halves = {
        "vision_model": pictures or picture_part(),
        "text_model": (texts or TextModel(output="text_embeds", pooled=True, mask=False)).proto(),
    }
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    for name, model in halves.items():
        path = folder / "onnx" / f"{name}{stored}.onnx"
        if external:
            save_model(model, path, save_as_external_data=True, location=f"{path.name}_data", size_threshold=0)
        else:
            path.write_bytes(model.SerializeToString())
    make_tokenizer().save(str(folder / "tokenizer.json"))
    usual = {"preprocessor_config.json": PREPROCESSOR, "config.json": {"model_type": "clip"}}
    write_json(folder, {**usual, **(settings or {})})
    return folder
