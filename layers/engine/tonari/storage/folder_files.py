"""Files of a bucket in a folder: names for any key on any file system, errors turned into ours, moves, listings."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tonari.errors import MissingObjectError, StoreError

STATE = ".tonari"
"""Name of the folder's own state at its top; as part of a key it is escaped."""
MOST_NAME_BYTES = 200
GOES_ON = "%+"
"""Ends the name of a folder that holds the first part of a long name."""
EMPTY = "%"

_NEVER = re.compile(r'[\x00-\x1f\x7f"*:<>?\\|]|[. ]\Z')
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?|\.tonari", re.IGNORECASE | re.DOTALL
)
_ESCAPED = re.compile(r"%(?:[01][0-9A-F]|22|25|2A|3A|3C|3E|3F|5C|7C|7F|(?:20|2E)\Z)")
_FIRST_ESCAPED = re.compile(r"%([0-9A-F]{2})(.*)", re.DOTALL)
_LETTERS_ESCAPED = re.compile(r"(?:%[0-9A-F]{2}|[0-9_.-])+")
_TOKEN = re.compile(r"%[0-9A-F]{2}|.", re.DOTALL)


def names_of(key: str) -> tuple[str, ...]:
    r"""Give the names of the folders and the file that hold a key.

    What no file system takes is percent-encoded: control characters, ``"*:<>?\\|``, a dot or space at the end, the
    first letter of a device of Windows; ``%`` only where it could be taken for such an escape.
    """
    return tuple(part for segment in key.split("/") for part in _split(name_of(segment)))


def key_of(names: Sequence[str]) -> str | None:
    """Give the key that these names hold; None if none does, as of a file whose name has a needless escape."""
    segments, begun = [], ""
    for name in names:
        if name.endswith(GOES_ON):
            begun += name.removesuffix(GOES_ON)
            continue
        segment = _read(begun + name)
        if segment is None or begun + name not in (name_of(segment), name_without_letters(segment)):
            return None
        segments.append(segment)
        begun = ""
    return None if begun else "/".join(segments)


def key_by_hand(names: Sequence[str]) -> str | None:
    """Give the key of a file that others put there, perhaps under names that this bucket would write otherwise."""
    segments: list[str] = []
    begun: list[str] = []
    for name in names:
        begun.append(name)
        if name.endswith(GOES_ON):
            continue
        segment = key_of(begun)
        if segment is None and len(begun) > 1:
            return None
        segments.append(name if segment is None else segment)
        begun = []
    return None if begun else "/".join(segments)


def may_be_by_hand(segment: str) -> bool:
    """Tell whether others may have put a file there under a segment's own name, which this bucket writes otherwise."""
    if os.name == "nt" or segment in ("", ".", "..") or segment.casefold() == STATE:
        return False
    return names_of(segment) != (segment,) and key_of((segment,)) in (None, segment)


def name_of(segment: str) -> str:
    """Give the name of what stands between two slashes of a key."""
    name = _escape(segment) or EMPTY
    return name if _read(name) == segment and not name.endswith(GOES_ON) else _escape(segment, "%")


def name_without_letters(segment: str) -> str:
    """Give another name, which is told from all others where case does not count."""
    kept = "".join(one if re.match(r"[0-9_.-]", one) else _hex(one) for one in segment)
    return f"{kept[:-1]}%2E" if kept.endswith(".") else kept


def _escape(segment: str, also: str = "") -> str:
    escaped = "".join(_hex(one) if one in also else one for one in segment)
    escaped = _NEVER.sub(lambda found: _hex(found[0]), escaped)
    return _hex(escaped[0]) + escaped[1:] if _DEVICE.fullmatch(escaped) else escaped


def _read(name: str) -> str | None:
    if name == EMPTY:
        return ""
    if _LETTERS_ESCAPED.fullmatch(name):
        try:
            return unquote_to_bytes(name).decode()
        except UnicodeDecodeError:
            return None
    if (first := _FIRST_ESCAPED.fullmatch(name)) and _DEVICE.fullmatch(chr(int(first[1], 16)) + first[2]):
        name = chr(int(first[1], 16)) + first[2]
    return _ESCAPED.sub(lambda found: chr(int(found[0][1:], 16)), name)


def _split(name: str) -> list[str]:
    """Cut a name that is longer than file systems take; never within an escape or a character."""
    parts = [""]
    for token in _TOKEN.findall(name):
        if len((parts[-1] + token).encode()) > MOST_NAME_BYTES:
            parts[-1] += GOES_ON
            parts.append("")
        parts[-1] += token
    return parts


def _hex(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


REPLACE_TRIES = 50
REPLACE_PAUSE = 0.02


@contextmanager
def file_errors(what: str) -> Iterator[None]:
    """Turn the errors of reading and deleting files into ours."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise MissingObjectError(f"{what}: there is no such object.") from error
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror}.") from error


@contextmanager
def write_errors(what: str) -> Iterator[None]:
    """Turn the errors of writing files into ours."""
    try:
        yield
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise StoreError(f"{what}: a folder cannot hold both a file and a folder of one name.") from error
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror}.") from error


def move(fresh: Path, path: Path) -> None:
    """Replace a file; on Windows that waits until nobody has it open."""
    for _ in range(REPLACE_TRIES):
        try:
            fresh.replace(path)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(REPLACE_PAUSE)
        else:
            return
    fresh.replace(path)


def list_files(folder: Path) -> Iterator[Path]:
    """Give all files below a folder, those of the bucket's own state left out."""
    waiting = [folder]
    while waiting:
        try:
            entries = [*os.scandir(waiting.pop())]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != STATE:
                    waiting.append(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)


def remove_empty(folder: Path, top: Path) -> None:
    """Remove folders that have become empty, up to the top."""
    while folder != top:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def case_counts(folder: Path) -> bool:
    """Tell whether the file system tells ``a`` from ``A``."""
    probe = folder / "case"
    probe.touch()
    return not (folder / "CASE").exists()


def where_case_is_lost(folder: Path, segment: str) -> Path:
    """Give the file of a segment: under its own name unless another key has taken that in other letters."""
    for name in names_of(segment):
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        plain = _fold(name)
        taken = name not in there and any(_fold(other) == plain for other in there)
        folder /= name_without_letters(segment) if taken else name
    return folder


def _fold(name: str) -> str:
    return unicodedata.normalize("NFD", name).casefold()
