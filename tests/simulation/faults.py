"""What can happen to a request, and how it is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol

from simulation.store import Call


class Fault(StrEnum):
    """What happens to one request.

    boto3 tries a request again after a fault of the server or the connection, up to four times: ``retried`` is a write
    that was done, and is done again after others have had their turn; the others are what is left when it gives up.
    """

    UNAVAILABLE = "503, nothing was done"
    CONFLICT = "409, nothing was done"
    RESET = "connection reset, nothing was done"
    LOST = "done, the answer was lost"
    RETRIED = "done, the answer was lost, tried again"
    TRUNCATED = "the body breaks off"
    STALL_BEFORE = "the actor stalls before the request"
    STALL_AFTER = "the actor stalls after the request"
    CRASH_BEFORE = "the actor dies before the request"
    CRASH_AFTER = "the actor dies after the request"


class Faults(Protocol):
    """Draws what happens to a request."""

    def draw(self, call: Call) -> Fault | None: ...

    def stall(self) -> float:
        """Draw how long an actor stalls, in seconds."""


def possible(fault: Fault, call: Call) -> bool:
    """Tell whether a request can meet a fault."""
    match fault:
        case Fault.CONFLICT:
            return call.conditional
        case Fault.RETRIED:
            return call.what in ("create", "replace", "put", "delete")
        case Fault.TRUNCATED:
            return call.what == "get"
        case _:
            return True


CONDITIONAL = 3
"""So much likelier are faults of conditional writes, on which all rests."""


@dataclass
class Drawn:
    """Faults by their odds for each request; none once it is :attr:`over`.

    Parameters
    ----------
    odds
        Of a request that is no conditional write.
    spared
        Actors whose requests always succeed.
    """

    random: Random
    odds: Mapping[Fault, float]
    spared: frozenset[str] = frozenset()
    over: bool = False
    counts: Counter[Fault] = field(default_factory=Counter)

    def draw(self, call: Call) -> Fault | None:
        if self.over or call.actor in self.spared:
            return None
        number = self.random.random() / (CONDITIONAL if call.conditional else 1)
        for fault, odds in self.odds.items():
            number -= odds
            if number < 0:
                if not possible(fault, call):
                    return None
                self.counts[fault] += 1
                return fault
        return None

    def stall(self) -> float:
        """From seconds to two days, each order of magnitude as likely as the next."""
        return 10 ** self.random.uniform(0.5, 5.2)


@dataclass
class CrashAt:
    """An actor dies before or after its ``number``-th request (from 1), once."""

    actor: str
    number: int
    fault: Fault
    seen: int = 0

    @property
    def hit(self) -> bool:
        return self.seen >= self.number

    def draw(self, call: Call) -> Fault | None:
        if call.actor != self.actor:
            return None
        self.seen += 1
        return self.fault if self.seen == self.number else None

    def stall(self) -> float:
        return 0.0
