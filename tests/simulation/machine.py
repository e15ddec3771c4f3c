"""The machine that an actor runs on, as far as the package asks it: time, random names, threads."""

from __future__ import annotations

import datetime as dt
import functools
import importlib
import pkgutil
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import tonari
from simulation.scheduler import Scheduler


class InlineExecutor:
    """Runs what is submitted at once, in the thread of the actor."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Any], *given: Iterable[Any]) -> Iterator[Any]:
        futures = [self.submit(work, *one) for one in zip(*given, strict=False)]
        return (future.result() for future in futures)

    def shutdown(self, *_: Any, **__: Any) -> None: ...


@functools.cache
def _package() -> tuple[ModuleType, ...]:
    """Import every module of the package."""
    for found in pkgutil.walk_packages(tonari.__path__, "tonari."):
        importlib.import_module(found.name)
    return tuple(module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] == "tonari")


@contextmanager
def simulated_machine(scheduler: Scheduler) -> Iterator[None]:
    """Let every module of the package ask the scheduler instead of the machine, wherever it looks one up."""
    fakes = _fakes(scheduler)
    names = {id(real): fake for real, fake in fakes}
    replaced = [
        (module, name, value)
        for module in _package()
        for name, value in list(vars(module).items())
        if id(value) in names
    ]
    for module, name, value in replaced:
        setattr(module, name, names[id(value)])
    try:
        yield
    finally:
        for module, name, value in replaced:
            setattr(module, name, value)


def _fakes(scheduler: Scheduler) -> list[tuple[Any, Any]]:
    """Pairs of what is replaced, and by what."""
    ticks = iter(range(1 << 62))

    class Datetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return cls.fromtimestamp(scheduler.local_time(), tz)

    def token_bytes(count: int = 32) -> bytes:
        return scheduler.tokens.randbytes(count)

    clock = {
        "time": scheduler.local_time,
        "monotonic": lambda: scheduler.store.clock,
        "perf_counter": lambda: next(ticks) / 1000,
        "sleep": scheduler.sleep,
    }
    names = {"token_bytes": token_bytes, "token_hex": lambda count=32: token_bytes(count).hex()}
    uuids = {"uuid4": lambda: uuid.UUID(bytes=token_bytes(16), version=4)}
    replaced = [(dt, {"datetime": Datetime}), (time, clock), (secrets, names), (uuid, uuids)]
    whole = [(module, SimpleNamespace(**{**vars(module), **fakes})) for module, fakes in replaced]
    single = [(getattr(module, name), fake) for module, fakes in replaced for name, fake in fakes.items()]
    return [*whole, *single, (ThreadPoolExecutor, InlineExecutor)]
