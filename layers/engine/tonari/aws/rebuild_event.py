"""What the rebuild function is told by an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonari.errors import InvalidRequestError

ACCEPT = "accept"


def accepts(event: Mapping[str, Any]) -> bool:
    """Tell whether the owner wants the snapshot however much worse it is.

    Raises
    ------
    InvalidRequestError
        If the event has a field that is not known, or not of its type.
    """
    unknown = sorted(event.keys() - {ACCEPT})
    if unknown:
        raise InvalidRequestError(f"A rebuild takes an event with {ACCEPT!r} or none, not {unknown[0]!r:.40}.")
    accept = event.get(ACCEPT, False)
    if not isinstance(accept, bool):
        raise InvalidRequestError(f"{ACCEPT!r} is true or false, not {accept!r:.40}.")
    return accept
