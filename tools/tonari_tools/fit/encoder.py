"""A backbone and what was learned -> the files of a new encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tonari.encoders.image import EncoderConfig
from tonari_tools.fit.head import append_head
from tonari_tools.fit.learn import Learned

WITHOUT_LABELS = "PCA"
SUFFIX = "-fit"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Taught:
    """What a fit was made from, as ``encoder.json`` tells it.

    Parameters
    ----------
    backbone
        Id of the encoder to which the head was appended.
    views, items
        Of the sample.
    fit_views, held_out_views
        Of its parts.
    split_by
        Field whose hash divides them, empty for the id.
    attributes
        How many classes each has.
    seed
        Of all that was drawn.
    """

    backbone: str
    views: int
    items: int
    fit_views: int
    held_out_views: int
    split_by: str
    attributes: Mapping[str, int]
    seed: int


def derive(model: bytes, config: bytes, learned: Learned, taught: Taught) -> tuple[bytes, bytes]:
    """Append the head and say in ``encoder.json`` where it comes from; the same input gives the same bytes.

    Returns
    -------
    The bytes of ``model.onnx`` and of ``encoder.json``.

    Raises
    ------
    InvalidEncoderError
        If the graph does not take a head.
    """
    graph, output = append_head(model, EncoderConfig.parse(config).output_name, learned.projection)
    about: dict[str, Any] = json.loads(config)
    about["name"] += SUFFIX
    about["output"] = {**about["output"], "name": output, "normalized": True}
    about["dimensions"] = learned.projection.dimensions
    parameters = learned.parameters
    about["fit"] = {
        **asdict(taught),
        "method": parameters.method if parameters else WITHOUT_LABELS,
        "parameters": asdict(parameters) if parameters else {},
        "figures": [
            {
                "of": f"{change.task} {change.name}",
                "before": round(change.before, DIGITS),
                "after": round(change.after, DIGITS),
                "interval": [round(change.low, DIGITS), round(change.high, DIGITS)],
            }
            for change in learned.changes
        ],
    }
    return graph, (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def backbone_of(config: bytes) -> str | None:
    """Tell from which encoder an encoder was fitted; None if from none."""
    found = json.loads(config).get("fit")
    return found["backbone"] if isinstance(found, dict) else None
