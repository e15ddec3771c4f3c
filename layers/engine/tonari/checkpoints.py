"""Checkpoints of a running build: embeddings that a build which ran out of time leaves to the next."""

from __future__ import annotations

import io
import json
import secrets
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tonari.intake import ViewKey
    from tonari.store import Bucket


def _prefix(encoder: str) -> str:
    return f"work/{encoder}/"


def write_checkpoint(artefacts: Bucket, encoder: str, views: Mapping[ViewKey, NDArray[np.float16]]) -> str:
    """Keep embeddings of one encoder under ``work/``; returns the key."""
    file = io.BytesIO()
    names = np.frombuffer(json.dumps(list(views)).encode(), np.uint8)
    np.savez(file, views=names, embeddings=np.stack(list(views.values())))
    key = f"{_prefix(encoder)}{secrets.token_hex(8)}.npz"
    artefacts.create(key, file.getvalue())
    return key


def read_checkpoints(artefacts: Bucket, encoder: str) -> tuple[dict[ViewKey, NDArray[np.float16]], list[str]]:
    """Read all checkpoints of one encoder.

    Returns
    -------
    The embeddings, and the keys of the checkpoints: delete them once a snapshot holds what they hold.
    """
    views: dict[ViewKey, NDArray[np.float16]] = {}
    keys = [found.key for found in artefacts.list(_prefix(encoder))]
    for key in keys:
        with np.load(io.BytesIO(artefacts.get(key).data), allow_pickle=False) as arrays:
            names = json.loads(arrays["views"].tobytes())
            embeddings = arrays["embeddings"]
        views |= {(name, etag): embedding for (name, etag), embedding in zip(names, embeddings, strict=True)}
    return views, keys
