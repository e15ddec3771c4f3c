"""Environment variables -> frozen settings."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonari.errors import TonariError

if TYPE_CHECKING:
    from collections.abc import Mapping


class MissingSettingError(TonariError):
    """An environment variable that a function cannot do without is not set."""

    slug = "missing-setting"
    title = "A setting is missing"


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
        MissingSettingError
            If a bucket is not named.
        """
        try:
            return cls(
                catalogue=environment["TONARI_CATALOGUE_BUCKET"],
                artefacts=environment["TONARI_ARTEFACT_BUCKET"],
                head_max_age=float(environment.get("TONARI_HEAD_MAX_AGE", "10")),
                cache=Path(environment.get("TONARI_CACHE_DIR") or Path(tempfile.gettempdir()) / "tonari"),
                rebuild_function=environment.get("TONARI_REBUILD_FUNCTION", ""),
            )
        except KeyError as error:
            raise MissingSettingError(f"Set the environment variable {error.args[0]}.") from error
