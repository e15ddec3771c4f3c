"""Names of pictures as tables have them -> the files that they mean."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from tonari.contract.normal_form import nfc
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.pictures import IMAGE_SUFFIXES, Folder, is_image

ADDRESS = re.compile(r"(?:https?|ftp|s3|gs)://[^/]*", re.IGNORECASE)
_DRIVE = re.compile(r"(?:file:)?/*(?:[A-Za-z]:)?/+")
_QUERY = re.compile(r"[?#].*")
SHOWN = 3


class Locator:
    """Finds pictures in a folder, and beside the table.

    A name may be a path from the folder or from the table, also with the folder's own name in front, with backslashes,
    in other letters (``P1.JPG``), URL-encoded, without its suffix, or without the subfolder if no other picture is
    called so. A whole path of another machine, or an address, counts by its end.
    """

    def __init__(self, folder: Folder, beside: Path) -> None:
        self._folder, self._beside = folder, beside
        self._own = tuple(nfc(part).casefold() for part in folder.path.absolute().parts)
        self._inner = nfc(folder.root.relative_to(folder.path).as_posix()).removeprefix(".")
        depth = len(folder.path.parts)
        written = {"/".join(image.parts[depth:]): image for image in folder.images}
        self._paths = {nfc(path): image for path, image in written.items()} | written

    def find(self, name: str) -> Path:
        """Give the file of a picture.

        Raises
        ------
        InvalidCatalogueError
            If there is none or more than one, or it is no picture.
        """
        if name in self._paths:
            return self._paths[name]
        spellings = [*_spellings(name)]
        for spelling in spellings:
            found = self._as_written(spelling)
            if found is not None:
                return found
        for spelling in spellings:
            alike = self._alike(spelling)
            if len(alike) == 1:
                return alike[0]
            if alike:
                raise InvalidCatalogueError(f"the picture {name} may be {self._some(alike)}: write which.")
        raise InvalidCatalogueError(self._why_not(name, spellings[0]))

    def finds(self, name: str) -> bool:
        """Tell whether a name means one picture."""
        try:
            self.find(name)
        except InvalidCatalogueError:
            return False
        return True

    def of_item(self, item: str) -> list[Path]:
        """Give the pictures of an item: by their places, else the one that is called as the item; else none."""
        by_place = self._by_id.get(item) or self._by_folded_id.get(item.casefold(), [])
        return by_place or ([self.find(item)] if self.finds(item) else [])

    def id_of_picture(self, image: Path) -> str:
        """Give an id for one picture as an item of its own: its path without suffix, parts joined by ``-``."""
        return nfc("-".join([*self._folder.place_of(image)[:-1], image.stem]))

    @cached_property
    def _by_id(self) -> Mapping[str, list[Path]]:
        return self._folder.by_id()

    @cached_property
    def _by_folded_id(self) -> Mapping[str, list[Path]]:
        """Pictures by id in small letters, of ids that differ in more than that from all others."""
        folded: dict[str, list[list[Path]]] = {}
        for item, images in self._by_id.items():
            folded.setdefault(item.casefold(), []).append(images)
        return {item: several[0] for item, several in folded.items() if len(several) == 1}

    @cached_property
    def _folded(self) -> Mapping[str, list[Path]]:
        """Pictures by each name under which one may be looked for: small letters, no suffix, no folder."""
        found: dict[str, list[Path]] = {}
        for path, image in self._paths.items():
            whole = path.casefold()
            name = whole.rpartition("/")[2]
            bare = len(whole) - len(name) + (name.rfind(".") if name.rfind(".") > 0 else len(name))
            for key in {whole, whole[:bare], name, whole[len(whole) - len(name) : bare]}:
                found.setdefault(key, []).append(image)
        return found

    def _as_written(self, name: str) -> Path | None:
        for tail in self._tails(name):
            for path in (tail, f"{self._inner}/{tail}"):
                if path in self._paths:
                    return self._paths[path]
        elsewhere = (Path(os.path.normpath(root / name)) for root in (self._folder.path, self._beside))
        return next((path for path in elsewhere if is_image(path) and _is_file(path)), None)

    def _tails(self, name: str) -> Iterator[str]:
        """Give a path from the folder, less what may stand before it."""
        rest = ADDRESS.sub("/", name)
        drive = _DRIVE.match(rest)
        parts = [part for part in rest[drive.end() if drive else 0 :].split("/") if part not in ("", ".")]
        for number in range(len(parts)):
            own = self._own[len(self._own) - number :] == tuple(part.casefold() for part in parts[:number])
            if number == 0 or drive or own:
                yield "/".join(parts[number:])

    def _alike(self, name: str) -> list[Path]:
        for tail in self._tails(name):
            found = self._folded.get(tail.casefold(), [])
            exact = [image for image in found if tail in (image.stem, image.name)]
            if found:
                return exact if len(exact) == 1 else found
        return []

    def _why_not(self, name: str, tidy: str) -> str:
        if ADDRESS.match(name):
            return (
                f"{name:.80} is an address: tonari downloads nothing. Download the pictures into {self._folder.path} "
                "under the names at the end of their addresses."
            )
        if any(_is_file(root / tidy) for root in (self._folder.path, self._beside)):
            return f"{name} is not a picture: the name of one ends in {' '.join(IMAGE_SUFFIXES)}."
        other = self._folded.get(PurePosixPath(tidy.casefold()).stem, [])
        hint = f" There is {self._some(other)}." if other else ""
        return f"the picture {name} is not in {self._folder.path}.{hint}"

    def _some(self, images: Iterable[Path]) -> str:
        names = [str(image.relative_to(self._folder.path)) for image in images]
        return " or ".join(names[:SHOWN]) + (" or another" if len(names) > SHOWN else "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no name can be that long
        return False


def _spellings(name: str) -> Iterator[str]:
    """Give what a name may mean: as it is, with slashes, without an address's query, decoded."""
    plain = nfc(name.strip().replace("\\", "/"))
    yield plain
    if ADDRESS.match(plain):
        plain = _QUERY.sub("", plain)
        yield plain
    if "%" in plain:
        yield nfc(unquote(plain))
    if "&" in plain:
        yield nfc(html.unescape(plain))
