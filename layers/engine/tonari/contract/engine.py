"""The port to whatever answers searches: the built-in engine, or later a search engine elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tonari.contract.answers import Plan
from tonari.contract.filter_tree import EVERYTHING, Range

MOST_VALUES = 50

FieldType = Literal["number", "string", "boolean", "date", "strings"]


@dataclass(frozen=True, slots=True)
class EngineQuery:
    """A search for the nearest items.

    Parameters
    ----------
    vectors : (Q, D) float32, rows of length 1
        An item is as near as its nearest view is to the nearest of these. Those of items may be shorter, as
        :class:`StoredItem` says.
    within
        Which items may be found.
    exact
        Compare every view in range with the query.
    after
        Score and id of an item: only items that follow it in the order of the answer are given, by an exact search.
    embeddings
        Whether those of the items are wanted; if not they may be of no length.
    """

    vectors: NDArray[np.float32]
    k: int
    within: Range = EVERYTHING
    exact: bool = False
    after: tuple[float, str] | None = None
    embeddings: bool = True


@dataclass(frozen=True, slots=True)
class WordQuery:
    """A search for the items whose texts answer some words best [BM25: Robertson, Walker et al., TREC-3, 1994].

    Parameters
    ----------
    text
        As a user typed it, in NFC.
    within
        Which items may be found; only those that have at least one of the words are.
    after
        Score and id of an item: only items that follow it in the order of the answer are given.
    embeddings
        Whether those of the items are wanted; if not they may be zeros.
    """

    text: str
    k: int
    within: Range = EVERYTHING
    after: tuple[float, str] | None = None
    embeddings: bool = True


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """An item that a search found.

    Parameters
    ----------
    score
        Cosine similarity of its nearest view to the query, rounded to six decimals.
    upper
        How high it may be in truth, but for few: ``score`` itself, unless that is an estimate.
    view
        Name of that view; of equally near ones, the first in the item's document.
    fields
        The item's document.
    embedding : (D,) float32
        Of that view; as the query says, it may be of no length.
    """

    id: str
    score: float
    upper: float
    view: str
    fields: Mapping[str, Any]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """The items nearest to a query, by descending score; items of equal score by id."""

    items: tuple[ScoredItem, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands in the order of a field's values: ``value`` is None if it has none."""

    value: Any
    id: str


@dataclass(frozen=True, slots=True)
class SortQuery:
    """A question for the first items in some order.

    Parameters
    ----------
    sort
        A field with one value at most; None orders by id.
    descending
        From the greatest value on. Items without the field come last in both directions, and items of one value by
        ascending id.
    after
        Only items that follow this place are given, whether or not an item still stands there.
    """

    k: int
    within: Range = EVERYTHING
    sort: str | None = None
    descending: bool = False
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class SortedItem:
    """An item in an order.

    Parameters
    ----------
    place
        A date's value is in seconds since 1970; None if items are ordered by id.
    fields
        The item's document.
    view
        Name of its first view, None if it has none.
    """

    place: Place
    fields: Mapping[str, Any]
    view: str | None


