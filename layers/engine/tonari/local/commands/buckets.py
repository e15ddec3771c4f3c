"""The buckets that a command writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonari.errors import SettingError
from tonari.store import Bucket

if TYPE_CHECKING:
    from tonari.local.target import Target


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
    return Bucket(name)
