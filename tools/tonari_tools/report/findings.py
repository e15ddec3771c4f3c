"""What ``audit.json`` of a snapshot says of its items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tonari.errors import CorruptArtefactError

FORMAT = 1

One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Contradicted:
    """An item whose label both methods contradict.

    Parameters
    ----------
    attribute, label
        What its document says; of tags a list.
    discriminant, probability
        What the class means say, and how probable they find it.
    vote, share
        What its neighbours say, and with what share of their votes.
    neighbours
        Ids, nearest first.
    """

    id: str
    attribute: str
    label: Any
    discriminant: Any
    probability: float
    vote: Any
    share: float
    neighbours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """A group of ``size`` items with nearly the same picture.

    Parameters
    ----------
    ids, images
        The first items, and the key of the picture of each that is alike.
    score
        The least cosine among them.
    """

    ids: tuple[str, ...]
    images: tuple[str, ...]
    score: float
    size: int


@dataclass(frozen=True, slots=True)
class Missing:
    """An item that lacks an attribute, and the value that could fill it; ``agree`` if the vote says the same."""

    id: str
    attribute: str
    value: Any
    probability: float
    agree: bool


@dataclass(frozen=True, slots=True)
class Listed(Generic[One]):
    """How many were checked, how many were found, and the first of these."""

    checked: int
    count: int
    items: tuple[One, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the audit found.

    Parameters
    ----------
    suspected
        Labels that the discriminant contradicts, before the vote was asked.
    alike
        Cosine from which two pictures count as nearly the same.
    """

    suspected: int
    contradicted: Listed[Contradicted]
    duplicates: Listed[Duplicates]
    missing: Listed[Missing]
    alike: float


def parse_findings(raw: Any) -> Findings:
    """Read the value of ``audit.json``.

    Raises
    ------
    CorruptArtefactError
        If it is not of the documented form or format.
    """
    try:
        if raw["format"] != FORMAT:
            raise CorruptArtefactError(f"audit.json has format {raw['format']}, this version reads {FORMAT}: rebuild.")
        return Findings(
            int(raw["contradicted"]["suspected"]),
            _listed(raw["contradicted"], _contradicted),
            _listed(raw["duplicates"], _duplicates),
            _listed(raw["missing"], _missing),
            float(raw["duplicates"]["threshold"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CorruptArtefactError(f"audit.json is not of the documented form: {error!r}.") from error


def _listed(raw: Any, read: Callable[[Any], One]) -> Listed[One]:
    return Listed(int(raw["checked"]), int(raw["count"]), tuple(map(read, raw["items"])))


def _contradicted(raw: Any) -> Contradicted:
    discriminant, vote = raw["discriminant"], raw["vote"]
    return Contradicted(
        id=str(raw["id"]),
        attribute=str(raw["attribute"]),
        label=raw["label"],
        discriminant=discriminant["value"],
        probability=float(discriminant["probability"]),
        vote=vote["value"],
        share=float(vote["share"]),
        neighbours=tuple(map(str, raw["neighbours"])),
    )


def _duplicates(raw: Any) -> Duplicates:
    ids, images = (tuple(map(str, raw[key])) for key in ("ids", "images"))
    return Duplicates(ids, images, float(raw["score"]), int(raw["size"]))


def _missing(raw: Any) -> Missing:
    return Missing(str(raw["id"]), str(raw["attribute"]), raw["value"], float(raw["probability"]), bool(raw["agree"]))
