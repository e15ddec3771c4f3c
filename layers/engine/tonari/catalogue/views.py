"""Which views an item has: its images or the passages of its document, as far as the encoder can encode them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tonari.catalogue.documents import (
    ITEMS,
    CatalogueItem,
    ItemState,
    document_key,
    image_key,
    read_passage_key,
    select_images,
)
from tonari.catalogue.passages import Passage, passages_of
from tonari.contract.artefacts import ViewRule

_NUMBERED = re.compile("#[1-9][0-9]{0,8}")
_AMBIGUOUS: Final = "Passages of texts are called so: give the image another name."


@dataclass(frozen=True, slots=True)
class ChosenViews:
    """The views that an item is to have: images or passages, in order.

    Parameters
    ----------
    images
        Names.
    passages
        By name: what is encoded.
    missing
        Reason by key, for images that cannot be views.
    """

    images: tuple[str, ...] = ()
    passages: Mapping[str, Passage] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def sources(self, etags: Mapping[str, str]) -> dict[str, str]:
        """Give the source of each view by name: of an image its ETag, by name in ``etags``, of a passage its sha256."""
        passages = {name: passage.source for name, passage in self.passages.items()}
        return {name: etags[name] for name in self.images} | passages


def choose_views(item: str, fields: Mapping[str, Any], images: Collection[str], rule: ViewRule) -> ChosenViews:
    """Choose an item's views by what the encoder encodes.

    Pictures alone: its images, as its document selects and orders them. Texts alone: the passages of its document.
    Both: its images or, where none of them is there, its passages.

    Parameters
    ----------
    images
        Names of those that are there.
    """
    missing: dict[str, str] = {}
    if "image" in rule.modalities:
        names, missing = select_images(item, fields, images)
        if ambiguous := [name for name in names if is_passage(name)]:
            missing |= dict.fromkeys((image_key(item, name) for name in ambiguous), _AMBIGUOUS)
            names = [name for name in names if name not in ambiguous]
        if names or "text" not in rule.modalities:
            return ChosenViews(tuple(names), {}, missing)
    found = passages_of(fields, rule.passages)
    passages = {passage_name(number): passage for number, passage in enumerate(found, 1)}
    return ChosenViews(passages=passages, missing=missing)


def state_of(item: CatalogueItem, rule: ViewRule) -> ItemState | None:
    """Say what an index that holds this item as it lies here would record; None if nothing is left of it."""
    if item.deleted:
        return None
    chosen = choose_views(item.id, item.fields, item.images, rule)
    return item.etag, tuple(chosen.sources(item.images).items())


def passage_name(number: int) -> str:
    """Name of the view that is an item's passage of a number, from 1."""
    return f"#{number}"


def is_passage(name: str) -> bool:
    """Tell whether a view is a passage, by its name: no view that is an image has such a one."""
    return name.startswith("#") and _NUMBERED.fullmatch(name) is not None


def passage_number(name: str) -> int:
    """Tell the number of a passage, from 1, by its view's name."""
    return int(name[1:])


def passage_text(fields: Mapping[str, Any], rule: ViewRule, name: str) -> Passage | None:
    """Give the passage of a document that a view was made from; None if it has no such passage."""
    found, number = passages_of(fields, rule.passages), passage_number(name)
    return found[number - 1] if number <= len(found) else None


def view_key(item: str, name: str) -> str:
    """Key of a view: that of the image, or that of the document and the passage's name behind it."""
    return f"{document_key(item)}{name}" if is_passage(name) else image_key(item, name)


def is_passage_key(key: str) -> bool:
    """Tell whether :func:`view_key` made a key of a passage."""
    return key.startswith(ITEMS) and read_passage_key(key) is not None
