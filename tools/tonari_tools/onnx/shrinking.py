"""An encoder -> a smaller one, and what it lost by it."""

from __future__ import annotations

import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from tonari.contract.encoder import CONFIG, MODEL
from tonari.encoders.image import EncoderConfig, ImageEncoder, encoder_id
from tonari.errors import InvalidCatalogueError, InvalidEncoderError
from tonari_tools.models.check import Examined, examine, megabytes
from tonari_tools.onnx.agreement import LEAST, Agreement, Photographs, Reader, measure_agreement
from tonari_tools.onnx.graph_writer import serialise
from tonari_tools.onnx.int8_weights import channel_axes, expose_kernels, store_int8
from tonari_tools.onnx.static_int8 import choose_static
from tonari_tools.tables import align

LEAST_AGREEMENT = {"int8": 0.995, "qdq": 0.99}
"""Mean cosine to the original that a shrunk encoder must have: weights stored in int8, and static."""
ROUNDING = frozenset(
    {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear"}
)
DIGITS = 4
WARM_UP, RUNS = 2, 15


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A shrunk encoder.

    Parameters
    ----------
    model, config
        Bytes of ``model.onnx`` and ``encoder.json``.
    how
        What was done.
    agreement
        With the original.
    drawn
        Whether that was measured over drawn pictures.
    milliseconds
        A picture on one thread, by the original and by this one: medians of ``RUNS``, taken in turns.
    rejected
        By name, why a photograph could not be read.
    """

    model: bytes
    config: bytes
    how: str
    agreement: Agreement
    drawn: bool
    milliseconds: tuple[float, float]
    rejected: Mapping[str, str]


def shrink(examined: Examined, photographs: Photographs) -> Shrunk:
    """Store an encoder's weights in int8; if there are photographs to calibrate on, make its graph static int8.

    The same encoder and photographs give the same bytes.

    Raises
    ------
    InvalidEncoderError
        If there is nothing to shrink, the result does not work, or it agrees less than ``LEAST_AGREEMENT`` says.
    InvalidCatalogueError
        If fewer than ``LEAST`` photographs can be read.
    """
    with examined.on_disk() as path:
        original = ImageEncoder(EncoderConfig.parse(examined.config), path)
    reader = Reader(original)
    calibrating = list(reader.views(photographs.calibrating))
    kind = "qdq" if photographs.calibrating else "int8"
    if kind == "qdq" and not calibrating:
        _check_read(0, reader.rejected)
    if kind == "qdq":
        static = choose_static(_plain(examined), original, calibrating)
        model, how = static.model, f"static int8, {static.rounded} of {static.layers} layers"
    else:
        model, how = _stored(examined), "weights stored in int8"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, MODEL)
        path.write_bytes(model)
        shrunk = ImageEncoder(original.config, path)
        agreement = measure_agreement(original, shrunk, reader.views(photographs.measuring))
        _check_read(len(calibrating) + agreement.photographs, reader.rejected)
        _check(agreement, LEAST_AGREEMENT[kind], drawn=photographs.drawn)
        view = next(Reader(original).views(photographs.measuring[::-1]))
        about = {"how": how, "calibrated_on": len(calibrating), "drawn": photographs.drawn}
        config = _config(examined, model, kind, agreement, about)
        Path(folder, CONFIG).write_bytes(config)
        examine(path)
        speeds = _speeds(original, shrunk, view)
    return Shrunk(model, config, how, agreement, photographs.drawn, speeds, reader.rejected)


def _plain(examined: Examined) -> onnx.ModelProto:
    model = onnx.load_from_string(examined.model)
    rounding = sorted({node.op_type for node in model.graph.node} & ROUNDING)
    if rounding:
        raise InvalidEncoderError(f"The graph rounds already ({', '.join(rounding)}): shrink the one it was made from.")
    plain = expose_kernels(model)
    if not channel_axes(plain.graph):
        raise InvalidEncoderError(
            "The graph has no float32 weights of convolutions or linear layers: nothing would be smaller."
        )
    return plain


def _stored(examined: Examined) -> bytes:
    model = serialise(store_int8(_plain(examined)))
    if len(model) >= len(examined.model):
        raise InvalidEncoderError(
            f"With weights in int8 the graph has {len(model):,} bytes, as it stands {len(examined.model):,}: it is "
            "small already."
        )
    return model


def _check_read(count: int, rejected: Mapping[str, str]) -> None:
    if count < LEAST:
        name, why = next(iter(rejected.items()))
        raise InvalidCatalogueError(
            f"Of {count + len(rejected)} pictures {count} can be read, {LEAST} are needed ({name}: {why})"
        )


def _check(agreement: Agreement, least: float, *, drawn: bool) -> None:
    if not agreement.mean >= least:
        over = f"{agreement.photographs} {'drawn pictures' if drawn else 'photographs'}"
        raise InvalidEncoderError(
            f"The shrunk encoder's mean cosine to the original is {agreement.mean:.4f} over {over}, the limit is "
            f"{least}: nothing was written; use the encoder as it is."
        )


def _config(examined: Examined, model: bytes, kind: str, agreement: Agreement, about: Mapping[str, Any]) -> bytes:
    config: dict[str, Any] = json.loads(examined.config)
    config["name"] = f"{config['name']}-{kind}"
    if "model_sha256" in config:
        config["model_sha256"] = hashlib.sha256(model).hexdigest()
    cosines = {name: round(getattr(agreement, name), DIGITS) for name in ("mean", "p1", "least")}
    config["shrunk"] = {"from": examined.id, **about, "agreement": cosines, "photographs": agreement.photographs}
    return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()


def _speeds(original: ImageEncoder, shrunk: ImageEncoder, view: NDArray[Any]) -> tuple[float, float]:
    taken: dict[ImageEncoder, list[float]] = {original: [], shrunk: []}
    for _ in range(WARM_UP + RUNS):
        for encoder, times in taken.items():
            start = time.perf_counter()
            encoder.embed([view])
            times.append(time.perf_counter() - start)
    first, second = (statistics.median(times[WARM_UP:]) * 1000 for times in taken.values())
    return first, second


def report(examined: Examined, shrunk: Shrunk) -> str:
    """Say name, agreement, size and speed, beside the original's."""
    agreement = shrunk.agreement
    over = f"over {agreement.photographs} {'drawn pictures' if shrunk.drawn else 'photographs'}"
    before, after = shrunk.milliseconds
    rows = [
        ["name", EncoderConfig.parse(shrunk.config).name],
        ["how", shrunk.how],
        ["agrees", f"cosine {agreement.mean:.4f} mean, {agreement.p1:.4f} p1, {agreement.least:.4f} least, {over}"],
        ["size", f"{megabytes(len(examined.model))} -> {megabytes(len(shrunk.model))}"],
        ["speed", f"{before:.1f} -> {after:.1f} ms a picture, medians of {RUNS} taken in turns, one thread"],
    ]
    if shrunk.rejected:
        rows.append(["unread", f"{len(shrunk.rejected)} pictures, passed over"])
    rows.append(["encoder", encoder_id(shrunk.model, shrunk.config)])
    if shrunk.drawn:
        rows.append(["note", "drawn pictures are not photographs: --photos DIR measures over yours"])
    return align(rows)
