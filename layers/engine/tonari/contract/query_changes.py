"""What changes a query before it is searched with: a region of its picture, and classes that it is moved towards."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from tonari.contract.normal_form import in_nfc
from tonari.contract.parameters import require_finite

MOST_SHIFTS = 3
PICTURE_QUERIES = ("image", "upload")
"""Those that a picture comes with."""
ROUNDING = 1e-6
"""By so much a region may reach over the edge of its picture: sums of shares are rounded."""

Share = Annotated[float, Meta(ge=0, le=1)]
Length = Annotated[float, Meta(gt=0, le=1)]


class Box(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A box in a picture, in shares of its width and height.

    Raises
    ------
    ValueError
        If it reaches over the edge of the picture.
    """

    x: Annotated[
        Share, Meta(description="Its left edge, from 0 to 1.", extra={"is": "the box's left edge, from 0 to 1"})
    ]
    y: Annotated[
        Share, Meta(description="Its upper edge, from 0 to 1.", extra={"is": "the box's upper edge, from 0 to 1"})
    ]
    width: Annotated[
        Length, Meta(description="Over 0, at most 1.", extra={"is": "the box's width, over 0 and at most 1"})
    ]
    height: Annotated[
        Length, Meta(description="Over 0, at most 1.", extra={"is": "the box's height, over 0 and at most 1"})
    ]

    def __post_init__(self) -> None:
        """Check that it lies in the picture."""
        for start, length, edge in (("x", "width", "right"), ("y", "height", "lower")):
            end = getattr(self, start) + getattr(self, length)
            if end > 1 + ROUNDING:
                raise ValueError(
                    f"'region' reaches over the {edge} edge of the picture: {start} + {length} is {end:g}, it is 1 at "
                    "most."
                )


PictureRegion = Annotated[
    Box | None,
    Meta(
        description="Only this part of the picture is looked at: a box in shares of the picture's width and height as "
        "it is seen, upright. For `image` and `upload`.",
        examples=[{"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.5}],
        extra={"is": '{"x", "y", "width", "height"}, each from 0 to 1'},
    ),
]
Shift = Annotated[
    Annotated[dict[str, str | int | float | bool], Meta(min_length=1, max_length=MOST_SHIFTS)] | None,
    Meta(
        description="Classes that the items found shall rather have, by attribute: the query is moved towards them, "
        f"see [Shift](#shift). At most {MOST_SHIFTS} attributes.",
        examples=[{"color": "red"}],
        extra={"is": f'an object such as {{"color": "red"}}: at most {MOST_SHIFTS} attributes, each with one class'},
    ),
]


def read_shift(raw: dict[str, Any]) -> dict[str, Any]:
    """Give a shift with its names and texts in NFC.

    Raises
    ------
    ValueError
        If it holds what JSON cannot say.
    """
    require_finite("'shift'", raw)
    try:
        read: dict[str, Any] = in_nfc(raw)
    except ValueError as error:
        raise ValueError(f"'shift' cannot be read: {error}.") from error
    return read
