"""Pixels -> the numbers in which a graph wants them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

DType = Literal["uint8", "float32"]
Layout = Literal["NHWC", "NCHW"]
Channels = Literal["RGB", "BGR"]
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TensorForm:
    """How a graph takes pixels.

    Parameters
    ----------
    dtype
        ``uint8``: as they are. ``float32``: ``(value / 255 - mean) / std``.
    mean, std
        Per channel in the order of ``channels``, on the scale of 0 to 1; for float32 only.

    Raises
    ------
    ValueError
        If it names something else.
    """

    dtype: DType = "uint8"
    layout: Layout = "NHWC"
    channels: Channels = "RGB"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for name, allowed in (("dtype", DType), ("layout", Layout), ("channels", Channels)):
            if getattr(self, name) not in get_args(allowed):
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(get_args(allowed))}")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) != 3 or not all(map(math.isfinite, values)):
                raise ValueError(f"{name} {values} is not three numbers")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} must be above 0")


RAW = TensorForm()
"""Pixels as they are decoded."""


def to_tensor(pixels: NDArray[np.uint8], form: TensorForm) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Give pixels the form that a graph takes; raw ones are not copied.

    Parameters
    ----------
    pixels : (height, width, 3) uint8
        RGB.

    Returns
    -------
    (height, width, 3) or (3, height, width), C-contiguous
        Floats are rounded once, from float64.
    """
    if form == RAW:
        return pixels
    ordered = pixels if form.channels == "RGB" else pixels[..., ::-1]
    axis = -1 if form.layout == "NHWC" else 0
    planes = [ordered[..., channel] for channel in range(3)]
    if form.dtype == "uint8":
        return np.ascontiguousarray(np.stack(planes, axis))
    levels = (np.arange(256) / 255 - np.array(form.mean)[:, None]) / np.array(form.std)[:, None]
    tables = levels.astype(np.float32)
    return np.ascontiguousarray(np.stack([table[plane] for table, plane in zip(tables, planes, strict=True)], axis))
