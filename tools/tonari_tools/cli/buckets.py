"""The buckets that a command writes to."""

from __future__ import annotations

from tonari.errors import SettingError
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket
from tonari_tools.cli.target import Target


def catalogue_bucket(target: Target) -> Bucket:
    """Open the catalogue bucket.

    Raises
    ------
    SettingError
        If nothing names it.
    """
    return _open(target.catalogue, "--catalogue", "TONARI_CATALOGUE_BUCKET")


def artefact_bucket(target: Target) -> Bucket:
    """Open the artefact bucket.

    Raises
    ------
    SettingError
        If nothing names it.
    """
    return _open(target.artefacts, "--artefacts", "TONARI_ARTEFACT_BUCKET")


def _open(name: str, flag: str, variable: str) -> Bucket:
    if not name:
        raise SettingError(f"Which bucket? Give {flag} BUCKET or set {variable}, or start the demo: make demo.")
    return S3Bucket(name)
