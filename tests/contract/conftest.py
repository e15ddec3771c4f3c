"""Engines, empty, with a snapshot, and with changes over it."""

from __future__ import annotations

import pytest

from contract.engines import BASE, CHANGED, CHANGES, ENGINES, Items, published
from tonari.contract.engine import Engine


@pytest.fixture(scope="module", params=ENGINES, ids=ENGINES)
def empty(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]()


@pytest.fixture(scope="module")
def base(empty: Engine) -> Engine:
    return published(empty, BASE)


@pytest.fixture(scope="module")
def changed(base: Engine) -> Engine:
    return base.apply(CHANGES)


@pytest.fixture(params=["base", "changed"])
def held(request: pytest.FixtureRequest, base: Engine, changed: Engine) -> tuple[Engine, Items]:
    """An engine, and the items it holds."""
    return {"base": (base, BASE), "changed": (changed, CHANGED)}[request.param]
