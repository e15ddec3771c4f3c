"""The event of the rebuild function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from tonari.contract.decoding import decode


class RebuildEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rebuild is started with.

    Parameters
    ----------
    accept
        Publish the snapshot however much worse it is than the live one.
    """

    accept: Annotated[bool, Meta(description="Publish the snapshot however much worse it is than the live one.")] = (
        False
    )


def read_rebuild_event(event: Mapping[str, Any]) -> RebuildEvent:
    """Read an event.

    Raises
    ------
    InvalidRequestError
        If it has a field that is not known, or not of its type.
    """
    return decode(event, RebuildEvent)
