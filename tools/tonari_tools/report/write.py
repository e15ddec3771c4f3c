"""A report on disk: all of it or none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tonari.errors import TonariError


class UnwritableError(TonariError):
    """A file that cannot be written."""

    slug = "unwritable"
    title = "The file cannot be written"


def check_writable(path: Path) -> None:
    """Refuse a path before any work is done for it.

    Raises
    ------
    UnwritableError
        If its folder is missing or closed to us, or it is itself a folder.
    """
    folder = path.parent
    if path.is_dir():
        raise UnwritableError(f"{path} is a folder: give a file, such as --out {path / 'report.html'}.")
    if not folder.is_dir():
        raise UnwritableError(f"There is no folder {folder}: create it, or choose another file with --out FILE.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnwritableError(f"Nothing may be written to {folder}: choose another file with --out FILE.")


def write_whole(path: Path, text: str) -> int:
    """Replace a file, so that readers see all of it or none.

    Returns
    -------
    Its size in bytes.

    Raises
    ------
    UnwritableError
    """
    data = text.encode()
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            fresh = Path(file.name)
            file.write(data)
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as error:
        raise UnwritableError(f"{path} cannot be written ({error.strerror}): make room, or choose another.") from error
    return len(data)
