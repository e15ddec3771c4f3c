"""``encoder.json``: what the engine must know to run a graph."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tonari.errors import InvalidEncoderError
from tonari.images.framing import Framing
from tonari.images.tensor import RAW, TensorForm

PREPROCESSING_OF_FORMAT = {1: 1, 2: 2}
"""Version of the preprocessing that goes with each format."""
FORMAT = max(PREPROCESSING_OF_FORMAT)


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """What ``encoder.json`` says.

    Format 1 has raw pixels (uint8, NHWC) cut out of the exact centre; format 2 says all of :class:`Framing` and
    :class:`TensorForm`.

    Parameters
    ----------
    name
        For people.
    input_name, output_name
        Names in the ONNX graph: pixels in, float32 ``(batch, dimensions)`` out.
    framing
        How a picture becomes pixels.
    dimensions
        ``D``, the length of an embedding.
    form
        How the pixels become the input.
    """

    name: str
    input_name: str
    output_name: str
    framing: Framing
    dimensions: int
    form: TensorForm = RAW

    @classmethod
    def parse(cls, data: bytes) -> EncoderConfig:
        """Read ``encoder.json``.

        Raises
        ------
        InvalidEncoderError
            If a field is missing or says something this version cannot do.
        """
        try:
            raw: dict[str, Any] = json.loads(data)
            given, pre = raw["input"], raw["preprocessing"]
            _check_format(raw["format"], pre["version"])
            if raw["metric"] != "cosine":
                raise InvalidEncoderError("encoder.json must say metric cosine.")
            if int(raw["dimensions"]) < 1:
                raise InvalidEncoderError(f"encoder.json has dimensions {raw['dimensions']}; at least 1 is needed.")
            plain = raw["format"] == 1
            return cls(
                name=str(raw["name"]),
                input_name=str(given["name"]),
                output_name=str(raw["output"]["name"]),
                framing=_plain_framing(given, pre) if plain else _framing(given, pre),
                dimensions=int(raw["dimensions"]),
                form=_plain_form(given) if plain else _form(given),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InvalidEncoderError(f"encoder.json is not of the documented form: {error!r}.") from error


def _check_format(number: Any, version: Any) -> None:
    if number not in PREPROCESSING_OF_FORMAT or PREPROCESSING_OF_FORMAT[number] != version:
        reads = " and ".join(
            f"format {known} with preprocessing {its}" for known, its in PREPROCESSING_OF_FORMAT.items()
        )
        raise InvalidEncoderError(
            f"encoder.json has format {number} and preprocessing {version}; this version reads {reads}: "
            "update one of them."
        )


def _plain_form(given: dict[str, Any]) -> TensorForm:
    if (given["dtype"], given["layout"]) != ("uint8", "NHWC"):
        raise InvalidEncoderError("encoder.json of format 1 must say input uint8 in layout NHWC; format 2 says more.")
    return RAW


def _plain_framing(given: dict[str, Any], pre: dict[str, Any]) -> Framing:
    return Framing(
        height=int(given["height"]),
        width=int(given["width"]),
        shortest_edge=int(pre["shortest_edge"]),
        resample=pre["resample"],
        background=tuple(pre["background"]),
    )


def _form(given: dict[str, Any]) -> TensorForm:
    scale = {name: _three(given[name]) for name in ("mean", "std")} if given["dtype"] == "float32" else {}
    return TensorForm(given["dtype"], given["layout"], given["channels"], **scale)


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


def _framing(given: dict[str, Any], pre: dict[str, Any]) -> Framing:
    resize = pre["resize"]
    edge = resize.get("shortest_edge")
    return Framing(
        height=int(given["height"]),
        width=int(given["width"]),
        shortest_edge=None if edge is None else int(edge),
        resample=pre["resample"],
        background=tuple(pre["background"]),
        squashed=None if edge is not None else (int(resize["height"]), int(resize["width"])),
        rounding="pixels",
    )
