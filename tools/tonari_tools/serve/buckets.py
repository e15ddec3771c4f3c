"""A bucket by its name: a folder of this machine, or a bucket on S3."""

from __future__ import annotations

from pathlib import Path

from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari.storage.s3 import S3Bucket


def is_folder(name: str) -> bool:
    """Tell whether a name means a folder: it has a slash, begins with a dot or ``~``, or is that of a folder."""
    return "/" in name or "\\" in name or name.startswith((".", "~")) or Path(name).is_dir()


def open_bucket(name: str, url: str = "") -> Bucket:
    """Open a folder, which must be there, or a bucket on S3; ``url`` is where a server answers for a folder's links.

    Raises
    ------
    StoreError
        If there is no such folder, or S3 cannot be used at all.
    """
    if is_folder(name):
        return FolderBucket(Path(name).expanduser(), url)
    return S3Bucket(name)
