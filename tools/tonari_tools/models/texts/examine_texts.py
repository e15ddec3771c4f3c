"""A text or joint model on disk -> an encoder that was tried, each decision with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from tonari.contract.encoder import CONFIG, PartedEncoder
from tonari.encoders.bundle import Bundle
from tonari.encoders.joint import JointEncoder
from tonari.encoders.store import open_encoder
from tonari.encoders.text import TextEncoder
from tonari.errors import InvalidEncoderError
from tonari_tools.models.check import Examined, examine
from tonari_tools.models.model_file import MOST_BYTES
from tonari_tools.models.published.overrides import NOTHING, Overrides
from tonari_tools.models.texts.graphs import (
    MOST_READ,
    PIXELS,
    ends_of,
    inputs_of,
    load_texts,
    look_at,
    on_disk,
    picture_half,
    with_single_ends,
)
from tonari_tools.models.texts.layout import Layout, find_layout
from tonari_tools.models.texts.padding import with_padding
from tonari_tools.models.texts.text_ends import IDS, choose_text_inputs, choose_text_output
from tonari_tools.models.texts.text_files import find_text_files, read_tokenizer
from tonari_tools.models.texts.text_overrides import NOTHING_SAID, TextOverrides
from tonari_tools.models.texts.text_settings import TextSettings, choose_text_settings, model_type
from tonari_tools.models.texts.text_trial import TextTrial, try_texts
from tonari_tools.models.texts.vocabulary import (
    Vocabulary,
    check_vocabulary,
    count_rows,
    count_tokens,
    parse_tokenizer,
)
from tonari_tools.models.texts.words_config import (
    PICTURE_GRAPH,
    TEXT_GRAPH,
    TOKENIZER,
    check_one_space,
    text_part,
    write_config,
)

Kind = Literal["pictures", "texts", "joint"]
PARTS = ("output", "pooling", "tokens", "prefixes", "lower")
"""What is decided on texts."""


@dataclass(frozen=True, slots=True)
class ExaminedWords:
    """An encoder of texts, or of pictures and texts, that works.

    Parameters
    ----------
    bundle
        Its files.
    paths
        Where graphs and tokenizer were found, by what they are for.
    pictures
        Of a joint encoder: what was found of its half for pictures.
    found
        Per decision on texts, what it rests on.
    trial
        How it did.
    warnings
        What was guessed or is doubtful, each a sentence.
    """

    bundle: Bundle
    paths: Mapping[str, Path]
    pictures: Examined | None
    vocabulary: Vocabulary
    found: Mapping[str, str]
    trial: TextTrial
    warnings: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its identity."""
        return self.bundle.id

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.bundle.files.values()))


def tell_kind(layout: Layout) -> Kind:
    """Tell what a model takes; one that cannot be read is taken for one of pictures, and refused where it is read."""
    if layout.pictures:
        return "joint"
    model = look_at(layout.whole) if layout.whole else None
    given = inputs_of(model) if model else set()
    if IDS not in given:
        return "pictures"
    return "joint" if PIXELS in given else "texts"


def examine_words(
    model: Path,
    said: TextOverrides = NOTHING_SAID,
    pictures_said: Overrides = NOTHING,
    *,
    config: Path | None = None,
    photo: bytes | None = None,
    pictures: Path | None = None,
) -> ExaminedWords:
    """Find out what a text or joint model is, and try it.

    Parameters
    ----------
    model
        A folder as repositories have it, or the ONNX file for texts.
    said, pictures_said
        What the user says of texts, and of pictures.
    config
        Settings of pictures that are believed most.
    photo
        A picture to be tried.
    pictures
        The ONNX file for pictures, where it does not lie beside that for texts.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    """
    layout = find_layout(model, pictures)
    kind = tell_kind(layout)
    path = layout.texts or layout.whole
    if kind == "pictures" or path is None:
        raise InvalidEncoderError(f"{model} takes no texts.")
    whole = layout.pictures is None and kind == "joint"
    loaded = load_texts(path, whole=whole)
    ends, files = ends_of(loaded.data), find_text_files(path)
    inputs = choose_text_inputs(ends.inputs)
    named = said.text_output or loaded.read.metadata.get("embedding_output")
    output = choose_text_output(
        ends.outputs, named, joint=kind == "joint", to_be_pooled=said.pooling not in {None, "none"}
    )
    settings = choose_text_settings(files, said, inputs, output, joint=kind == "joint")
    tokenizer = with_padding(read_tokenizer(files), files) if settings.pad_to else read_tokenizer(files)
    parsed = parse_tokenizer(tokenizer)
    vocabulary = Vocabulary(count_tokens(parsed), count_rows(onnx.load_from_string(loaded.data)))
    check_vocabulary(vocabulary)
    part = text_part(inputs, output, settings)
    half = _examine_pictures(layout, config, photo, pictures_said) if kind == "joint" else None
    if half:
        check_one_space(half, output, model_type(files))
    about = write_config(path, files, output, part, half, {**settings.found, "output": output.reason}, loaded)
    bundle = Bundle({TEXT_GRAPH: loaded.data, TOKENIZER: tokenizer, **_of_pictures(half), CONFIG: about})
    found = {**settings.found, "output": output.reason}
    paths = {"texts": path, "tokenizer": files.tokenizer, **({"pictures": half.files.path} if half else {})}
    trial = _try(bundle, tokenizer)
    warnings = (*_warnings(settings, trial, bundle), *(half.warnings if half else ()))
    return ExaminedWords(bundle, paths, half, vocabulary, found, trial, warnings)


