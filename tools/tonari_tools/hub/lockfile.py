"""The lock file: what was pulled once, so that later pulls bring the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from tonari.errors import SettingError

LOCK = Path("encoders.lock.json")
FORMAT = 1
SHA256 = re.compile("[0-9a-f]{64}")
COMMIT = re.compile("[0-9a-f]{40}")


class LockedFile(msgspec.Struct, frozen=True):
    """The sha256 (hex) of a file, and its length in bytes."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, msgspec.Meta(ge=0)]


class LockedEncoder(msgspec.Struct, frozen=True):
    """Where an encoder came from, at which commit, under which licence, and its files by name."""

    repository: str
    revision: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]
    licence: str
    files: dict[str, LockedFile]


class Lock(msgspec.Struct, frozen=True):
    """All that was pulled, by name."""

    format: int = FORMAT
    encoders: dict[str, LockedEncoder] = msgspec.field(default_factory=dict)


def read_lock(path: Path) -> Lock:
    """Read a lock file; one that is not there says nothing.

    Raises
    ------
    SettingError
        If it is damaged, or of a later version.
    """
    try:
        lock = msgspec.json.decode(path.read_bytes(), type=Lock)
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise SettingError(f"{path} is no lock file ({error}): restore it, or take it away to pin anew.") from error
    if lock.format != FORMAT:
        raise SettingError(f"{path} has format {lock.format}, this version reads {FORMAT}: update tonari.")
    return lock


def write_lock(path: Path, lock: Lock, name: str, pulled: LockedEncoder) -> None:
    """Write a lock file with one entry added or replaced; the same content gives the same bytes.

    Raises
    ------
    SettingError
        If it cannot be written.
    """
    entries: Mapping[str, LockedEncoder] = {**lock.encoders, name: pulled}
    content = msgspec.to_builtins(Lock(FORMAT, dict(sorted(entries.items()))))
    written = path.with_name(f"{path.name}.part")
    try:
        written.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        written.replace(path)
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.") from error