@dataclass(frozen=True, slots=True)
class SortedItems:
    """The first items of an order, and how many are in range, with those before and behind them."""

    items: tuple[SortedItem, ...]
    matching: int


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as an engine keeps it.

    Parameters
    ----------
    fields
        Its document.
    views
        Names of its views, in the order of its document.
    embeddings : (V, D) float32, rows of length 1 up to rounding
        One of each view; shorter where the full vectors are not here yet, by what is not here.
    """

    id: str
    fields: Mapping[str, Any]
    views: tuple[str, ...]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SnapshotItems:
    """All items of one snapshot, to be loaded into an engine.

    Parameters
    ----------
    encoder
        Id of the encoder that made the embeddings.
    dimensions
        ``D``.
    types
        Of each field that can be filtered by or counted.
    items
        Read once, from first to last, so that they need not fit into memory.
    """

    id: str
    encoder: str
    dimensions: int
    types: Mapping[str, FieldType]
    items: Iterable[StoredItem]


@dataclass(frozen=True, slots=True)
class Values:
    """How often each value of a field occurs.

    Parameters
    ----------
    count
        How many items have the field.
    distinct
        How many different values they have.
    most
        The most frequent values, each with the number of its items; values of equal frequency in their own order.
    """

    count: int
    distinct: int
    most: tuple[tuple[Any, int], ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How the numbers or dates (seconds since 1970) of a field are distributed.

    Parameters
    ----------
    count
        How many items have the field.
    least, greatest
        None if no item has the field.
    histogram
        How many items lie in each of ten intervals of equal width from the least to the greatest.
    """

    count: int
    least: float | None
    greatest: float | None
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SearchedWords:
    """What can be searched by words.

    Parameters
    ----------
    fields
        Names, those whose words count more first; none if nothing can be.
    reason
        Why nothing can be, with the remedy; empty if something can.
    """

    fields: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What an engine holds.

    Parameters
    ----------
    items, views
        How many can be found.
    samples
        Ids of up to twelve items that have a view.
    large_ranges
        How ranges are searched that are too large to be scanned at once.
    reason
        Why they are scanned nevertheless; empty if they are not.
    whole
        Whether scores are those of the embeddings; estimates otherwise.
    words
        What :meth:`Engine.search_words` searches.
    """

    items: int
    views: int
    samples: tuple[str, ...]
    large_ranges: str
    reason: str
    whole: bool = True
    words: SearchedWords = SearchedWords((), "This engine does not search by words.")


class Engine(Protocol):
    """Answers searches over the items of one snapshot and the changes made since.

    An engine is immutable: :meth:`publish` and :meth:`apply` give another one, and this one goes on answering. Whoever
    serves requests can therefore prepare the next engine beside the one that answers. One that asks a database
    elsewhere may give newer items already, never older ones than its own.
    """

    def search(self, query: EngineQuery) -> EngineAnswer:
        """Find the nearest items.

        ``k`` items come back whenever so many are in range and have a view. The score of an item depends on the query
        and the item alone, so that it is the same in every answer.
        """
        ...

    def search_words(self, query: WordQuery) -> EngineAnswer:
        """Find the items whose texts answer some words best, whether or not they have a view.

        ``k`` items come back whenever so many are in range and have one of the words. An item's score is BM25 over all
        items, in range or not, so that it is the same in every answer; ``view`` and ``embedding`` are those of its
        first view, empty and zeros if it has none. ``plan.scanned`` counts the items that have one of the words.

        Raises
        ------
        InvalidTextError
            If the text has no word, or only stop words. Words that no item has are no error.
        UnsupportedQueryError
            If nothing can be searched by words.
        """
        ...

    def sort(self, query: SortQuery) -> SortedItems:
        """Give the first items of an order, whether or not they have a view: ``k`` of them whenever so many follow."""
        ...

    def read(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        """Read items by id; those that do not exist are left out."""
        ...

    def count(
        self, fields: Collection[str], within: Range, most: int | None = MOST_VALUES
    ) -> dict[str, Values | Spread]:
        """Count the values of fields over all items in range, whether or not they have a view.

        Parameters
        ----------
        most
            How many of the most frequent values are listed; None lists all.
        """
        ...

    def describe(self) -> Description:
        """Say what the engine holds."""
        ...

    def catch_up(self) -> Engine:
        """Give an engine that answers the same, more cheaply if that is possible by now; else this one itself.

        One that asks a database elsewhere takes from memory what is not there yet, until it is.
        """
        ...

    def publish(self, snapshot: SnapshotItems) -> Engine:
        """Load the items of a snapshot into an index of their own."""
        ...

    def apply(self, changes: Mapping[str, StoredItem | None]) -> Engine:
        """Lay changes over what the engine holds.

        Applying the same changes twice changes nothing more.

        Parameters
        ----------
        changes
            By id: an item that was added or replaced, or None if it was deleted.
        """
        ...
