"""A catalogue that somebody changes, and all that it ever was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from io import BytesIO
from random import Random

from PIL import Image

from tonari.catalogue.documents import document_key, image_key, item_of
from tonari.storage.bucket import Bucket

ITEMS = tuple("abcdefghij")
NAMES = ("1.png", "2.png")
NO_PICTURE = b"no picture"


def picture(red: int, green: int, blue: int) -> bytes:
    """Draw a picture of one colour."""
    buffer = BytesIO()
    Image.new("RGB", (8, 8), (red, green, blue)).save(buffer, "PNG")
    return buffer.getvalue()


def etag_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Shop:
    """Changes a catalogue.

    Every change is one moment: what an object was at a moment and since can be asked for.

    Parameters
    ----------
    random
        Decides on what is changed to what.
    items
        Ids of all items that there ever are.
    """

    def __init__(self, catalogue: Bucket, random: Random, items: Sequence[str] = ITEMS) -> None:
        self.catalogue, self.items, self.moment = catalogue, items, 0
        self.data: dict[str, bytes] = {}
        self._random = random
        self._history: dict[str, list[tuple[int, bytes | None]]] = {}

    def open(self) -> None:
        """Fill the catalogue."""
        for item in self.items:
            self.put(document_key(item), self._document())
            self.put(image_key(item, NAMES[0]), self._picture())

    def put(self, key: str, data: bytes) -> None:
        self.catalogue.put(key, data)
        self._note(key, data)

    def delete(self, *keys: str) -> None:
        self.catalogue.delete(*keys)
        for key in keys:
            self._note(key, None)

    def change(self, item: str = "") -> list[str]:
        """Change something, of an item if one is given; give the keys that events name."""
        item = item or self._random.choice(self.items)
        image = image_key(item, self._random.choice(NAMES))
        everything = [document_key(item), *(image_key(item, name) for name in NAMES)]
        match self._random.randrange(8):
            case 0 | 1:
                self.put(document_key(item), self._document())
                return [document_key(item)]
            case 2 | 3:
                self.put(image, self._picture())
                return [image]
            case 4:
                gone = self._random.choice(everything)
                self.delete(gone)
                return [gone]
            case 5:
                self.delete(*everything)
                return everything
            case 6:
                return self._revert(self._random.choice(everything))
            case _:  # a new item, or all of it anew
                for key in everything:
                    self.put(key, self._document() if key == everything[0] else self._picture())
                return everything

    def since(self, key: str, moment: int) -> list[bytes | None]:
        """Give what an object was at a moment, and all that it became since."""
        history = self._history.get(key, [])
        at = [data for when, data in history if when <= moment][-1:] or [None]
        return at + [data for when, data in history if when > moment]

    def now(self, key: str) -> bytes | None:
        return self.since(key, self.moment)[0]

    def _revert(self, key: str) -> list[str]:
        """Let an object be again what it was before."""
        before = [data for _, data in self._history.get(key, [(0, None)])]
        was = self._random.choice(before)
        if was is None:
            self.delete(key)
        else:
            self.put(key, was)
        return [key]

    def _note(self, key: str, data: bytes | None) -> None:
        self.moment += 1
        self._history.setdefault(key, []).append((self.moment, data))
        if data is not None:
            self.data[etag_of(data)] = data

    def _document(self) -> bytes:
        fields = {"price": self._random.randrange(9), "color": self._random.choice(("red", "blue"))}
        if self._random.random() < 0.15:
            fields["images"] = [self._random.choice(NAMES)]
        return json.dumps(fields).encode() if self._random.random() < 0.95 else b"no document"

    def _picture(self) -> bytes:
        if self._random.random() < 0.05:
            return NO_PICTURE
        return picture(*(self._random.randrange(40, 256, 5) for _ in range(3)))


def items_of(keys: Sequence[str]) -> list[str]:
    """Give the items that keys belong to."""
    return sorted({item for key in keys if (item := item_of(key))})
