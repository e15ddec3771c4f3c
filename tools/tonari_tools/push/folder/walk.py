"""A folder and all below it -> its files; what is passed over, and why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tonari.errors import InvalidCatalogueError

KEPT_BY_SYSTEMS = frozenset(
    (
        "@eadir",  # Synology: thumbnails of every file
        "@synoresource",
        "@synoeastream",
        "@sharebin",
        "@tmp",
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "@__thumb",
        "~snapshot",  # NetApp
        "$recycle.bin",  # Windows
        "recycler",
        "recycled",
        "system volume information",
        "found.000",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "picasa.ini",
        "__macosx",  # macOS
        "network trash folder",
        "temporary items",
        "icon\r",
        "lost+found",  # Linux
        "lost.dir",  # Android
        "__pycache__",
    )
)
"""Names, in lower case, of what no person puts into a folder of pictures."""
KEPT_BY_PROGRAMS = (".lrdata", ".lrcat", ".photoslibrary", ".photolibrary", ".aplibrary", ".cocatalog")
"""Ends of the names of folders in which Lightroom, Photos, Aperture and Capture One keep thumbnails and more."""

SYSTEM = "system"
NOWHERE = "nowhere"
AGAIN = "again"
ABOVE = "above"
UNREADABLE = "unreadable"
SPECIAL = "special"
AWAY = "away"
NAMELESS = "nameless"
PLACEHOLDER = re.compile(r"\.(.+)\.icloud")
"""Name of a hidden file that stands for one that iCloud keeps."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What lies in a folder.

    Parameters
    ----------
    files
        Ordinary files, and links to some, sorted.
    passed
        What was not looked into, by reason: hidden or kept by a system or program (``SYSTEM``); a link that leads
        ``NOWHERE``, to a folder that is read ``AGAIN`` or that holds this one (``ABOVE``); ``UNREADABLE``; a pipe,
        socket or device (``SPECIAL``); kept by iCloud alone (``AWAY``); a picture whose name, or a folder's above it,
        cannot stand in a key (``NAMELESS``).
    """

    files: tuple[Path, ...]
    passed: dict[str, list[Path]] = field(default_factory=dict)


def is_kept_by_a_system(name: str) -> bool:
    """Tell whether a file or folder of this name is hidden, or kept by a system or a program for itself."""
    lower = name.lower()
    return lower.startswith((".", "~$")) or lower in KEPT_BY_SYSTEMS or lower.endswith(KEPT_BY_PROGRAMS)


def walk(folder: Path) -> Walked:
    """List all files; linked folders are followed, each folder once, by its place on the disk.

    Folders come before links to them, so that a link into the same folder is the one that is passed over.

    Raises
    ------
    InvalidCatalogueError
        If it is not a folder, or cannot be read.
    """
    if not folder.is_dir():
        remedy = " Give the folder that holds the pictures; unpack an archive first." if folder.exists() else ""
        raise InvalidCatalogueError(f"{folder} is not a folder.{remedy}")
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise InvalidCatalogueError(f"{folder} cannot be read: {error.strerror}.") from error
    walker = _Walker(os.path.realpath(folder))
    walker.look_through(str(folder), walker.top)
    while walker.links:
        walker.follow(walker.links.pop(0))
    return Walked(tuple(sorted(map(Path, walker.files))), {why: sorted(paths) for why, paths in walker.passed.items()})


class _Walker:
    """Goes from folder to folder; ``links`` lead to folders and wait until all that lies in plain sight is seen."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.files: list[str] = []
        self.links: list[str] = []
        self.passed: dict[str, list[Path]] = {}
        self._seen: set[str] = set()

    def look_through(self, folder: str, place: str) -> None:
        """Look through a folder, whose place on the disk is given, and all below it."""
        waiting = [(folder, place)]
        while waiting:
            here, place = waiting.pop()
            if place in self._seen:
                self._pass(AGAIN, here)
                continue
            self._seen.add(place)
            try:
                with os.scandir(here) as entries:
                    waiting += [(entry.path, f"{place}{os.sep}{entry.name}") for entry in self._folders(entries)]
            except OSError:
                self._pass(UNREADABLE, here)

    def follow(self, link: str) -> None:
        """Look through what a link leads to, unless it was or will be seen otherwise."""
        place = os.path.realpath(link)
        if place in self._seen:
            self._pass(AGAIN, link)
        elif f"{self.top}{os.sep}".startswith(f"{place.rstrip(os.sep)}{os.sep}"):
            self._pass(ABOVE, link)
        else:
            self.look_through(link, place)

    def _folders(self, entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        """Sort what lies in a folder into files, links and what is passed over; give the folders in it."""
        for entry in entries:
            if away := PLACEHOLDER.fullmatch(entry.name):
                self._pass(AWAY, str(Path(entry.path).with_name(away[1])))
            elif is_kept_by_a_system(entry.name):
                self._pass(SYSTEM, entry.path)
            elif entry.is_dir(follow_symlinks=False):
                yield entry
            elif entry.is_file(follow_symlinks=False):
                self.files.append(entry.path)
            elif entry.is_symlink():
                self._sort_link(entry)
            else:
                self._pass(SPECIAL, entry.path)

    def _sort_link(self, entry: os.DirEntry[str]) -> None:
        try:
            if entry.is_dir():
                self.links.append(entry.path)
            elif entry.is_file():
                self.files.append(entry.path)
            else:
                self._pass(SPECIAL if Path(entry.path).exists() else NOWHERE, entry.path)
        except OSError:  # links that lead in a circle
            self._pass(NOWHERE, entry.path)

    def _pass(self, why: str, path: str) -> None:
        self.passed.setdefault(why, []).append(Path(path))
