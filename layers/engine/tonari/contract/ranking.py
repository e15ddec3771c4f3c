"""How a shop orders what a search finds: boosts by fields, and items that are pinned first or buried last."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tonari.contract.parameters import MOST_ID_BYTES, NOT_EMPTY, ItemId

MOST_BOOSTS = 5
MOST_BOOST = 0.5
"""The sum of all boosts' weights, without their signs: what an item's score can gain or lose at most."""
MOST_PINS = 100
MOST_BURIED = 1_000

MOST_NUMBER = 1e300
Number = Annotated[float, Meta(ge=-MOST_NUMBER, le=MOST_NUMBER)]


class Boost(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a field adds to an item's score: ``weight`` times a function from 0 to 1 of the field's value.

    An item without the field gains nothing.

    Raises
    ------
    ValueError
        If the function lacks a parameter, or has one of another function.
    """

    field: Annotated[str, NOT_EMPTY, Meta(description="A field.", extra={"is": "the name of a field"})]
    weight: Annotated[
        float,
        Meta(
            ge=-MOST_BOOST,
            le=MOST_BOOST,
            description="What is added at most. Negative: such items come later.",
            extra={"is": f"a number from -{MOST_BOOST:g} to {MOST_BOOST:g}"},
        ),
    ]
    function: Annotated[
        Literal["linear", "log", "age"],
        Meta(
            description="`linear`: 0 at `low`, 1 at `high`, in between in proportion; true counts as 1. `log`: "
            "`log(1 + value) / log(1 + high)`. `age`: of a date, halved with every `half_life`. All end at 0 and at 1.",
        ),
    ] = "linear"
    low: Annotated[
        Number | None,
        Meta(
            description="Of `linear`: the value that adds nothing, 0 unless given. It may be greater than `high`: then "
            "low values count.",
            extra={"is": f"a number from -{MOST_NUMBER:g} to {MOST_NUMBER:g}"},
        ),
    ] = None
    high: Annotated[
        Number | None,
        Meta(
            description="Of `linear` and `log`: the value from which on the whole weight is added. 1 unless given.",
            extra={"is": f"a number from -{MOST_NUMBER:g} to {MOST_NUMBER:g}"},
        ),
    ] = None
    half_life: Annotated[
        Annotated[float, Meta(gt=0, le=1e6)] | None,
        Meta(description="Of `age`: days.", extra={"is": "a number of days over 0, at most 1,000,000"}),
    ] = None

    def __post_init__(self) -> None:
        """Check that the parameters are those of the function."""
        if self.function == "age":
            if self.half_life is None:
                raise ValueError("A boost by 'age' needs 'half_life', the days in which it falls to half.")
            if self.low is not None or self.high is not None:
                raise ValueError("A boost by 'age' has no 'low' and 'high': leave them out.")
            return
        if self.half_life is not None:
            raise ValueError(f'\'half_life\' goes with "function": "age", not with {self.function!r}.')
        if self.function == "log":
            if self.low is not None:
                raise ValueError("A boost by 'log' begins at the value 0: leave 'low' out.")
            if self.top <= 0:
                raise ValueError(f"A boost by 'log' needs a 'high' over 0, not {self.top:g}.")
        elif self.bottom == self.top:
            raise ValueError(f"A boost's 'low' and 'high' are both {self.top:g}: give two values.")

    @property
    def bottom(self) -> float:
        """The value that adds nothing."""
        return 0.0 if self.low is None else self.low

    @property
    def top(self) -> float:
        """The value from which on the whole weight is added."""
        return 1.0 if self.high is None else self.high


Boosts = Annotated[
    tuple[Boost, ...],
    Meta(
        max_length=MOST_BOOSTS,
        description="What fields add to the order: each item is ranked by its `score` and `weight` times a function of "
        f"a field, see [Ranking](#ranking). At most {MOST_BOOSTS}, whose weights make {MOST_BOOST:g} together at most.",
        examples=[[{"field": "sales", "weight": 0.05, "function": "log", "high": 1000}]],
        extra={"is": f'a list of at most {MOST_BOOSTS} objects such as {{"field": "sales", "weight": 0.05}}'},
    ),
]
Pins = Annotated[
    tuple[ItemId, ...],
    Meta(
        max_length=MOST_PINS,
        description=f"Ids of up to {MOST_PINS} items that come first, in this order, if they match `filter` and `ids`, "
        "however similar they are.",
        examples=[["red-shirt"]],
        extra={"is": f"a list of at most {MOST_PINS} item ids, each of at most {MOST_ID_BYTES} bytes"},
    ),
]
Buried = Annotated[
    tuple[ItemId, ...],
    Meta(
        max_length=MOST_BURIED,
        description=f"Ids of up to {MOST_BURIED:,} items that come last, after all others.",
        examples=[["red-sock"]],
        extra={"is": f"a list of at most {MOST_BURIED:,} item ids, each of at most {MOST_ID_BYTES} bytes"},
    ),
]


def check_boosts(boosts: tuple[Boost, ...]) -> None:
    """Check what all boosts add together.

    Raises
    ------
    ValueError
    """
    most = math.fsum(abs(one.weight) for one in boosts)
    if most > MOST_BOOST + 1e-9:
        raise ValueError(
            f"The weights of 'boost' make {most:g} together, at most {MOST_BOOST:g}: lower them. Scores of one "
            "catalogue often differ by less than 0.2."
        )
