"""The port to a vector database elsewhere, from which an engine past one machine is put together.

A database holds collections, one for each snapshot that was loaded, and each collection holds records, one for each
item. What a database cannot do it says by :class:`Limits` and by :class:`~tonari.errors.UnsupportedByEngineError`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tonari.contract.engine import FieldType, SearchedWords, SortQuery, Spread, Values
from tonari.contract.filter_tree import EVERYTHING, Range

MOST_NAME = 40
LIVE = "live"
"""The alias that shows people and other programs which collection is live; tonari itself asks by name."""


def collection_name(snapshot: str) -> str:
    """Name the collection of a snapshot.

    >>> collection_name("20260830T120000-1f2e3d4c")
    's_20260830t120000_1f2e3d4c'
    """
    name = re.sub("[^a-z0-9]", "_", snapshot.lower())
    return f"s_{name}" if len(name) <= MOST_NAME else f"s_{hashlib.sha256(snapshot.encode()).hexdigest()[:MOST_NAME]}"


@dataclass(frozen=True, slots=True)
class Record:
    """An item as a database keeps it.

    Parameters
    ----------
    id
        Up to 256 bytes of any text.
    generation
        Of the head by which it was written; 0 if it was loaded with its snapshot.
    state
        Tells what it was made from: two records of an item have one state only if they say the same.
    fields
        What can be filtered, sorted and counted, by field: a number or date (seconds since 1970) as a float, a boolean,
        a text, or a tuple of texts, ascending. A field that the item lacks is left out.
    document
        The item's document, as JSON.
    terms
        The words it is found by, not stemmed, each as often as it counts; and its id as one more.
    views
        Names of its views, in the order of its document; an item may have none.
    embeddings : (V, D) float32, rows of length 1
        One of each view.
    """

    id: str
    generation: int
    state: str
    fields: Mapping[str, Any]
    document: str
    terms: tuple[str, ...]
    views: tuple[str, ...]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of an item that was deleted, so that no older record of it can come back."""

    id: str
    generation: int


