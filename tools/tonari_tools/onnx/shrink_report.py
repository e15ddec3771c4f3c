"""What shrinking did to an encoder, as lines for people."""

from __future__ import annotations

from tonari.encoders.image import EncoderConfig, encoder_id
from tonari_tools.cli.tables import align
from tonari_tools.models.examine import Examined
from tonari_tools.models.report import megabytes
from tonari_tools.onnx.shrink import RUNS, Shrunk


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
