"""All that a report is made of, and how much of it is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from tonari_tools.report.examples import Example
from tonari_tools.report.figures import AttributeFigures
from tonari_tools.report.findings import Contradicted, Duplicates, Findings, Listed, Missing
from tonari_tools.report.goods import Goods
from tonari_tools.report.thumbnails import Thumbnail

MOST_CONTRADICTED = 24
MOST_NEIGHBOURS = 5
MOST_GROUPS = 16
MOST_OF_GROUP = 4
MOST_MISSING = 48
"""With 6 examples of 6 neighbours that makes 298 pictures at most."""

One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a snapshot is.

    Parameters
    ----------
    segments
        Delta segments that lie over it; what they change is not in the report.
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
class Material:
    """What a report is made of.

    Parameters
    ----------
    findings
        As far as they are shown.
    goods
        By id: the items that findings speak of.
    thumbnails
        By key in the catalogue.
    """

    facts: Facts
    attributes: tuple[AttributeFigures, ...]
    findings: Findings
    examples: tuple[Example, ...]
    goods: Mapping[str, Goods]
    thumbnails: Mapping[str, Thumbnail]


def cut(findings: Findings) -> Findings:
    """Keep what is shown, with the counts of all."""
    missing = findings.missing
    names = list(dict.fromkeys(one.attribute for one in missing.items))
    each = max(1, MOST_MISSING // max(1, len(names)))
    evenly = [one for name in names for one in [m for m in missing.items if m.attribute == name][:each]]
    return replace(
        findings,
        contradicted=_first(findings.contradicted, MOST_CONTRADICTED),
        duplicates=_first(findings.duplicates, MOST_GROUPS),
        missing=replace(missing, items=tuple(evenly[:MOST_MISSING])),
    )


def _first(listed: Listed[One], most: int) -> Listed[One]:
    return replace(listed, items=listed.items[:most])


def named(findings: Findings) -> Iterator[str]:
    """Give the ids of all items that are shown beside findings."""
    for contradicted in findings.contradicted.items:
        yield from neighbours_shown(contradicted)
        yield contradicted.id
    for group in findings.duplicates.items:
        yield from group.ids
    for missing in findings.missing.items:
        yield missing.id


def neighbours_shown(found: Contradicted) -> tuple[str, ...]:
    """Give the first of the neighbours that contradict a label."""
    return found.neighbours[:MOST_NEIGHBOURS]


def images_shown(group: Duplicates) -> tuple[str, ...]:
    """Give the keys of the first pictures of a group."""
    return group.images[:MOST_OF_GROUP]


def missing_by_attribute(found: Listed[Missing]) -> dict[str, list[Missing]]:
    """Part what could be filled in by attribute."""
    parted: dict[str, list[Missing]] = {}
    for one in found.items:
        parted.setdefault(one.attribute, []).append(one)
    return parted


def pictures(examples: tuple[Example, ...], findings: Findings, goods: Mapping[str, Goods]) -> Iterator[str]:
    """Give the keys of all pictures that are shown, in the order of their worth."""
    for example in examples:
        yield from (one.image for one in (example.goods, *(near.goods for near in example.neighbours)) if one.image)
    for group in findings.duplicates.items:
        yield from images_shown(group)
    for item in named(replace(findings, duplicates=replace(findings.duplicates, items=()))):
        if goods[item].image:
            yield goods[item].image
