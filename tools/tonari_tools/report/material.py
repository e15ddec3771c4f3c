"""All that a report is made of, and how much of it is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from tonari.contract.findings import AttributeQuality, Audit, DuplicateGroup, MissingValue
from tonari_tools.report.thumbnails import NO_PICTURE, NOT_SHOWN, Thumbnail

MOST_CONTRADICTED = 24
MOST_NEIGHBOURS = 5
MOST_GROUPS = 16
MOST_OF_GROUP = 4
MOST_MISSING = 48
"""With 6 examples of 6 neighbours that makes 298 pictures at most."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a snapshot is.

    Parameters
    ----------
    segments
        Delta segments with later changes, which are not in the report.
    items, views, dimensions
        Counts.
    rejected
        Reason by key.
    recall
        Recall@10 by selectivity.
    split_by
        The field that keeps items together when some are held out; empty for the id.
    """

    snapshot: str
    encoder: str
    encoder_name: str
    generation: int
    segments: int
    items: int
    views: int
    dimensions: int
    rejected: Mapping[str, str]
    recall: Mapping[str, float]
    split_by: str

    @property
    def built(self) -> dt.datetime | None:
        """When, as its id says; None if it does not."""
        try:
            return dt.datetime.strptime(self.snapshot[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item as the report shows it.

    Parameters
    ----------
    image
        Key of its picture, empty if it has none.
    labels
        Its classes by attribute.
    """

    id: str
    image: str
    labels: Mapping[str, tuple[Any, ...]]

    def labels_of(self, attribute: str) -> tuple[Any, ...]:
        """Give its classes of one attribute."""
        return self.labels.get(attribute, ())

    def differs(self, other: ShownItem, attribute: str) -> bool:
        """Tell whether both have classes of an attribute, and none in common."""
        own, others = self.labels_of(attribute), other.labels_of(attribute)
        return bool(own) and bool(others) and not set(own) & set(others)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item near another; ``score`` is the cosine similarity of their nearest views."""

    item: ShownItem
    score: float


@dataclass(frozen=True, slots=True)
class Example:
    """An item and the other items nearest to it."""

    item: ShownItem
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of.

    Parameters
    ----------
    attributes
        By name.
    audit
        As far as it is shown, with the counts of all.
    items
        By id: those that the audit names.
    thumbnails
        By key in the catalogue.
    """

    facts: Facts
    attributes: Mapping[str, AttributeQuality]
    audit: Audit
    examples: tuple[Example, ...]
    items: Mapping[str, ShownItem]
    thumbnails: Mapping[str, Thumbnail]

    def thumbnail(self, key: str) -> Thumbnail:
        """Give the thumbnail under a key, or one that says why there is none."""
        return self.thumbnails.get(key, NOT_SHOWN) if key else NO_PICTURE

    @property
    def missing_by_attribute(self) -> dict[str, list[MissingValue]]:
        """Part the values that could be filled in by attribute."""
        parted: dict[str, list[MissingValue]] = {}
        for one in self.audit.missing.items:
            parted.setdefault(one.attribute, []).append(one)
        return parted


def shortened(audit: Audit) -> Audit:
    """Keep what is shown; counts stay those of all."""
    contradicted = tuple(
        structs.replace(one, neighbours=one.neighbours[:MOST_NEIGHBOURS])
        for one in audit.contradicted.items[:MOST_CONTRADICTED]
    )
    return structs.replace(
        audit,
        contradicted=structs.replace(audit.contradicted, items=contradicted),
        duplicates=structs.replace(
            audit.duplicates, items=tuple(map(_first_of_group, audit.duplicates.items[:MOST_GROUPS]))
        ),
        missing=structs.replace(audit.missing, items=_evenly(audit.missing.items)),
    )


def _first_of_group(group: DuplicateGroup) -> DuplicateGroup:
    return structs.replace(group, ids=group.ids[:MOST_OF_GROUP], images=group.images[:MOST_OF_GROUP])


def _evenly(missing: tuple[MissingValue, ...]) -> tuple[MissingValue, ...]:
    """Take equally many of each attribute."""
    names = list(dict.fromkeys(one.attribute for one in missing))
    each = max(1, MOST_MISSING // max(1, len(names)))
    evenly = [one for name in names for one in [other for other in missing if other.attribute == name][:each]]
    return tuple(evenly[:MOST_MISSING])


def items_named(audit: Audit) -> Iterator[str]:
    """Give the ids of the items whose own picture is shown, in the order of the report."""
    for contradicted in audit.contradicted.items:
        yield from contradicted.neighbours
        yield contradicted.id
    for missing in audit.missing.items:
        yield missing.id


def pictures(examples: tuple[Example, ...], audit: Audit, items: Mapping[str, ShownItem]) -> Iterator[str]:
    """Give the keys of all pictures that are shown, the most important first."""
    for example in examples:
        yield from (one.image for one in (example.item, *(near.item for near in example.neighbours)) if one.image)
    for group in audit.duplicates.items:
        yield from group.images
    for item in items_named(audit):
        if items[item].image:
            yield items[item].image
