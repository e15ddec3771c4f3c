"""What is known of an encoder, as lines for people."""

from __future__ import annotations

from tonari.encoders.image import EncoderConfig
from tonari.images.framing import Framing
from tonari.images.tensor import TensorForm
from tonari_tools.models.check import Examined, Trial
from tonari_tools.tables import align


def report(examined: Examined) -> str:
    """Say what was found, why, and how it did."""
    config, read, trial = EncoderConfig.parse(examined.config), examined.read, examined.trial
    found = {part: f"({why})" for part, why in examined.found.items()}
    rows = [
        [
            "model",
            f"{examined.files.path}, {megabytes(len(examined.model))}, {read.operators} operators, opset {read.opset}",
        ],
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
    cut = (framing.height, framing.width)
    if framing.squashed:
        resized = f"squashed to {framing.squashed[0]} x {framing.squashed[1]}"
        centre = "" if framing.squashed == cut else f", centre {cut[0]} x {cut[1]}"
    else:
        resized, centre = f"shortest edge {framing.shortest_edge}", f", centre {cut[0]} x {cut[1]}"
    return f"{resized}{centre}, {framing.resample}"


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
