"""A bucket by its name: a folder of this machine, or a bucket on S3."""

from __future__ import annotations

from pathlib import Path

from tonari.errors import SettingError
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket
from tonari.storage.s3 import S3Bucket


def is_folder(name: str) -> bool:
    """Tell whether a name means a folder: it has a slash, begins with a dot or ``~``, or is that of a folder.

    Raises
    ------
    SettingError
        If it is a URL such as ``s3://photographs``.
    """
    if "://" in name:
        raise SettingError(f"{name} is a URL: give the name of a bucket alone, without s3://, or a folder.")
    return "/" in name or "\\" in name or name.startswith((".", "~")) or Path(name).is_dir()


def open_bucket(name: str, url: str = "", endpoint: str = "") -> Bucket:
    """Open a folder, which must be there, or a bucket on S3.

    Parameters
    ----------
    url
        Where a server answers for a folder's links.
    endpoint
        An S3 server other than the one that the environment names.

    Raises
    ------
    StoreError
        If there is no such folder, or S3 cannot be used at all.
    """
    if is_folder(name):
        return FolderBucket(Path(name).expanduser(), url)
    return S3Bucket(name, endpoint=endpoint)
