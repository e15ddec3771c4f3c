"""As many execution environments of one function as there are invocations at a time, up to a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from aws.environments import Environment
from aws.functions import FunctionError


class Pool:
    """Environments, started when first needed and replaced when they end. For any number of threads.

    Parameters
    ----------
    make
        Starts one environment.
    size
        How many there may be; further invocations wait.
    """

    def __init__(self, make: Callable[[], Environment], size: int) -> None:
        self._make = make
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._all: list[Environment] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def invoke(self, event: bytes) -> bytes:
        """Give the handler's answer to an event; see :meth:`aws.environments.Environment.invoke`."""
        with self._free:
            environment = self._take()
            try:
                return environment.invoke(event)
            finally:
                self._give_back(environment)

    @property
    def idle(self) -> int:
        """How many environments wait for an event."""
        with self._lock:
            return len(self._idle)

    def close(self) -> None:
        """End all environments, those at work included, and take no more events."""
        with self._lock:
            self._closed = True
            environments, self._all, self._idle = self._all, [], []
        for environment in environments:
            environment.release()
        for environment in environments:
            environment.stop()

    def _take(self) -> Environment:
        with self._lock:
            if self._closed:
                raise FunctionError("Pool.Closed", "The function is being shut down.")
            if self._idle:
                return self._idle.pop()
            environment = self._make()
            self._all.append(environment)
            return environment

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            if self._closed:
                return
            if environment.alive:
                self._idle.append(environment)
                return
            self._all.remove(environment)
        environment.stop()
