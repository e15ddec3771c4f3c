"""Snapshots whose files are well signed and do not belong together are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from torture.forged import trial


@pytest.mark.parametrize("kind", ["scan", "graph"])
def test_each_forgery_is_refused_and_what_is_not_forged_loads(kind: str, tmp_path: Path) -> None:
    said: list[str] = []
    figure = trial(kind, tmp_path, 7, said.append)
    assert said == []
    assert figure.failed == 0
    assert figure.tried >= 50
