"""An encoder of format 3 as a folder: all the files that its ``encoder.json`` names, read and written."""

from __future__ import annotations

import json
from pathlib import Path

from tonari.contract.encoder import CONFIG, files_of, read_encoder_file
from tonari.encoders.bundle import Bundle
from tonari.errors import InvalidEncoderError
from tonari_tools.models.published.settings_files import is_there, read_bytes

FORMAT = 3


def read_bundle(folder: Path) -> Bundle | None:
    """Read an encoder of format 3 as ``export`` and ``shrink`` write it; None if the folder holds none.

    Raises
    ------
    InvalidEncoderError
        If its ``encoder.json`` is damaged, or a file that it names is missing.
    """
    path = folder / CONFIG
    if not is_there(path) or not _is_parted(data := read_bytes(path)):
        return None
    names = files_of(read_encoder_file(data))
    missing = [name for name in names if not is_there(folder / name)]
    if missing:
        raise InvalidEncoderError(f"{path} names {', '.join(missing)}, which {folder} does not hold.")
    return Bundle({CONFIG: data, **{name: read_bytes(folder / name) for name in names}})


def _is_parted(data: bytes) -> bool:
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(raw, dict) and raw.get("format") == FORMAT


def write_bundle(folder: Path, bundle: Bundle) -> list[tuple[Path, int]]:
    """Write the files into a folder, which is made if need be; gives their paths and sizes in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / name: data for name, data in sorted(bundle.files.items())}
    for path, data in written.items():
        path.write_bytes(data)
    return [(path, len(data)) for path, data in written.items()]
