"""What a build finds out, as ``report.json`` and ``audit.json`` of a snapshot: written and read by these types."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from tonari.contract.forms import decode
from tonari.contract.requests import Method
from tonari.errors import CorruptArtefactError

REPORT_FORMAT = 3
AUDIT_FORMAT = 2

Value = Any
"""A class: text, a number or a truth value; of an item with tags, a list of them."""


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields are required, and others refused."""


class ReliabilityBin(_Struct, frozen=True):
    """Predictions of about one confidence.

    Parameters
    ----------
    confidence
        Their mean.
    right
        Share of them that were right.
    share
        Of all predictions that they are.
    """

    confidence: float
    right: float
    share: float


class CoveragePoint(_Struct, frozen=True):
    """What is given from one threshold on: the share of all, and the share of that which is right."""

    threshold: float
    coverage: float
    accuracy: float


class ConfusionCount(_Struct, frozen=True):
    """How many held-out items of the class ``truth`` were predicted to be of the class ``predicted``.

    An item with several views counts in parts, hence fractions.
    """

    truth: Value
    predicted: Value
    items: float


class MethodQuality(_Struct, frozen=True):
    """One way of predicting one attribute, measured on items that it had not seen.

    Parameters
    ----------
    held_out
        How many items that were.
    accuracy, macro_f1, calibration_error, coverage
        Shares of 1; ``coverage`` is that of predictions at or over the threshold.
    threshold
        Least probability that is given as the value; over 1 if ``precision`` is never surely reached.
    precision
        That was asked for.
    reliability
        By ascending confidence.
    curve
        By descending threshold.
    confusion
        Largest first, right ones included; empty for tags.
    support
        How many independent held-out answers those at or over the threshold are worth: those of one group are alike,
        and some weigh more than others. 0 if there is no threshold.
    """

    held_out: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    coverage: float
    threshold: float
    precision: float
    reliability: tuple[ReliabilityBin, ...]
    curve: tuple[CoveragePoint, ...]
    confusion: tuple[ConfusionCount, ...]
    support: float = 0.0


class AttributeQuality(_Struct, frozen=True):
    """One attribute.

    Parameters
    ----------
    several
        Whether an item may have more than one of its classes (tags).
    classes, sampled
        All values, and from how many items each was learned.
    methods
        By name; empty where too few items could be held out.
    default
        The method that answers unless another is asked for.
    reason
        Why it does.
    described
        Classes that have no labelled item, and are known by what ``schema.json`` says of them in words.
    """

    several: bool
    classes: tuple[Value, ...]
    sampled: tuple[int, ...]
    methods: dict[Method, MethodQuality]
    default: Method = "discriminant"
    reason: str = ""
    described: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        """Refuse counts that belong to no class."""
        if len(self.classes) != len(self.sampled):
            raise ValueError(f"{len(self.classes)} classes, but {len(self.sampled)} counts")


class GroupingRule(_Struct, frozen=True):
    """One way by which items were put into groups.

    Parameters
    ----------
    rule
        ``split_by``, ``field``, ``ids``, ``file names``, ``numbers``, ``pictures`` or ``looks``.
    how
        The name of the field, which part of the names, or from which likeness on.
    groups, items, largest
        As in :class:`ItemGroups`, if this were the only rule.
    """

    rule: str
    how: str
    groups: int
    items: int
    largest: int


class ItemGroups(_Struct, frozen=True):
    """Items that show one thing, and are therefore held out together.

    Parameters
    ----------
    groups
        How many groups of two or more items there are.
    items
        How many items are in them.
    largest
        Items of the largest.
    rules
        In the order in which they were applied; empty where every item stands for itself.
    """

    groups: int = 0
    items: int = 0
    largest: int = 0
    rules: tuple[GroupingRule, ...] = ()


class Familiarity(_Struct, frozen=True):
    """From which cosine of the nearest item on a query counts as like something in the catalogue.

    The health check answers it too.
    """

    level: Annotated[
        Annotated[float, msgspec.Meta(ge=-1, le=1)] | None,
        msgspec.Meta(
            description="98.5 % of items held out reach it; null if they are too few, and then everything is familiar."
        ),
    ] = None
    items: Annotated[
        int, msgspec.Meta(ge=0, description="How many items it was learned from; at least 99 are needed.")
    ] = 0
    alone: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="How many others were left aside, because nothing else in the catalogue is like them.",
        ),
    ] = 0


