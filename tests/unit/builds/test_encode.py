from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Never

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.builds.encode import READ_AT_ONCE, EncodedView, RejectedView, encode_views
from tonari.encoders.port import Modality
from tonari.errors import UnencodableImageError
from tonari.images.framing import Region
from tonari.images.guards import MAX_BYTES
from tonari.storage.bucket import Blob
from tonari.storage.folder import FolderBucket

View = EncodedView | RejectedView | None


class Counting:
    """An encoder that counts the bytes it is given at once, and refuses what begins with ``bad``.

    The first pictures wait until ``together`` bytes are there, and a moment longer, whether or not more come.
    """

    name = "counting"
    modalities: frozenset[Modality] = frozenset[Modality]({"image"})
    dimensions = 2

    def __init__(self, together: int = 0) -> None:
        self.most = self._now = 0
        self._together = together
        self._changed = threading.Condition()

    def encode_texts(self, texts: Sequence[str], role: str) -> Never:
        raise AssertionError(texts, role)

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:  # noqa: ARG002
        with self._changed:
            self._now += len(data)
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._together, 60)
        threading.Event().wait(0.2 if self._together else 0.0)
        with self._changed:
            self._now -= len(data)
        if data.startswith(b"bad"):
            raise UnencodableImageError("It gives no vector.")
        return np.array([1, 0], np.float32)


def encode(bucket: FolderBucket, encoder: Counting, keys: Sequence[str]) -> list[View]:
    return list(encode_views(bucket, encoder, keys))


def test_one_picture_is_rejected_alone(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path)
    keys = [f"images/{number}/a.png" for number in range(20)]
    for number, key in enumerate(keys):
        if number != 3:
            bucket.put(key, b"bad" if number == 7 else b"good")

    made = encode(bucket, Counting(), keys)

    assert made[3] is None
    assert isinstance(made[7], RejectedView)
    assert (made[7].key, made[7].reason) == (keys[7], "It gives no vector.")
    assert sum(isinstance(one, EncodedView) for one in made) == 18


def test_files_are_read_within_a_budget(tmp_path: Path) -> None:
    size = READ_AT_ONCE // 5
    bucket, encoder = FolderBucket(tmp_path), Counting(2 * size)
    keys = [f"images/{number}/a.png" for number in range(8)]
    for key in keys:
        bucket.put(key, bytes(size))

    assert all(isinstance(one, EncodedView) for one in encode(bucket, encoder, keys))
    assert encoder.most == 2 * size


def test_a_file_over_the_limit_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = FolderBucket(tmp_path)
    bucket.put("images/a/long.png", b"")
    with (tmp_path / "images/a/long.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    def read(*_: object) -> Blob:
        raise AssertionError("it was read")

    monkeypatch.setattr(FolderBucket, "get", read)

    (made,) = encode(bucket, Counting(), ["images/a/long.png"])

    assert isinstance(made, RejectedView)
    assert "50,000,001 bytes, the limit is 50,000,000" in made.reason
