"""Downloaded artefacts on local disk.

They are named by their sha256, verified, and replaced but never overwritten, so that mapped files stay whole.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Collection
from pathlib import Path

from tonari.storage.bucket import Bucket, file_sha256

FILE = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{8})?")
IDLE_SECONDS = 3600


def fetch(artefacts: Bucket, key: str, cache: Path, sha256: str) -> Path:
    """Download an object unless the cache has it whole.

    Raises
    ------
    CorruptArtefactError
        If its sha256 (hex) is another.
    """
    path = cache / sha256
    if path.exists() and file_sha256(path) == sha256:
        os.utime(path)
        return path
    fresh = cache / f"{sha256}.{secrets.token_hex(4)}"
    artefacts.download(key, fresh, sha256)
    return fresh.replace(path)


def sweep(cache: Path, keep: Collection[str]) -> None:
    """Delete files that nobody has asked for in an hour; processes that have one mapped go on reading it.

    Parameters
    ----------
    keep
        sha256 (hex) of the files that stay however old they are.
    """
    for path in cache.iterdir():
        if not FILE.fullmatch(path.name) or path.name in keep:
            continue
        try:
            if time.time() - path.stat().st_mtime > IDLE_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue
