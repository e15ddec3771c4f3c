"""What articles are made from: events as they can be told, names, and texts in other languages, out of a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

FILE = "material.json"


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event. Every text has gaps such as ``{town}``.

    Parameters
    ----------
    titles, leads, quotes, closings
        Ways to tell each: one is taken.
    details
        Of each, one way is taken; all come, in this order.
    """

    topic: str
    section: str
    tags: tuple[str, ...]
    titles: tuple[str, ...]
    leads: tuple[str, ...]
    details: tuple[tuple[str, ...], ...]
    quotes: tuple[str, ...]
    closings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Translation:
    """A text in another language."""

    topic: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Names:
    """What fills the gaps."""

    towns: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    companies: tuple[str, ...]
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    agencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """All of it."""

    names: Names
    events: tuple[Event, ...]
    translations: tuple[Translation, ...]


def read_material() -> Material:
    """Read the file beside this module."""
    raw = json.loads((files(__package__ or "tonari_newsroom") / FILE).read_bytes())
    events = [
        Event(**{**one, "details": tuple(map(tuple, one["details"])), **{name: tuple(one[name]) for name in _LISTS}})
        for one in raw["events"]
    ]
    names = Names(**{name: tuple(values) for name, values in raw["names"].items()})
    return Material(names, tuple(events), tuple(Translation(**one) for one in raw["translations"]))


_LISTS = ("tags", "titles", "leads", "quotes", "closings")