class QualityReport(_Struct, frozen=True):
    """``report.json``: how good predictions are, by attribute, in the order of the schema.

    Parameters
    ----------
    grouping
        Which items were held out together.
    familiarity
        Which queries are like anything in the catalogue.
    """

    attributes: dict[str, AttributeQuality]
    grouping: ItemGroups = ItemGroups()
    familiarity: Familiarity = Familiarity()
    format: int = REPORT_FORMAT


class Guess(_Struct, frozen=True):
    """What the discriminant says instead of a label, and how probable it finds that."""

    value: Value
    probability: float


class VoteShare(_Struct, frozen=True):
    """What the nearest items say instead of a label, and with what share of their votes."""

    value: Value
    share: float


class ContradictedLabel(_Struct, frozen=True):
    """An item whose label is contradicted both by the discriminant and by its nearest items.

    Parameters
    ----------
    label
        What its document says; of tags a list.
    neighbours
        Ids of the items that voted, nearest first.
    worth
        How much looking at it is worth, 0 to 1: the share of planted errors that are no surer by its weakest sign. The
        list is in this order.
    """

    id: str
    attribute: str
    label: Value
    discriminant: Guess
    vote: VoteShare
    neighbours: tuple[str, ...]
    worth: float


class DuplicateGroup(_Struct, frozen=True):
    """A group of ``size`` items with nearly the same picture.

    Parameters
    ----------
    ids, images
        The first items, and the key of the picture of each that is alike.
    score
        The least cosine similarity among these pictures.
    kind
        ``same``: one picture, perhaps compressed or scaled otherwise. ``variants``: one design, in another colour say.
    differ
        The attributes in which these items differ.
    """

    ids: tuple[str, ...]
    images: tuple[str, ...]
    score: float
    size: int
    kind: Literal["same", "variants"]
    differ: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a picture of no item."""
        if len(self.ids) != len(self.images):
            raise ValueError(f"{len(self.ids)} ids, but {len(self.images)} images")


class MissingValue(_Struct, frozen=True):
    """An item that lacks an attribute, and the value that could fill it; ``agree``: the vote says the same."""

    id: str
    attribute: str
    value: Value
    probability: float
    agree: bool


class ContradictedLabels(_Struct, frozen=True):
    """Labels to look at again.

    Parameters
    ----------
    checked
        How many items were judged, summed over attributes.
    suspected
        Labels that the discriminant contradicts, before the vote was asked.
    count
        Of these, how many the vote contradicts too, and are worth looking at.
    items
        Those that are worth most.
    """

    checked: int
    suspected: int
    count: int
    items: tuple[ContradictedLabel, ...]


class Duplicates(_Struct, frozen=True):
    """Pictures that several items show.

    Parameters
    ----------
    checked
        How many pictures were compared.
    threshold
        Cosine similarity from which two count as the same.
    count
        How many groups there are.
    items
        The largest groups.
    """

    checked: int
    threshold: float
    count: int
    items: tuple[DuplicateGroup, ...]


class MissingValues(_Struct, frozen=True):
    """Values that items lack.

    Parameters
    ----------
    checked
        How many there are, of items that have a picture.
    count
        How many of these are predicted with enough confidence.
    items
        The surest of each attribute.
    """

    checked: int
    count: int
    items: tuple[MissingValue, ...]


class Audit(_Struct, frozen=True):
    """``audit.json``: what is odd among the ``items`` of a snapshot."""

    items: int
    contradicted: ContradictedLabels
    duplicates: Duplicates
    missing: MissingValues
    format: int = AUDIT_FORMAT


class _Format(msgspec.Struct):
    """The one field that every version has."""

    format: int


Finding = TypeVar("Finding", QualityReport, Audit)


def decode_report(data: bytes) -> QualityReport:
    """Read ``report.json``; raises as :func:`decode_audit`."""
    return _decode(data, QualityReport, "report.json", REPORT_FORMAT)


def decode_audit(data: bytes) -> Audit:
    """Read ``audit.json``.

    Raises
    ------
    CorruptArtefactError
        If it is not of the documented form, or of another version's format.
    """
    return _decode(data, Audit, "audit.json", AUDIT_FORMAT)


def _decode(data: bytes, form: type[Finding], name: str, known: int) -> Finding:
    found = decode(data, _Format, name).format
    if found != known:
        raise CorruptArtefactError(f"{name} has format {found}, this version reads {known}: rebuild.")
    return decode(data, form, name)
