"""The application over a small state of the catalogue that never changes, with a bucket in a folder behind it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from catalogues import random_world, tiny_encoder
from tonari.api.app import App
from tonari.contract.routes import ROUTES, Route
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.query.serving import Serving
from tonari.storage.folder import FolderBucket


class Standing(Reader):
    """Gives always the same state, or that there is none."""

    def __init__(self, bucket: FolderBucket, folder: Path, serving: Serving | None) -> None:
        super().__init__(bucket, folder, 0, BuiltinOpening(), lambda _: None)
        self._standing = serving

    def current(self) -> Serving:
        return self._standing or super().current()


def app(folder: Path, *, live: bool = True, serves: Collection[Route] = ROUTES) -> App:
    """Give it over ``folder``, where ``bucket`` is made; if it is not live, nothing is published."""
    (folder / "bucket").mkdir()
    bucket = FolderBucket(folder / "bucket", "http://localhost")
    serving = random_world(tiny_encoder(folder), 1, 50, 5, 12).serving if live else None
    return App(Standing(bucket, folder, serving), bucket, bucket, serves)
