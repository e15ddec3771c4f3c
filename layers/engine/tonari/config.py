"""Environment variables -> frozen settings."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonari.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function is told by its environment.

    Parameters
    ----------
    catalogue, artefacts
        Names of the two buckets (``TONARI_CATALOGUE_BUCKET``, ``TONARI_ARTEFACT_BUCKET``).
    head_max_age
        Seconds for which a head may be believed without asking S3 again (``TONARI_HEAD_MAX_AGE``, 10).
    cache
        Folder for downloaded artefacts (``TONARI_CACHE_DIR``, a folder of the temporary directory).
    rebuild_function
        Name of the function that rebuilds, or empty: then nobody can be asked (``TONARI_REBUILD_FUNCTION``).
    """

    catalogue: str
    artefacts: str
    head_max_age: float
    cache: Path
    rebuild_function: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises
        ------
        SettingError
            If a bucket is not named, or a number is none.
        """
        return cls(
            catalogue=_bucket(environment, "TONARI_CATALOGUE_BUCKET"),
            artefacts=_bucket(environment, "TONARI_ARTEFACT_BUCKET"),
            head_max_age=_seconds(environment, "TONARI_HEAD_MAX_AGE", "10"),
            cache=Path(environment.get("TONARI_CACHE_DIR") or Path(tempfile.gettempdir()) / "tonari"),
            rebuild_function=environment.get("TONARI_REBUILD_FUNCTION", ""),
        )


def _bucket(environment: Mapping[str, str], name: str) -> str:
    bucket = environment.get(name, "")
    if not bucket:
        raise SettingError(f"The environment variable {name} must name a bucket.")
    return bucket


def _seconds(environment: Mapping[str, str], name: str, default: str) -> float:
    text = environment.get(name) or default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise SettingError(f"The environment variable {name} is a number of seconds, not {text!r:.40}.")
    return seconds
