"""The engines that are asked, those that TONARI_ENGINES names, each started once: one that cannot is a failure."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from database_contract import DIMENSIONS
from engines.capabilities import VARIABLE, Findings
from tonari.contract.database import Database
from tonari.engines.opening import connect_to
from tonari_tools.local_engines.running import Running

USUAL = "milvus,pgvector"
"""Those whose real servers come from PyPI; the others run where they are named."""
KINDS = {"milvus_lite": "milvus", "vald_agent": "vald"}
"""Servers that are reached by the client of another one."""
FINDINGS = pytest.StashKey[Findings]()


def engines() -> list[str]:
    return [name for name in os.environ.get("TONARI_ENGINES", USUAL).split(",") if name]


def client_of(engine: str) -> str:
    return KINDS.get(engine, engine)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FINDINGS] = Findings()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note of which feature of which engine a test is."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    feature = item.get_closest_marker("feature")
    if feature is None or not isinstance(item, pytest.Function) or (call.when != "call" and report.passed):
        return
    engine = item.callspec.params["engine"]
    item.config.stash[FINDINGS].passed[engine][feature.args[0]].append(report.passed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = os.environ.get(VARIABLE)
    if path:
        session.config.stash[FINDINGS].write(Path(path))


@pytest.fixture(scope="session")
def findings(pytestconfig: pytest.Config) -> Findings:
    return pytestconfig.stash[FINDINGS]


@pytest.fixture(scope="session", params=engines())
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine."""
    name: str = request.param
    return name


@contextmanager
def started(engine: str, dimensions: int = DIMENSIONS) -> Iterator[Running]:
    """Start an engine's server, with what its clients find in their environment; Vald's is for so many dimensions.

    Its folder is none of pytest's: those pytest closes to other users, and some servers do not run as root.
    """
    local = importlib.import_module(f"tonari_tools.local_engines.{engine}")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix=f"{engine}-") as folder:
        patch.setenv("TONARI_VALD_DIMENSIONS", str(dimensions))
        for name, value in getattr(local, "CREDENTIALS", {}).items():
            patch.setenv(name, value)
        with local.start(Path(folder)) as server:
            yield server


@pytest.fixture(scope="session")
def running(engine: str) -> Iterator[Running]:
    """The engine's server."""
    with started(engine) as server:
        yield server


@pytest.fixture(scope="session")
def database(engine: str, running: Running) -> Iterator[Database]:
    """A client of it."""
    database = connect_to(client_of(engine), running.access)
    yield database
    database.close()
