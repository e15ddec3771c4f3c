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
    """Open a bucket.

    Parameters
    ----------
    name
        A folder, which must be there (see :func:`is_folder`), or the name of a bucket on S3.
    url
        Where a server answers for the links of a folder; S3 answers for its own.

    Raises
    ------
    StoreError
        If there is no such folder, or S3 cannot be used at all.
    """
    if is_folder(name):
        return FolderBucket(Path(name).expanduser(), url)
    return S3Bucket(name)
