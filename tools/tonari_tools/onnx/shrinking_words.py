"""An encoder of texts, or of pictures and texts, -> a smaller one, and what each of its ends lost by it."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx

from tonari.contract.encoder import CONFIG
from tonari.encoders.bundle import Bundle
from tonari.encoders.joint import JointEncoder
from tonari.encoders.port import Encoder
from tonari.encoders.store import open_encoder
from tonari.errors import InvalidEncoderError, RequestError
from tonari_tools.models.check import megabytes
from tonari_tools.models.texts.examine_texts import ExaminedWords
from tonari_tools.models.texts.graphs import on_disk
from tonari_tools.onnx.agreement import Agreement, Photographs, Reader, measure_agreement
from tonari_tools.onnx.graph_writer import serialise
from tonari_tools.onnx.int8_weights import expose_kernels, store_int8
from tonari_tools.onnx.sample_texts import SampleTexts
from tonari_tools.onnx.shrinking import DIGITS, LEAST_AGREEMENT, ROUNDING
from tonari_tools.onnx.text_tables import store_tables
from tonari_tools.tables import align

WARM_UP, RUNS = 2, 9
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class ShrunkWords:
    """A shrunk encoder.

    Parameters
    ----------
    agreement
        With the original: of ``text`` and, if it is joint, of ``image``.
    drawn
        Of them those that were measured over what is drawn.
    milliseconds
        A text on one thread, by the original and by this one: medians of ``RUNS``, taken in turns.
    """

    bundle: Bundle
    agreement: Mapping[str, Agreement]
    drawn: frozenset[str]
    milliseconds: tuple[float, float]


def shrink_words(examined: ExaminedWords, texts: SampleTexts, photographs: Photographs) -> ShrunkWords:
    """Store the weights and tables of all graphs of an encoder in int8; the same input gives the same bytes.

    Raises
    ------
    InvalidEncoderError
        If there is nothing to shrink, or the result agrees less than ``LEAST_AGREEMENT`` says.
    """
    before = examined.bundle
    graphs = {name: data for name, data in before.files.items() if name.endswith(".onnx")}
    stored = {name: _stored(data) for name, data in graphs.items()}
    smaller = {name: data for name, data in stored.items() if len(data) < len(graphs[name])}
    if not smaller:
        sizes = ", ".join(f"{name} {len(data):,} -> {len(stored[name]):,}" for name, data in graphs.items())
        raise InvalidEncoderError(f"With weights in int8 no graph is smaller ({sizes} bytes): it is small already.")
    after = Bundle({**before.files, **smaller})
    with on_disk(before.files) as old, on_disk(after.files) as new:
        one, two = open_encoder(before.about, old), open_encoder(after.about, new)
        agreement = {"text": _over_texts(one, two, texts.texts)}
        if isinstance(one, JointEncoder) and isinstance(two, JointEncoder):
            views = Reader(one.pictures).views(photographs.measuring)
            agreement["image"] = measure_agreement(one.pictures, two.pictures, views)
        speeds = _speeds(one, two, max(texts.texts, key=len))
    for what, found in agreement.items():
        if not found.mean >= LEAST_AGREEMENT["int8"]:
            raise InvalidEncoderError(
                f"The shrunk encoder's mean cosine to the original is {found.mean:.4f} over {found.photographs} "
                f"{_plural(what)}, the limit is {LEAST_AGREEMENT['int8']}: nothing was written; use it as it is."
            )
    drawn = frozenset(what for what, is_drawn in (("text", texts.drawn), ("image", photographs.drawn)) if is_drawn)
    config = _config(examined, smaller, agreement, drawn)
    return ShrunkWords(Bundle({**after.files, CONFIG: config}), agreement, drawn, speeds)


def _stored(data: bytes) -> bytes:
    model = onnx.load_from_string(data)
    rounding = sorted({node.op_type for node in model.graph.node} & ROUNDING)
    if rounding:
        raise InvalidEncoderError(f"A graph rounds already ({', '.join(rounding)}): shrink the one it was made from.")
    return serialise(store_int8(store_tables(expose_kernels(model))))


def _over_texts(one: Encoder, two: Encoder, texts: Sequence[str]) -> Agreement:
    cosines: list[float] = []
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        try:
            first, second = (encoder.encode_texts(some, "passage").embeddings for encoder in (one, two))
        except RequestError as error:
            raise InvalidEncoderError(f"The encoders do not take the texts: {error.detail}") from error
        cosines += (first.astype(np.float64) * second).sum(axis=1).tolist()
    mean, p1, least = np.mean(cosines), np.quantile(cosines, 0.01), np.min(cosines)
    return Agreement(float(mean), float(p1), float(least), len(cosines))


def _speeds(one: Encoder, two: Encoder, text: str) -> tuple[float, float]:
    taken: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(WARM_UP + RUNS):
        for place, encoder in enumerate((one, two)):
            start = time.perf_counter()
            encoder.encode_texts([text], "passage")
            taken[place].append(time.perf_counter() - start)
    first, second = (statistics.median(times[WARM_UP:]) * 1000 for times in taken.values())
    return first, second


def _config(
    examined: ExaminedWords, graphs: Mapping[str, bytes], agreement: Mapping[str, Agreement], drawn: frozenset[str]
) -> bytes:
    about: dict[str, Any] = json.loads(examined.bundle.config)
    about["name"] = f"{about['name']}-int8"
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in graphs.items()}
    about["sha256"] = {**about.get("sha256", {}), **hashes}
    cosines = {what: _rounded(found) for what, found in agreement.items()}
    how = "weights and tables stored in int8"
    about["shrunk"] = {"from": examined.id, "how": how, "drawn": sorted(drawn), "agreement": cosines}
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def _rounded(agreement: Agreement) -> dict[str, float]:
    said = asdict(agreement)
    return {"over": said.pop("photographs"), **{name: round(value, DIGITS) for name, value in said.items()}}


def _plural(what: str) -> str:
    return {"text": "texts", "image": "pictures"}[what]


def report_words_shrunk(examined: ExaminedWords, shrunk: ShrunkWords) -> str:
    """Say name, agreement, size and speed, beside the original's."""
    before, after = shrunk.milliseconds
    size = sum(map(len, shrunk.bundle.files.values()))

    def over(what: str, one: Agreement) -> str:
        return f"over {one.photographs} {'drawn ' if what in shrunk.drawn else ''}{_plural(what)}"

    rows = [
        ["name", shrunk.bundle.about.name],
        ["how", "weights and tables stored in int8"],
        *(
            [
                _plural(what),
                f"cosine {one.mean:.4f} mean, {one.p1:.4f} p1, {one.least:.4f} least, {over(what, one)}",
            ]
            for what, one in shrunk.agreement.items()
        ),
        ["size", f"{megabytes(examined.size)} -> {megabytes(size)}"],
        ["speed", f"{before:.1f} -> {after:.1f} ms the longest text, medians of {RUNS} taken in turns, one thread"],
        ["encoder", shrunk.bundle.id],
    ]
    if "text" in shrunk.drawn:
        rows.append(["note", "names of the drawn shop are not your texts: --texts measures over yours"])
    return align(rows)
