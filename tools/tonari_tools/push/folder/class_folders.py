"""Subfolders that are classes of items (``dress/…``, ``shoe/…``): how they are told from items, and what they give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tonari.contract.normal_form import nfc
from tonari_tools.push.folder.options import Folders
from tonari_tools.push.folder.pictures import Folder

CLASS_FIELD = "category"
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}
"""Names of folders into which collections for training are divided; the classes are in them."""

MANY_VIEWS = 8
"""Pictures in a folder from which it may be more than one item: shops show one to seven of most products."""
NO_ITEM = 30
"""Pictures in a folder that no item has."""
FEW_FOLDERS = 100
TINY_VIEWS = 4
TINY_FOLDERS = 20
MOST_TURNS = 100
"""Pictures of an item on a turntable."""

_LAST_WORD = re.compile(r"[^\W_]+$")
_VIEW = re.compile(
    r"(front|back|rear|side|left|right|top|bottom|main|alt|alternate|detail|zoom|model|swatch|hover|lifestyle|outfit|"
    r"turned|default|view|angle)\d{0,2}",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d{1,2}")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the subfolders of a folder look like.

    Parameters
    ----------
    names
        Of the subfolders.
    least, most
        How many pictures are in a subfolder.
    typical
        How many pictures are in the folder in which the median picture lies.
    deeper
        Share of pictures that lie in a folder of such a subfolder.
    views, numbered
        Share of pictures whose name ends in the name of a view (``front``), or in a number of at most two digits, as no
        other name in that subfolder does.
    repeated
        Share of pictures that have a namesake in most other subfolders.
    digits
        Share of subfolders with a digit in their names.
    """

    names: tuple[str, ...]
    least: int
    most: int
    typical: int
    deeper: float
    views: float
    numbered: float
    repeated: float
    digits: float

    @property
    def may_be_classes(self) -> bool:
        """Whether these may be classes whose pictures are items, rather than items with several views.

        Shops show one to seven views of most products, under names that recur or with numbers. Collections for
        training have dozens to thousands of pictures a class, in up to a thousand classes.
        """
        count = len(self.names)
        many = (self.typical >= MANY_VIEWS and count <= FEW_FOLDERS) or self.typical >= NO_ITEM
        if self.deeper >= 0.5:
            return many
        if self.views >= 0.5:
            return False
        if many:
            turned = count > FEW_FOLDERS and self.repeated >= 0.8 and self.typical <= MOST_TURNS
            return not turned
        tiny = self.typical >= TINY_VIEWS and 2 <= count <= TINY_FOLDERS
        return tiny and self.numbered < 0.5 and self.digits < 0.2 and self.repeated < 0.5


def shape_of(folder: Folder) -> Shape | None:
    """Look at the subfolders; None if there are none with pictures."""
    inside = [parts for parts in _parts(folder).values() if len(parts) > 1]
    if not inside:
        return None
    sizes = Counter(parts[0] for parts in inside)
    namesakes = Counter(name for _, name in {(parts[0], parts[-1].lower()) for parts in inside})
    endings = Counter((parts[0], _ending(parts[-1])) for parts in inside)
    own = [ending for (_, ending), times in endings.items() if times == 1]
    return Shape(
        names=tuple(sorted(sizes)),
        least=min(sizes.values()),
        most=max(sizes.values()),
        typical=sorted(sizes[parts[0]] for parts in inside)[len(inside) // 2],
        deeper=_share(len(parts) > 2 for parts in inside),
        views=sum(_VIEW.fullmatch(ending) is not None for ending in own) / len(inside),
        numbered=sum(_NUMBER.fullmatch(ending) is not None for ending in own) / len(inside),
        repeated=_share(len(sizes) > 1 and namesakes[parts[-1].lower()] > len(sizes) / 2 for parts in inside),
        digits=_share(any(letter.isdigit() for letter in name) for name in sizes),
    )


def read_as(folder: Folder, meaning: Folders | None) -> Folder:
    """Give the folder with the ids of pictures that are items by themselves, as its subfolders' meaning says.

    Of classes, a folder in a class is an item if the pictures in it are named as views of one are.
    """
    if meaning not in ("classes", "ignore"):
        return folder
    depth = len(folder.root.parts)
    places = {image: _Place((*image.parts[depth:-1], _stem(image.name)), image.suffix) for image in folder.images}
    inner = _inner_items(_parts(folder)) if meaning == "classes" else {}
    items = {image: _Place(places[image].names[:-below]) for image, below in inner.items()}
    return replace(folder, own_ids=_unique_ids({**places, **items}))


def classes_of(folder: Folder) -> dict[Path, str]:
    """Give the class of each picture that lies in a subfolder: the name of the first one below the root."""
    return {image: nfc(parts[0]) for image, parts in _parts(folder).items() if len(parts) > 1}


class _Place(NamedTuple):
    """Folders below the root and, last, the name without suffix; and the suffix."""

    names: tuple[str, ...]
    suffix: str = ""


def _unique_ids(places: Mapping[Path, _Place]) -> dict[Path, str]:
    """Name items by the end of their places, as short as tells them apart; of one place is one item."""
    waiting = set(places.values())
    ids: dict[_Place, str] = {}
    taken: set[str] = set()
    for shorten in (
        lambda place: place.names[-1],
        lambda place: "-".join(place.names[-2:]),
        lambda place: "-".join(place.names),
        lambda place: "-".join(place.names) + place.suffix,
    ):
        short = {place: nfc(shorten(place)) for place in waiting}
        times = Counter(short.values())
        new = {place: one for place, one in short.items() if times[one] == 1 and one not in taken}
        ids |= new
        taken.update(new.values())
        waiting -= new.keys()
    return {image: ids[place] if place in ids else short[place] for image, place in places.items()}


def _parts(folder: Folder) -> dict[Path, tuple[str, ...]]:
    """Give the place of each picture below the root, and below the parts of a collection for training."""
    depth = len(folder.root.parts)
    places = {image: image.parts[depth:] for image in folder.images}
    divided = [parts for parts in places.values() if len(parts) > 2 and parts[0].lower() in PARTS]
    if places and len(divided) >= len(places) / 2:
        return {image: parts[1:] if parts[0].lower() in PARTS else parts for image, parts in places.items()}
    return places


def _inner_items(places: Mapping[Path, tuple[str, ...]]) -> dict[Path, int]:
    """Find pictures whose folder, in a class, is an item with views; give how far below that folder each lies."""
    deep = {image: parts for image, parts in places.items() if len(parts) > 2}
    endings = [_ending(parts[-1]) for parts in deep.values()]
    named = sum(1 for ending in endings if _VIEW.fullmatch(ending) or _NUMBER.fullmatch(ending))
    sizes = Counter(parts[:2] for parts in deep.values())
    times = Counter(name for _, name in sizes)
    in_several_classes = sum(times[name] > 1 for _, name in sizes)
    if (
        not deep
        or max(len(deep) - 2 * named, 2 * in_several_classes - len(sizes), len(deep) - NO_ITEM * len(sizes)) > 0
    ):
        return {}
    return {image: len(parts) - 2 for image, parts in deep.items()}


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _ending(name: str) -> str:
    """Give the last word of a picture's name, without suffix, in lower case."""
    found = _LAST_WORD.search(_stem(name))
    return found.group().lower() if found else ""


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values) if values else 0.0