def examine_stored(bundle: Bundle, folder: Path) -> ExaminedWords:
    """Try an encoder that was exported, shrunk or fitted before, as it stands.

    Raises
    ------
    InvalidEncoderError
        If it takes no texts, or cannot serve.
    """
    about = bundle.about
    if not isinstance(about, PartedEncoder) or about.text is None:
        raise InvalidEncoderError(f"{folder} holds an encoder of pictures alone: give its graph, {PICTURE_GRAPH}.")
    tokenizer, graph = bundle.files[about.text.tokenizer], bundle.files[about.text.graph]
    parsed = parse_tokenizer(tokenizer)
    vocabulary = Vocabulary(count_tokens(parsed), count_rows(onnx.load_from_string(graph)))
    check_vocabulary(vocabulary)
    trial = _try(bundle, tokenizer)
    found = dict.fromkeys(PARTS, CONFIG)
    paths = {"texts": folder / about.text.graph, "tokenizer": folder / about.text.tokenizer}
    if about.image:
        paths["pictures"] = folder / about.image.graph
    return ExaminedWords(bundle, paths, None, vocabulary, found, trial, tuple(_doubts(trial, bundle)))


def _examine_pictures(layout: Layout, config: Path | None, photo: bytes | None, said: Overrides) -> Examined:
    path = layout.pictures or layout.whole
    if path is None:
        raise InvalidEncoderError("The model has no graph for pictures.")
    prepare = with_single_ends if layout.pictures else picture_half
    return examine(path, config, photo, said, most=MOST_READ, prepare=prepare)


def _of_pictures(half: Examined | None) -> dict[str, bytes]:
    return {PICTURE_GRAPH: half.model} if half else {}


def _try(bundle: Bundle, tokenizer: bytes) -> TextTrial:
    with on_disk({name: data for name, data in bundle.files.items() if name != CONFIG}) as paths:
        encoder = open_encoder(bundle.about, paths)
        joint = encoder if isinstance(encoder, JointEncoder) else None
        texts = joint.texts if joint else encoder
        if not isinstance(texts, TextEncoder):
            raise InvalidEncoderError("The encoder takes no texts.")
        return try_texts(texts, parse_tokenizer(tokenizer), joint)


def _warnings(settings: TextSettings, trial: TextTrial, bundle: Bundle) -> list[str]:
    guessed = "; ".join(f"{guess.what} (say it with {guess.flags})" for guess in settings.guesses)
    return [*([f"guessed, because no file says it: {guessed}."] if guessed else []), *_doubts(trial, bundle)]


def _doubts(trial: TextTrial, bundle: Bundle) -> Iterator[str]:
    unknown = [language for language, (count, of) in trial.unknown.items() if of and count * 2 > of]
    if unknown:
        yield f"the tokenizer knows few words of {', '.join(unknown)}."
    matched = trial.pictures
    if matched and matched[0] * 2 < matched[1]:
        near = f"of {matched[1]} drawn pictures {matched[0]} lie nearest to their own words"
        yield f"{near}: are both graphs of one model?"
    size = sum(map(len, bundle.files.values()))
    if size > MOST_BYTES:
        yield f"its files have {size:,} bytes, a function holds {MOST_BYTES:,}: shrink it before it is added."
