from __future__ import annotations

from pathlib import Path

import pytest

VARIABLES = ("TONARI_URL", "TONARI_CATALOGUE_BUCKET", "TONARI_ARTEFACT_BUCKET", "TONARI_DEMO", "FORCE_COLOR")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No demo runs here, no setting is inherited."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\npicture")
    return tmp_path / "photo.png"
