"""A catalogue whose candidates are found by rotated vectors, in a store that can keep the full ones back."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from generations import Generation, make_live, pictures, write_generation
from stalling import StallingBucket
from tonari.api.app import App
from tonari.api.http import Request, Response
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.manifest import VECTORS
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket

ITEMS = 120


@dataclass(frozen=True)
class Written:
    folder: Path
    even: Generation
    odd: Generation


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two generations whose candidates are found by rotated vectors; ``even`` is live."""
    place = tmp_path_factory.mktemp("generations")
    (place / "artefacts").mkdir()
    bucket = FolderBucket(place / "artefacts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tonari.index.shortening.CELLS_FROM_BYTES", 0)
        patch.setattr("tonari.index.shortening.STRIVEN_FOR", 0.5)
        even, odd = (write_generation(bucket, name, ITEMS, place) for name in ("even", "odd"))
    make_live(bucket, even)
    return Written(place / "artefacts", even, odd)


@dataclass
class Place:
    """A copy of it that tests may damage, and an application over a store that may stand still."""

    bucket: Bucket
    store: StallingBucket
    cache: Path
    even: Generation
    odd: Generation
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        store: Any = self.store
        self.reader = Reader(store, self.cache, 0.05, BuiltinOpening(), self.said.append, self.asked_for.append)
        self._app = App(self.reader, store, store)

    @property
    def vectors(self) -> str:
        return f"{SNAPSHOTS}{self.even.live.snapshot}/{VECTORS}"

    def ask(self, path: str, **body: Any) -> Response:
        return self._app(Request("POST", path, (), "application/json", json.dumps(body).encode()))

    def search(self, **body: Any) -> dict[str, Any]:
        response = self.ask("/v1/search", **body)
        assert response.status == 200, response.body
        answer: dict[str, Any] = json.loads(response.body)
        return answer

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._app(Request("GET", "/v1/health", (), "", b"")).body)
        return answer

    def picture(self, number: int) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self._app(Request("POST", "/v1/search", (), "image/png", pictures()[number])).body
        )
        return answer

    def until_whole(self) -> dict[str, Any]:
        return self.until(lambda: self.search(id="picture-0")["plan"]["vectors"] == "full")

    def until(self, holds: Callable[[], object]) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, (self.said, self.reader.freshness())
            time.sleep(0.02)
        return self.search(id="picture-0")

    def damage(self) -> bytes:
        whole = self.bucket.get(self.vectors).data
        self.bucket.put(self.vectors, whole[:-1] + bytes([whole[-1] ^ 1]))
        return whole


@pytest.fixture
def place(written: Written, tmp_path: Path) -> Iterator[Place]:
    shutil.copytree(written.folder, tmp_path / "artefacts")
    bucket = FolderBucket(tmp_path / "artefacts")
    store = StallingBucket(bucket)
    yield Place(bucket, store, tmp_path / "cache", written.even, written.odd)
    store.let_go()
