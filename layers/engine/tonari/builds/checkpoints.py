"""Checkpoints of a running build: embeddings that a build which ran out of time leaves to the next."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tonari.builds.encode import ViewKey
from tonari.errors import CorruptArtefactError
from tonari.storage.bucket import Bucket


def _prefix(encoder: str) -> str:
    return f"work/{encoder}/"


def write_checkpoint(artefacts: Bucket, encoder: str, views: Mapping[ViewKey, NDArray[np.int16]]) -> str:
    """Keep embeddings of one encoder under ``work/``, named by their sha256; returns the key."""
    file = io.BytesIO()
    names = np.frombuffer(json.dumps(list(views)).encode(), np.uint8)
    np.savez(file, views=names, embeddings=np.stack(list(views.values())))
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    key = f"{_prefix(encoder)}{secrets.token_hex(4)}-{digest}.npz"
    artefacts.create(key, file.getvalue())
    return key


def list_checkpoints(artefacts: Bucket, encoder: str) -> list[str]:
    """Keys of all checkpoints of one encoder: delete them once a snapshot holds what they hold."""
    return [found.key for found in artefacts.list(_prefix(encoder))]


def read_checkpoint(artefacts: Bucket, key: str) -> dict[ViewKey, NDArray[np.int16]]:
    """Read the embeddings of one checkpoint.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one in its key, or it was written by another version.
    """
    data = artefacts.get(key).data
    if not key.endswith(f"-{hashlib.sha256(data).hexdigest()}.npz"):
        raise CorruptArtefactError(f"{key} has not the sha256 that its name says.")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        names, embeddings = json.loads(arrays["views"].tobytes()), arrays["embeddings"]
    if embeddings.dtype != np.int16:
        raise CorruptArtefactError(f"{key} holds {embeddings.dtype}, this version reads int16.")
    return {(name, etag): embedding for (name, etag), embedding in zip(names, embeddings, strict=True)}
