"""How an encoder does: tried with a photograph, black, white, and several pictures at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.encoders.onnx import Session
from tonari.errors import InvalidEncoderError, UnencodableImageError
from tonari_shop.assortment import assortment
from tonari_shop.studio import photograph

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
    session = Session(model, (config.input_name,), config.output_name, 1, UnencodableImageError)

    def run(batch: NDArray[np.generic]) -> NDArray[np.float32]:
        return session.run({config.input_name: batch})

    length = float(np.linalg.norm(run(view[None]).astype(np.float64)))
    agreement = _agreement(run, [view, *map(encoder.read, drawn_photos()[1:])]) if batches else None
    milliseconds, runs = _speed(run, view)
    return Trial(length, milliseconds, runs, agreement)


Run = Callable[[NDArray[np.generic]], NDArray[np.float32]]


def _flat(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


def _agreement(run: Run, views: list[NDArray[np.generic]]) -> float | None:
    """Compare with a batch; a graph that fails on one is no worse for it, as views are encoded one by one."""
    alone = np.concatenate([run(view[None]) for view in views]).astype(np.float64)
    try:
        together = run(np.stack(views)).astype(np.float64)
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


def _speed(run: Run, view: NDArray[np.generic]) -> tuple[float, int]:
    taken: list[float] = []
    begin = time.perf_counter()
    while len(taken) < WARM_UP + LEAST_RUNS or (
        len(taken) < WARM_UP + MOST_RUNS and time.perf_counter() - begin < MOST_SECONDS
    ):
        start = time.perf_counter()
        run(view[None])
        taken.append(time.perf_counter() - start)
    runs = taken[WARM_UP:]
    return statistics.median(runs) * 1000, len(runs)
