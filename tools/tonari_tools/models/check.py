"""What an ONNX file expects and gives, tried with pictures, and what is said of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tonari.contract.encoder import MODEL
from tonari.encoders.image import EncoderConfig, encoder_id
from tonari.encoders.onnx import graph_signature
from tonari.errors import InvalidEncoderError
from tonari.images.framing import Framing
from tonari.images.tensor import TensorForm
from tonari_tools.models.detect import detect
from tonari_tools.models.model_file import MOST_BYTES, Loaded, ModelFiles, Read, find_files, load_model
from tonari_tools.models.published.overrides import NOTHING, Overrides
from tonari_tools.models.trial import Trial, drawn_photos, try_encoder
from tonari_tools.tables import align

MOST_NAMED = 20
"""Files that lie unread beside a model and are named, at most."""


def report(examined: Examined) -> str:
    """Say what was found, why, and how it did."""
    config, read, trial = EncoderConfig.parse(examined.config), examined.read, examined.trial
    found = {part: f"({why})" for part, why in examined.found.items()}
    size = megabytes(len(examined.model))
    rows = [
        ["model", f"{examined.files.path}, {size}, {read.operators} operators, opset {read.opset}"],
        *([["weights", _say_merged(examined.merged)]] if examined.merged else []),
        ["name", config.name],
        ["input", f"{config.input_name}: {say_input(config)} {found['input']}"],
        ["framing", f"{say_framing(config.framing)} {found['framing']}"],
        ["values", f"{say_values(config.form)} {found['values']}"],
        ["output", f"{config.output_name}: {config.dimensions} dimensions {found['output']}"],
        ["length", f"{trial.length:.4g} before it is made 1"],
        ["batches", _say_batches(trial, batches=examined.batches)],
        ["speed", f"{trial.milliseconds:.1f} ms a picture, median of {trial.runs}, one thread, decoding not counted"],
        ["read", ", ".join(examined.used) or "no settings"],
        *([["not read", _few(examined.unread)]] if examined.unread else []),
        ["encoder", examined.id],
    ]
    return align(rows)


def _say_merged(merged: Mapping[str, int]) -> str:
    tensors = sum(merged.values())
    return f"{tensors} tensors of {', '.join(merged)}, put into one file"


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f", and {more} more" if more > 0 else "")


def say_input(config: EncoderConfig) -> str:
    """Say type, layout and size."""
    form, framing = config.form, config.framing
    return f"{form.dtype} {form.layout} {form.channels}, {framing.height} x {framing.width} pixels"


def say_framing(framing: Framing) -> str:
    """Say how a picture is resized and cut."""
    centre = f", centre {framing.height} x {framing.width}"
    if framing.squashed is None:
        return f"shortest edge {framing.shortest_edge}{centre}, {framing.resample}"
    whole = framing.squashed == (framing.height, framing.width)
    return f"squashed to {framing.squashed[0]} x {framing.squashed[1]}{'' if whole else centre}, {framing.resample}"


def say_values(form: TensorForm) -> str:
    """Say how a pixel becomes a number."""
    if form.dtype == "uint8":
        return "0 to 255"
    mean, std = (" ".join(f"{value:.4g}" for value in values) for values in (form.mean, form.std))
    return f"0 to 1, mean {mean}, deviation {std}"


def megabytes(size: int) -> str:
    """Say a size.

    >>> megabytes(3_712_345)
    '3.7 MB'
    """
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _say_batches(trial: Trial, *, batches: bool) -> str:
    if not batches:
        return "the graph takes one picture at a time, which is how views are encoded"
    if trial.agreement is None:
        return "the graph fails on several pictures at once; views are encoded one by one"
    return f"cosine {trial.agreement:.6f} at least between alone and in a batch"


@dataclass(frozen=True, slots=True)
class Examined:
    """An encoder that works.

    Parameters
    ----------
    files
        Where it was found.
    read
        Of the file.
    model, config
        Bytes of ``model.onnx``, which has all weights, and of ``encoder.json``.
    found
        Per decision, what it rests on.
    batches
        Whether the graph takes several pictures at once.
    trial
        How it did.
    merged
        Names of other files with weights, and how many tensors came from each.
    used, unread
        Names of files beside the model that were read, and that may say something of it and were not.
    warnings
        What was guessed or is doubtful, each a sentence.
    changed
        Whether the graph was cut out of a larger one, or its ends became float32.
    """

    files: ModelFiles
    read: Read
    model: bytes
    config: bytes
    found: Mapping[str, str]
    batches: bool
    trial: Trial
    merged: Mapping[str, int]
    used: tuple[str, ...]
    unread: tuple[str, ...]
    warnings: tuple[str, ...]
    changed: bool = False

    @property
    def found_whole(self) -> bool:
        """Whether the file that was found is the model as it is."""
        return not self.merged and not self.changed

    @property
    def id(self) -> str:
        """Its identity."""
        return encoder_id(self.model, self.config)

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """Give the path of the model as one file: where it was found, or a passing copy with all weights."""
        with one_file(self.files.path, self.model, found=self.found_whole) as path:
            yield path


@contextmanager
def one_file(path: Path, data: bytes, *, found: bool) -> Iterator[Path]:
    """Give the path of a model that has all its weights; if it was not found so, of a passing copy."""
    if found:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, MODEL)
        copy.write_bytes(data)
        yield copy


def _as_it_is(loaded: Loaded) -> Loaded:
    return loaded


def examine(
    model: Path,
    config: Path | None = None,
    photo: bytes | None = None,
    said: Overrides = NOTHING,
    *,
    most: int = MOST_BYTES,
    prepare: Callable[[Loaded], Loaded] = _as_it_is,
) -> Examined:
    """Find out what a model is, and try it.

    Parameters
    ----------
    model
        An ONNX file, or a folder with one.
    config
        An ``encoder.json`` that says all, or other settings that are believed most.
    photo
        What to encode; default: a drawn one.
    said
        What the user says, by options.
    most
        Bytes of the model.
    prepare
        What is done to the graph before it is looked at.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    RequestError
        If ``photo`` cannot be read.
    """
    files = find_files(model, config, most)
    loaded = prepare(load_model(files.path, most))
    with one_file(files.path, loaded.data, found=not loaded.merged and not loaded.changed) as path:
        return _examine(files, loaded, path, photo or drawn_photos()[0], said)


def _examine(files: ModelFiles, loaded: Loaded, path: Path, photo: bytes, said: Overrides) -> Examined:
    try:
        inputs, outputs = graph_signature(path)
    except InvalidEncoderError as error:
        raise InvalidEncoderError(
            f"{error.detail} (onnxruntime {version('onnxruntime')}): export it with operators and an opset that this "
            "version has."
        ) from error
    made = detect(files, loaded.read, inputs, outputs, hashlib.sha256(loaded.data).hexdigest(), said)
    parsed = EncoderConfig.parse(made.config)
    batches = any(tensor.name == parsed.input_name and tensor.shape[:1] == (None,) for tensor in inputs)
    trial = try_encoder(parsed, path, photo, batches=batches)
    unread = (
        *(f"{name} (says nothing of pictures)" for name in files.beside.settings if name not in made.used),
        *(
            name
            for name, path in files.beside.unread.items()
            if path.absolute() != (files.given and files.given.absolute())
        ),
    )
    return Examined(
        files,
        loaded.read,
        loaded.data,
        made.config,
        made.found,
        batches,
        trial,
        loaded.merged,
        made.used,
        unread,
        made.warnings,
        loaded.changed,
    )
