"""What a server does before it serves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tonari.config import EngineSettings
from tonari_tools.serve.listener import HOST, LocalServiceError
from tonari_tools.serve.run import serve
from tonari_tools.serve.running import reserved


def test_no_engine_is_started_where_another_server_runs_or_the_port_is_taken(tmp_path: Path) -> None:
    """Two servers of one engine on the same data would spoil it."""
    started: list[str] = []

    @contextmanager
    def engine() -> Iterator[EngineSettings]:
        started.append("once")
        yield EngineSettings()

    places = {name: str(tmp_path / name) for name in ("catalogue", "artefacts")}
    with reserved(tmp_path), pytest.raises(LocalServiceError, match=r"A server on .* is running"):
        serve(tmp_path, "shop", places, 0, engine=engine())
    with socket.create_server((HOST, 0)) as other, pytest.raises(LocalServiceError, match="--port"):
        serve(tmp_path, "shop", places, other.getsockname()[1], engine=engine())
    assert started == []
