"""Time and memory of a rebuild: ``rebuild.py [VIEWS] [FOLDER]``.

Prints seconds per stage and the highest resident memory of three rebuilds, each in a process of its own: of a new
catalogue, after one document in a hundred changed, and with nothing changed. The catalogue is drawn by number, and its
encoder costs next to nothing, so that what is measured is the rebuild itself.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.contract.artefacts import Head
from tonari.errors import ConflictError, MissingObjectError
from tonari.images.framing import Region
from tonari.snapshots.head import publish, read_head
from tonari.storage.bucket import Blob, ObjectInfo

DIMENSIONS, DIRECTIONS = 256, 500
VIEWS_PER_ITEM = 2
COLOURS = ("black", "blue", "brown", "green", "grey", "orange", "pink", "red", "white", "yellow")


class DrawnCatalogue:
    """Documents and pictures by number; each picture is the 8 bytes of its number."""

    name = "drawn"

    def __init__(self, items: int, changed: int) -> None:
        self._items, self._changed = items, changed

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for number in range(self._items):
            if prefix == "items/":
                version = "changed" if number % 100 < self._changed else "first"
                yield ObjectInfo(f"items/item-{number:07}.json", f"{version}-{number}", 200, 0.0)
            else:
                for view in range(VIEWS_PER_ITEM):
                    yield ObjectInfo(f"images/item-{number:07}/{view}.jpg", f"etag-{number}-{view}", 8, 0.0)

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        del if_match
        if key.startswith("images/"):
            item, view = key[len("images/item-") :].removesuffix(".jpg").split("/")
            number = int(item)
            return Blob((number * VIEWS_PER_ITEM + int(view)).to_bytes(8, "little"), f"etag-{number}-{view}")
        if not key.startswith("items/"):
            raise MissingObjectError(f"no {key}")
        number = int(key[len("items/item-") :].removesuffix(".json"))
        changed = number % 100 < self._changed
        fields = {
            "title": f"A thing of number {number}, described in a few words as shops do it",
            "color": COLOURS[number % DIRECTIONS % len(COLOURS)],
            "category": f"category {number % DIRECTIONS % 37}",
            "price": number % 997 + (0.5 if changed else 0),
            "tags": [f"tag {number % 13}", f"tag {number % 7}"],
        }
        return Blob(json.dumps(fields).encode(), f"{'changed' if changed else 'first'}-{number}")


class FolderArtefacts:
    """A bucket of files, as far as a rebuild uses it."""

    name = "folder"

    def __init__(self, root: Path) -> None:
        self._root = root

    def _read(self, key: str) -> bytes:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError as error:
            raise MissingObjectError(f"no {key}") from error

    def get(self, key: str) -> Blob:
        data = self._read(key)
        return Blob(data, hashlib.md5(data, usedforsecurity=False).hexdigest())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for path in sorted(self._root.rglob("*")):
            key = str(path.relative_to(self._root))
            if path.is_file() and key.startswith(prefix):
                yield ObjectInfo(key, "", path.stat().st_size, 0.0)

    def create(self, key: str, data: bytes) -> str:
        path = self._root / key
        if path.exists() and path.read_bytes() != data:
            raise ConflictError(f"{key} exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def create_file(self, key: str, path: Path) -> None:
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, target.open("wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        if self.get(key).etag != etag:
            raise ConflictError(f"{key} changed")
        (self._root / key).write_bytes(data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def delete(self, *keys: str) -> None:
        for key in keys:
            (self._root / key).unlink(missing_ok=True)

    def sha256(self, key: str) -> str:
        with (self._root / key).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def download(self, key: str, path: Path, sha256: str) -> None:
        if self.sha256(key) != sha256:
            raise ValueError(key)
        with (self._root / key).open("rb") as source, path.open("wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)


class DrawnEncoder:
    """Views of one colour and category lie around one of a few directions."""

    dimensions = DIMENSIONS

    def __init__(self) -> None:
        self._directions = np.random.default_rng(1).standard_normal((DIRECTIONS, DIMENSIONS)).astype(np.float32)

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:  # noqa: ARG002
        number = int.from_bytes(data, "little")
        noise = np.random.default_rng(number).standard_normal(DIMENSIONS, np.float32)
        row = self._directions[number // VIEWS_PER_ITEM % DIRECTIONS] + 0.7 * noise
        return np.asarray(row / np.linalg.norm(row), np.float32)


class Stages:
    """Seconds by stage, from what a rebuild tells of its progress: the time between two lines belongs to the later."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int) -> None:
        del done, total
        now = time.perf_counter()
        name = stage.partition(":")[0]
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def run(views: int, changed: int, folder: Path) -> dict[str, Any]:
    artefacts: Any = FolderArtefacts(folder)
    catalogue: Any = DrawnCatalogue(views // VIEWS_PER_ITEM, changed)
    encoder: Any = DrawnEncoder()
    if read_head(artefacts).etag is None:
        publish(artefacts, read_head(artefacts), Head(next_encoder="drawn"))
    stages = Stages()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        context = RebuildContext(catalogue, artefacts, lambda _: encoder, Path(cache), stages, lambda: 3600.0)
        done = rebuild(context)
        seconds = time.perf_counter() - began
    return {
        "outcome": done.outcome,
        "views": done.views,
        "encoded": done.encoded,
        "seconds": round(seconds, 1),
        "stages": {name: round(value, 1) for name, value in stages.seconds.items()},
        "start_mb": base // 1024,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main(views: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for changed in (0, 1, 1):
            command = [sys.executable, __file__, str(views), folder, str(changed)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(run(int(sys.argv[1]), int(sys.argv[3]), Path(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
