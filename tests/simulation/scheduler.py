"""Runs actors in threads of which one moves at a time: at each bucket call a seed decides who goes on.

Time and random names come from the seed as well (:mod:`simulation.machine`): it gives the same run again, call by call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from random import Random
from typing import NoReturn, TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from simulation.faults import Fault, Faults
from simulation.store import Call, SimulatedStore, Stored, refusal

Made = TypeVar("Made")
LATENCY = (0.005, 0.2)
"""Seconds that a request takes."""


class Crash(BaseException):
    """The process of the actor is dead: not even ``finally`` reaches the store any more."""


def _closed() -> threading.Lock:
    """Make a lock at which whoever comes waits, until somebody else releases it: once, for one of them."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class Actor:
    """Who runs a use case.

    Parameters
    ----------
    skew
        By how many seconds its own clock is wrong.
    vigour
        How often it goes on, beside that of others.
    """

    name: str
    run: Callable[[], None]
    skew: float = 0.0
    vigour: float = 1.0
    wakes: float = 0.0
    dead: bool = False
    ended: bool = False
    turn: threading.Lock = field(default_factory=_closed)


class Scheduler:
    """Passes a baton between actors.

    Parameters
    ----------
    restless
        How often another actor than the one that has the baton goes on, at a call.
    slowness
        How many times as long as usual a request takes.
    """

    def __init__(
        self, store: SimulatedStore, faults: Faults, random: Random, restless: float = 1.0, slowness: float = 1.0
    ) -> None:
        self.store, self.faults = store, faults
        self.trace: list[tuple[str, str, str, str]] = []
        self.tokens = Random(random.random())
        self._random, self._restless, self._slowness = random, restless, slowness
        self._actors: list[Actor] = []
        self._running: Actor | None = None
        self._failure: BaseException | None = None
        self._finished = _closed()
        store.gate = self._pass

    def add(
        self, name: str, run: Callable[[], None], *, skew: float = 0.0, vigour: float = 1.0, starts_in: float = 0.0
    ) -> None:
        """Add an actor, which ends when ``run`` does."""
        self._actors.append(Actor(name, run, skew, vigour, self.store.clock + starts_in))

    def run(self) -> None:
        """Run all actors to their end, and raise what one of them raised."""
        self._failure = None
        for actor in self._actors:
            threading.Thread(target=self._live, args=(actor,), daemon=True).start()
        if self._actors:
            self._hand_over()
            self._finished.acquire()
        self._running = None
        self._actors.clear()
        if self._failure:
            raise self._failure

    def sleep(self, seconds: float) -> None:
        """Let the running actor sleep while others go on."""
        actor = self._current()
        actor.wakes = self.store.clock + seconds
        self._switch(actor)

    def revive(self) -> None:
        """Give the running actor a new process, after a crash."""
        self._current().dead = self._failure is not None
        if self._failure:
            raise Crash

    def local_time(self) -> float:
        """Tell the time by the clock of the machine that runs now."""
        return self.store.clock + (self._running.skew if self._running else 0.0)

    def _current(self) -> Actor:
        if self._running is None:
            raise RuntimeError("nobody runs")
        return self._running

    def _live(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            if not actor.dead:
                actor.run()
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001
            self._failure = self._failure or error
        actor.ended = True
        self._hand_over()

    def _hand_over(self) -> None:
        """Let the next actor go on; when one has failed, the others die, and when all have ended, the run has."""
        left = [actor for actor in self._actors if not actor.ended]
        if self._failure:
            for actor in left:
                actor.dead = True
        if not left:
            self._finished.release()
            return
        self._running = self._choose(left)
        self._running.turn.release()

    def _choose(self, actors: list[Actor]) -> Actor:
        ready = [actor for actor in actors if actor.wakes <= self.store.clock or actor.dead]
        if not ready:
            self.store.clock = min(actor.wakes for actor in actors)
            ready = [actor for actor in actors if actor.wakes <= self.store.clock]
        return self._random.choices(ready, [actor.vigour for actor in ready])[0]

    def _switch(self, actor: Actor) -> None:
        """Let others go on until it is this actor's turn again."""
        chosen = self._choose([one for one in self._actors if not one.ended])
        if chosen is not actor:
            self._running = chosen
            chosen.turn.release()
            actor.turn.acquire()
        if actor.dead:
            raise Crash

    def _pass(self, call: Call, do: Callable[[], Made]) -> Made:
        """Let a request through, as the faults want it; one of nobody's is only watching."""
        actor = self._running
        if actor is None or not call.actor:
            return do()
        if actor.dead:
            raise Crash
        self.store.clock += self._random.uniform(*LATENCY) * self._slowness
        if self._random.random() < self._restless:
            self._switch(actor)
        fault = self.faults.draw(call)
        outcome = fault.name if fault else "ok"
        try:
            return self._suffer(actor, fault, do)
        except ClientError as error:
            outcome += f" {error.response['Error']['Code']}"
            raise
        finally:
            self.trace.append((call.actor, call.what, f"{call.bucket}/{call.key}", outcome))

    def _suffer(self, actor: Actor, fault: Fault | None, do: Callable[[], Made]) -> Made:
        if refused := _refusal_instead(fault):
            raise refused
        match fault:
            case Fault.STALL_BEFORE:
                self.sleep(self.faults.stall())
            case Fault.CRASH_BEFORE:
                self._die(actor)
        answer = _answer(do)
        match fault:
            case Fault.LOST:
                raise ReadTimeoutError(endpoint_url="simulated")
            case Fault.RETRIED:
                self._switch(actor)
                answer = _answer(do)
            case Fault.STALL_AFTER:
                self.sleep(self.faults.stall())
            case Fault.CRASH_AFTER:
                self._die(actor)
        made = answer.result()
        if fault is Fault.TRUNCATED and isinstance(made, Stored):
            return replace(made, data=made.data[: len(made.data) // 2])
        return made

    def _die(self, actor: Actor) -> NoReturn:
        actor.dead = True
        raise Crash


def _refusal_instead(fault: Fault | None) -> Exception | None:
    """Give the error that comes instead of doing anything."""
    match fault:
        case Fault.UNAVAILABLE:
            return refusal(503, "SlowDown", "simulated")
        case Fault.CONFLICT:
            return refusal(409, "ConditionalRequestConflict", "simulated")
        case Fault.RESET:
            return ConnectionClosedError(endpoint_url="simulated")
        case _:
            return None


def _answer(do: Callable[[], Made]) -> Future[Made]:
    """Do what was asked; an answer that is an error is an answer, too."""
    answer = Future[Made]()
    try:
        answer.set_result(do())
    except ClientError as error:
        answer.set_exception(error)
    return answer