class CollectionState(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is recorded of a collection, in the database itself.

    Parameters
    ----------
    snapshot, encoder
        What was loaded.
    dimensions
        ``D``.
    types
        Of each field, in the order in which a database may number them.
    items, views
        How many the snapshot has.
    loaded
        How many of its items have been written, from the first on in the order of their ids.
    complete
        Whether all were, and counts and answers compared.
    recall
        Recall@10 of its approximate answers, measured against exact ones; 0 until it is complete.
    generation
        Of the newest head whose changes were written.
    """

    snapshot: str
    encoder: str
    dimensions: int
    types: Mapping[str, FieldType]
    items: int
    views: int
    loaded: int = 0
    complete: bool = False
    recall: float = 0.0
    generation: int = 0


@dataclass(frozen=True, slots=True)
class NearestQuery:
    """A search for the items whose nearest view is nearest to one vector.

    Parameters
    ----------
    vector : (D,) float32, of length 1
    exact
        Compare every view in range.
    embeddings
        Whether the embedding of each view found is wanted.
    """

    vector: NDArray[np.float32]
    k: int
    within: Range = EVERYTHING
    exact: bool = False
    embeddings: bool = False


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """An item that a search found.

    Parameters
    ----------
    score
        Cosine similarity of its nearest view to the vector, or BM25; not rounded. Where an approximate search found
        another one of its views only, it is that view's.
    view
        Name of that view; of a search by words the first, empty if there is none.
    document
        As :class:`Record` has it.
    embedding : (D,) float32
        Of that view; None if it was not asked for, or there is none.
    """

    id: str
    score: float
    view: str
    document: str
    generation: int
    state: str
    embedding: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class SortedRecord:
    """An item in an order; ``value`` is that of the field, None if it has none or the order is by id."""

    id: str
    value: Any
    view: str
    document: str
    generation: int
    state: str


@dataclass(frozen=True, slots=True)
class RecordState:
    """Which form of an item a collection holds; ``state`` is None of a tombstone."""

    id: str
    generation: int
    state: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items and views are in range; items without a view are counted too."""

    items: int
    views: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a database answers at once.

    Parameters
    ----------
    found
        The greatest ``k`` of an approximate search.
    exact
        The greatest ``k`` of an exact one; 0 if it never compares every view.
    compared
        Among how many views at most an exact search is made.
    ids
        How many ids one range may name.
    batch
        How many items are best written at once: each write waits until all readers see it.
    """

    found: int
    exact: int
    compared: int
    ids: int
    batch: int


@dataclass(frozen=True, slots=True)
class Access:
    """How a database is reached.

    Parameters
    ----------
    url
        With scheme, host and port: ``https://search.example.org:9200``, ``postgresql://host/name``.
    prefix
        What the names of this deployment's collections and aliases begin with there, before an underscore.
    user, password, token
        As far as the database asks for them; empty otherwise. Never part of a message.
    region
        Of the AWS domain or collection whose requests are signed; empty if none are.
    authority
        Path of a file of certificates that are trusted beside the usual ones; empty if there is none.
    """

    url: str
    prefix: str = "tonari"
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    region: str = ""
    authority: str = ""


class Database(Protocol):
    """Collections in a vector database, those of one deployment: other collections there are neither seen nor touched.

    Names are given as tonari chooses them, of ``[a-z0-9_]``, at most 48 characters, beginning with a letter. Every
    method but the last raises :class:`~tonari.errors.EngineUnavailableError` if the database cannot be reached or
    fails, :class:`~tonari.errors.MissingCollectionError` if a collection is not there, and
    :class:`~tonari.errors.UnsupportedByEngineError`, with the reason and a remedy, for what it cannot do. Calls from
    several threads at once are allowed.
    """

    @property
    def limits(self) -> Limits:
        """How much is answered at once."""
        ...

    def collections(self) -> dict[str, CollectionState]:
        """Name the collections, each with what is recorded of it."""
        ...

    def create(self, name: str, state: CollectionState) -> None:
        """Make an empty collection for items of the state's types and dimensions; one that is there stays as it is."""
        ...

    def record(self, name: str, state: CollectionState) -> None:
        """Record a collection's new state."""
        ...

    def drop(self, name: str) -> None:
        """Delete a collection; one that is not there is no error."""
        ...

    def point(self, alias: str, name: str) -> None:
        """Let an alias name a collection, in one step, instead of the one it named before."""
        ...

    def pointed(self, alias: str) -> str | None:
        """Tell which collection an alias names."""
        ...

    def write(self, name: str, records: Sequence[Record | Tombstone]) -> None:
        """Write items, each whole: of its former record nothing stays.

        A record or tombstone takes the place of one of the same generation or an older one, never of a newer one.
        Once this has returned every query sees what was written.
        """
        ...

    def nearest(self, name: str, query: NearestQuery) -> list[FoundRecord]:
        """Find the items nearest to a vector, by descending score; of equal scores in any order.

        An approximate search may give fewer than ``k`` though more are in range, and of an item with several views
        another one than the nearest. The view of equally near ones is the first.
        """
        ...

    def worded(self, name: str, terms: Sequence[str], k: int, within: Range) -> list[FoundRecord]:
        """Find the items that have at least one of some terms, by descending BM25; of equal scores in any order.

        ``terms`` are not stemmed, and none is a stop word. A search is the better if both sides are stemmed.
        """
        ...

    def words(self) -> SearchedWords | None:
        """Say why no search by words is possible; None if it is."""
        ...

    def sorted(self, name: str, query: SortQuery) -> list[SortedRecord]:
        """Give the first items of an order, as :meth:`tonari.contract.engine.Engine.sort` does."""
        ...

    def read(self, name: str, ids: Sequence[str]) -> list[Record]:
        """Read items; those that do not exist, or were deleted, are left out. ``terms`` need not be given."""
        ...

    def count(self, name: str, within: Range) -> Counts:
        """Count the items in range and their views."""
        ...

    def values(self, name: str, fields: Collection[str], within: Range, most: int | None) -> dict[str, Values | Spread]:
        """Count the values of fields, as :meth:`tonari.contract.engine.Engine.count` does."""
        ...

    def states(self, name: str, *, since: int = 0) -> Iterator[RecordState]:
        """Give what the collection holds, tombstones too: records of this generation and newer ones, by ascending id.

        Ids ascend by their bytes in UTF-8.
        """
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
