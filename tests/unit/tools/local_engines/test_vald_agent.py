from __future__ import annotations

from pathlib import Path

import pytest

from tonari_tools.local_engines.running import LocalEngineError
from tonari_tools.local_engines.vald_agent import DIMENSIONS, PROGRAM, start


@pytest.mark.parametrize(
    "environment",
    [{}, {DIMENSIONS: "3"}, {PROGRAM: "sh"}, {PROGRAM: "sh", DIMENSIONS: "few"}, {PROGRAM: "", DIMENSIONS: "3"}],
)
def test_an_agent_that_nobody_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name in (PROGRAM, DIMENSIONS):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LocalEngineError, match=r"TONARI_VALD_AGENT name the program.*TONARI_VALD_DIMENSIONS a number"):
        start(tmp_path)
