"""Engines, empty, with a snapshot, and with changes over it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contract.engines import BASE, CHANGED, CHANGES, ENGINES, Items, published
from tonari.contract.engine import Engine


@pytest.fixture(scope="module", params=ENGINES, ids=ENGINES)
def make(request: pytest.FixtureRequest) -> Callable[[], Engine]:
    """What makes an empty engine, each with a store of its own."""
    return ENGINES[request.param]


@pytest.fixture
def empty(make: Callable[[], Engine]) -> Engine:
    return make()


@pytest.fixture(scope="module")
def base(make: Callable[[], Engine]) -> Engine:
    return published(make(), BASE)


@pytest.fixture(scope="module")
def changed(make: Callable[[], Engine]) -> Engine:
    return published(make(), BASE).apply(CHANGES)


@pytest.fixture(params=["base", "changed"])
def held(request: pytest.FixtureRequest, base: Engine, changed: Engine) -> tuple[Engine, Items]:
    """An engine, and the items it holds."""
    return {"base": (base, BASE), "changed": (changed, CHANGED)}[request.param]
