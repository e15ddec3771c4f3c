"""What an ONNX file expects and gives, tried with pictures, and what is said of it."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.encoders.onnx import Session, graph_signature
from tonari.errors import InvalidEncoderError, UnencodableImageError
from tonari.images.framing import Framing
from tonari.images.tensor import TensorForm
from tonari_shop.assortment import assortment
from tonari_shop.studio import photograph
from tonari_tools.models.detect import detect
from tonari_tools.models.model_file import ModelFiles, Read, find_files, read_model
from tonari_tools.tables import align


def report(examined: Examined) -> str:
    """Say what was found, why, and how it did."""
    config, read, trial = EncoderConfig.parse(examined.config), examined.read, examined.trial
    found = {part: f"({why})" for part, why in examined.found.items()}
    size = megabytes(len(examined.model))
    rows = [
        ["model", f"{examined.files.path}, {size}, {read.operators} operators, opset {read.opset}"],
        ["name", config.name],
        ["input", f"{config.input_name}: {say_input(config)} {found['input']}"],
        ["framing", f"{say_framing(config.framing)} {found['framing']}"],
        ["values", f"{say_values(config.form)} {found['values']}"],
        ["output", f"{config.output_name}: {config.dimensions} dimensions {found['output']}"],
        ["length", f"{trial.length:.4g} before it is made 1"],
        ["batches", _say_batches(trial, batches=examined.batches)],
        ["speed", f"{trial.milliseconds:.1f} ms a picture, median of {trial.runs}, one thread, decoding not counted"],
        ["encoder", examined.id],
    ]
    return align(rows)


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


LEAST_AGREEMENT = 1 - 1e-3
"""Cosine between a view's embedding alone and in a batch."""
BATCH, APART = 4, 70
WARM_UP, LEAST_RUNS, MOST_RUNS, MOST_SECONDS = 2, 3, 15, 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """How an encoder did.

    Parameters
    ----------
    length
        Of the graph's vector, before it is normalised.
    milliseconds
        A picture on one thread, without decoding: the median of ``runs``.
    runs
    agreement
        Least cosine between embeddings alone and in a batch; None if the graph takes no batches.
    """

    length: float
    milliseconds: float
    runs: int
    agreement: float | None


def drawn_photos() -> list[bytes]:
    """Draw ``BATCH`` different things, as JPEG files."""
    things = islice(assortment(), 0, BATCH * APART, APART)
    return [photograph(one.product, *next(iter(one.views.values()))) for one in things]


def try_encoder(config: EncoderConfig, model: Path, photo: bytes, *, batches: bool) -> Trial:
    """Encode ``photo``, an all-black and an all-white picture, and, if the graph takes ``batches``, several at once.

    Raises
    ------
    InvalidEncoderError
        If the graph gives NaN, infinity, zero or another shape, or another answer in a batch.
    RequestError
        If ``photo`` cannot be read.
    """
    encoder = ImageEncoder(config, model)
    view = encoder.read(photo)
    for name, tried in (("the photograph", view), *((name, encoder.read(_flat(name))) for name in ("black", "white"))):
        try:
            encoder.embed([tried])
        except (InvalidEncoderError, UnencodableImageError) as error:
            raise InvalidEncoderError(
                f"{error.detail} (given {name}; an encoder must give each picture one)"
            ) from error
    session = Session(model, config.input_name, config.output_name, threads=1)
    length = float(np.linalg.norm(session.run(view[None]).astype(np.float64)))
    agreement = _agreement(session, [view, *map(encoder.read, drawn_photos()[1:])]) if batches else None
    milliseconds, runs = _speed(session, view)
    return Trial(length, milliseconds, runs, agreement)


def _flat(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


def _agreement(session: Session, views: list[NDArray[np.generic]]) -> float | None:
    """Compare with a batch; a graph that fails on one is no worse for it, as views are encoded one by one."""
    alone = np.concatenate([session.run(view[None]) for view in views]).astype(np.float64)
    try:
        together = session.run(np.stack(views)).astype(np.float64)
    except (InvalidEncoderError, UnencodableImageError):
        return None
    if together.shape != alone.shape:
        raise InvalidEncoderError(
            f"The graph gives {together.shape} for {len(views)} pictures, {alone.shape} is due: one row for each."
        )
    lengths = np.linalg.norm(alone, axis=1) * np.linalg.norm(together, axis=1)
    least = float(((alone * together).sum(axis=1) / lengths).min())
    if not least >= LEAST_AGREEMENT:
        raise InvalidEncoderError(
            f"The embedding changes with the batch: cosine {least:.4f} between alone and among {len(views)}, the limit "
            f"is {LEAST_AGREEMENT}: export the model in evaluation mode, not training mode."
        )
    return least


def _speed(session: Session, view: NDArray[np.generic]) -> tuple[float, int]:
    taken: list[float] = []
    begin = time.perf_counter()
    while len(taken) < WARM_UP + LEAST_RUNS or (
        len(taken) < WARM_UP + MOST_RUNS and time.perf_counter() - begin < MOST_SECONDS
    ):
        start = time.perf_counter()
        session.run(view[None])
        taken.append(time.perf_counter() - start)
    runs = taken[WARM_UP:]
    return statistics.median(runs) * 1000, len(runs)


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
        Bytes of ``model.onnx`` and ``encoder.json``.
    found
        Per decision, what it rests on.
    batches
        Whether the graph takes several pictures at once.
    trial
        How it did.
    """

    files: ModelFiles
    read: Read
    model: bytes
    config: bytes
    found: Mapping[str, str]
    batches: bool
    trial: Trial

    @property
    def id(self) -> str:
        """Its identity."""
        return encoder_id(self.model, self.config)


def examine(model: Path, config: Path | None = None, photo: bytes | None = None) -> Examined:
    """Find out what a model is, and try it.

    Parameters
    ----------
    model
        An ONNX file, or a folder with one.
    config
        An ``encoder.json`` that says all.
    photo
        What to encode; default: a drawn one.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    RequestError
        If ``photo`` cannot be read.
    """
    files = find_files(model, config)
    data = files.path.read_bytes()
    read = read_model(data)
    try:
        inputs, outputs = graph_signature(files.path)
    except InvalidEncoderError as error:
        raise InvalidEncoderError(
            f"{error.detail} (onnxruntime {version('onnxruntime')}): export it with operators and an opset that this "
            "version has."
        ) from error
    made, found = detect(files, read, inputs, outputs, hashlib.sha256(data).hexdigest())
    parsed = EncoderConfig.parse(made)
    batches = any(tensor.name == parsed.input_name and tensor.shape[:1] == (None,) for tensor in inputs)
    trial = try_encoder(parsed, files.path, photo or drawn_photos()[0], batches=batches)
    return Examined(files, read, data, made, found, batches, trial)
