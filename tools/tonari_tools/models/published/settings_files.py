"""Settings that lie beside a model: which are read, and which lie there unread."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonari.errors import InvalidEncoderError

ENCODER, PROCESSOR, PREPROCESSOR = "encoder.json", "processor_config.json", "preprocessor_config.json"
OPEN_CLIP, CONFIG, MODULES = "open_clip_config.json", "config.json", "modules.json"
READ = (PROCESSOR, PREPROCESSOR, OPEN_CLIP, CONFIG)
"""Files in which settings are looked for, in the order in which they are believed."""
SUFFIXES = frozenset({".json", ".yaml", ".yml", ".toml", ".txt", ".cfg", ".ini", ".npy", ".prototxt"})
"""Of files that may say something of a model."""
PREPARING = re.compile(
    rb"""(?:^|[\s"'{,_])(?:(?:mean|std)(?:s|_\w+)?|(?:crop|resize|image_?size|input_?size|normali[sz]e)\w*)["']?\s*[:=]""",
    re.IGNORECASE | re.MULTILINE,
)
"""A member of a settings file that concerns the framing or the values of pictures."""
MOST_SETTINGS = 4_000_000
"""Bytes of a settings file."""
HEAD = 100_000


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside a model.

    Parameters
    ----------
    settings
        Contents of the files that :data:`READ` names, by name, in that order.
    unread
        Other files that may say something of the model, by name.
    """

    settings: Mapping[str, Mapping[str, Any]]
    unread: Mapping[str, Path]

    def telling(self) -> dict[str, Path]:
        """Give those of the unread files that seem to say how pictures are prepared."""
        return {name: path for name, path in self.unread.items() if _tells(path)}


def rooms_of(path: Path) -> list[Path]:
    """Name the folders in which settings of a model are looked for.

    Its own; the one above if that is called ``onnx``, as on the Hugging Face hub; and what ``modules.json`` of
    sentence-transformers names there.

    Raises
    ------
    InvalidEncoderError
        If ``modules.json`` cannot be read.
    """
    own = path.absolute().parent
    rooms = [own, *([own.parent] if own.name == "onnx" else [])]
    for room in list(rooms):
        rooms += [room / name for name in _modules(room / MODULES)]
    return [room for number, room in enumerate(rooms) if room.is_dir() and room not in rooms[:number]]


def _modules(path: Path) -> Iterator[str]:
    if not path.is_file():
        return
    listed = read_json(path)
    for module in listed if isinstance(listed, list) else []:
        name = module.get("path") if isinstance(module, dict) else None
        if isinstance(name, str) and name and ".." not in Path(name).parts and not Path(name).is_absolute():
            yield name


def is_there(path: Path) -> bool:
    """Tell whether a path is a file; one that no file system can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def find_file(rooms: Sequence[Path], name: str) -> Path | None:
    """Find a file in the first folder that has it."""
    return next((room / name for room in rooms if (room / name).is_file()), None)


def look_beside(path: Path) -> Beside:
    """Read the settings beside a model, and name what is left unread there, or in other folders that have settings.

    Raises
    ------
    InvalidEncoderError
        If one of :data:`READ` is not a JSON object.
    """
    rooms = rooms_of(path)
    found = {name: where for name in READ if (where := find_file(rooms, name))}
    settings = {name: read_object(where) for name, where in found.items()}
    of_the_model = [room for room in rooms if room == rooms[0] or room in {where.parent for where in found.values()}]
    return Beside(settings, _others(of_the_model, {*found.values(), *(room / MODULES for room in rooms)}))


def name_beside(path: Path, encoder: Path) -> Beside:
    """Name the settings beside a model for which ``encoder`` says all, so that none of them is read."""
    return Beside({}, _others([path.absolute().parent], {encoder}))


def _others(rooms: Sequence[Path], taken: set[Path]) -> dict[str, Path]:
    known = {one.resolve() for one in taken}
    return {_say(one, rooms[0]): one for room in rooms for one in _settings_in(room) if one.resolve() not in known}


def _say(path: Path, room: Path) -> str:
    return str(path.relative_to(room)) if path.is_relative_to(room) else f"{path.parent.name}/{path.name}"


def _settings_in(room: Path) -> list[Path]:
    try:
        return sorted(one for one in room.iterdir() if one.suffix.lower() in SUFFIXES and one.is_file())
    except OSError:
        return []


def _tells(path: Path) -> bool:
    if path.suffix.lower() == ".npy":
        return "mean" in path.name or "std" in path.name
    try:
        with path.open("rb") as file:
            return bool(PREPARING.search(file.read(HEAD)))
    except OSError:
        return False


def is_encoder(data: bytes) -> bool:
    """Tell whether a file means to be an ``encoder.json``, and not settings of another kind."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        return True
    return not isinstance(raw, dict) or bool(raw.keys() & {"format", "preprocessing"}) or not raw


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InvalidEncoderError
        If it is none.
    """
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise InvalidEncoderError(f"{path} is not a JSON object: mend it, or take it away.")
    return raw


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    InvalidEncoderError
        If it is none, or over :data:`MOST_SETTINGS`.
    """
    data = read_bytes(path)
    if len(data) > MOST_SETTINGS:
        raise InvalidEncoderError(
            f"{path} has {len(data):,} bytes, settings at most {MOST_SETTINGS:,}: mend it, or take it away."
        )
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidEncoderError(f"{path} is not JSON ({error!s:.100}): mend it, or take it away.") from error


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises
    ------
    InvalidEncoderError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidEncoderError(f"{path} cannot be read: {error.strerror}.") from error
