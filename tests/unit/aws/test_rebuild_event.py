from __future__ import annotations

from typing import Any

import pytest

from tonari.aws.rebuild_event import RebuildEvent
from tonari.contract.decoding import decode
from tonari.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("event", "expected"),
    [({}, False), ({"accept": False}, False), ({"accept": None}, False), ({"accept": True}, True)],
)
def test_an_order_is_read(event: dict[str, Any], *, expected: bool) -> None:
    assert decode(event, RebuildEvent) == RebuildEvent(accept=expected)


@pytest.mark.parametrize("event", [{"acept": True}, {"accept": 1}, {"accept": "true"}, {"x": 1}])
def test_what_is_no_order_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="accept"):
        decode(event, RebuildEvent)
