"""An index of words in a folder, by tantivy: the one module that knows it, and loads it when it is first needed.

One field holds the terms of an item, those of titles several times: BM25 over fields with weights is then BM25 over one
[Robertson, Zaragoza & Taylor, Simple BM25 extension to multiple weighted fields, CIKM 2004]. Another holds the id.
Each document knows the number of its item, so that nothing depends on how segments are laid out.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tonari.errors import CorruptArtefactError, StoreError, UnsupportedQueryError
from tonari.words.analysis import STOP_WORDS, Looked, take_apart
from tonari.words.searched import FoundBy

if TYPE_CHECKING:
    import tantivy

TERMS, ID, NUMBER = "terms", "id", "number"
ANALYSER, RAW = "tonari", "raw"
HEAP = 2_000_000_000
"""Bytes after which a segment is written: an upper limit, taken as documents come. One segment is the quickest."""
MOST_TERMS = 256
"""Of a text with more of them, those are looked for that the fewest items have."""
FIRST = 16
GROWTH = 8
FEW = 256
"""So many items in range are asked for by number; of more, the best of all are searched for those in range."""
UNREADABLE = "The index of words cannot be read, a rebuild writes it anew:"
MISSING = (
    "This deployment has no words layer, so that nothing can be searched by words: deploy it with the parameter Words, "
    "or install tonari[words]."
)


def has_library() -> bool:
    """Tell whether words can be searched here; loads nothing."""
    return importlib.util.find_spec("tantivy") is not None


@dataclass(frozen=True, slots=True)
class WordHits:
    """Items that a text found, best first; of equal scores in no order that means anything.

    Parameters
    ----------
    numbers : (n,) int64
        Of the items.
    scores : (n,) float64
        BM25, rounded to six decimals.
    having
        How many items have at least one of the words, in range or not; of few in range, how many of these.
    """

    numbers: NDArray[np.int64]
    scores: NDArray[np.float64]
    having: int


def look(text: str) -> Looked:
    """Take a query apart, its words stemmed; raises what :func:`~tonari.words.analysis.take_apart` does."""
    taken = take_apart(text)
    return replace(taken, terms=tuple(dict.fromkeys(stem(taken.terms))))


def stem(terms: Sequence[str]) -> list[str]:
    """Reduce English words to their stems [Porter, Snowball]; others stay."""
    stemmed: list[str] = _analyser().analyze(" ".join(terms))
    return stemmed


class WordIndex:
    """An index that was opened; its files are mapped."""

    def __init__(self, folder: Path) -> None:
        """Open what :func:`build` or :func:`lay_over` wrote.

        Raises
        ------
        CorruptArtefactError
            If it cannot be read.
        """
        with _reading():
            index = _library().Index.open(str(folder))
            index.config_reader("manual")
            index.reload()
            self._schema, self._searcher = index.schema, index.searcher()

    def __len__(self) -> int:
        """How many items are in it."""
        return int(self._searcher.num_docs)

    def search(
        self,
        looked: Looked,
        k: int,
        mask: NDArray[np.bool_],
        after: tuple[float, str] | None,
        id_of: Callable[[int], str],
    ) -> WordHits:
        """Find the ``k`` best items in range, whenever so many have one of the words; of equal scores by id.

        Parameters
        ----------
        mask : (I,) bool
            By number: which items may be found.
        after
            Score and id of an item: only those that follow it are given.
        id_of
            Gives the id of an item by its number.

        Raises
        ------
        CorruptArtefactError
            If the index is damaged, or that of other items.
        """
        wanted = int(np.count_nonzero(mask))
        if wanted == 0 or k <= 0:
            return WordHits(np.empty(0, np.int64), np.empty(0), 0)
        with _reading():
            query = self._query(looked)
            if wanted <= FEW:
                hits, _ = self._hits(self._among(query, np.flatnonzero(mask)), wanted, mask)
                return _first(hits, k, after, id_of)
            limit = FIRST + 2 * k * len(mask) // wanted
            while True:
                hits, last = self._hits(query, min(limit, len(mask)), mask)
                found = _first(hits, k, after, id_of)
                if limit >= hits.having or (len(found.scores) == k and found.scores[-1] > last):
                    return found
                limit *= GROWTH

    def _hits(self, query: tantivy.Query, limit: int, mask: NDArray[np.bool_]) -> tuple[WordHits, float]:
        """Give the hits in range among the best, and the score of the last of these, in range or not."""
        found = self._searcher.search(query, max(limit, 1), count=True)
        hits = found.hits
        numbers = np.array(self._searcher.fast_field_values(NUMBER, [address for _, address in hits]), np.int64)
        scores = np.array([round(score, 6) for score, _ in hits], np.float64)
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(mask)):
            raise CorruptArtefactError("The index of words names items that are not in the snapshot: rebuild.")
        kept = mask[numbers]
        last = float(scores[-1]) if len(scores) else -1.0
        return WordHits(numbers[kept], scores[kept], int(found.count or 0)), last

    def _query(self, looked: Looked) -> tantivy.Query:
        tv, terms = _library(), looked.terms
        if len(terms) > MOST_TERMS:
            terms = tuple(sorted(terms, key=lambda term: self._searcher.doc_freq(TERMS, term))[:MOST_TERMS])
        words = [tv.Query.term_query(self._schema, TERMS, term, "freq") for term in terms]
        ids = [tv.Query.term_query(self._schema, ID, one, "basic") for one in looked.ids]
        query: tantivy.Query = tv.Query.boolean_query([(tv.Occur.Should, one) for one in (*words, *ids)])
        return query

    def _among(self, query: tantivy.Query, numbers: NDArray[np.int64]) -> tantivy.Query:
        tv = _library()
        these = tv.Query.const_score_query(tv.Query.term_set_query(self._schema, NUMBER, numbers.tolist()), 0.0)
        both: tantivy.Query = tv.Query.boolean_query([(tv.Occur.Must, query), (tv.Occur.Must, these)])
        return both


def _first(hits: WordHits, k: int, after: tuple[float, str] | None, id_of: Callable[[int], str]) -> WordHits:
    """Take the first of hits, in the order of answers."""
    numbers, scores = hits.numbers, hits.scores
    if after is not None:
        behind = scores <= after[0]
        numbers, scores = numbers[behind], scores[behind]
    if len(scores) > k and after is None:
        candidates = scores >= np.partition(scores, -k)[-k]
        numbers, scores = numbers[candidates], scores[candidates]
    found = sorted(zip((-scores).tolist(), map(id_of, numbers.tolist()), numbers.tolist(), strict=True))
    if after is not None:
        found = [one for one in found if (one[0], one[1]) > (-after[0], after[1])]
    kept = found[:k]
    best = np.array([-score for score, _, _ in kept], np.float64)
    return WordHits(np.array([number for _, _, number in kept], np.int64), best, hits.having)


def build(folder: Path, items: Iterable[FoundBy]) -> None:
    """Write the index of items, numbered from 0, into an empty folder; by one thread, into one segment.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    tv = _library()
    schema = tv.SchemaBuilder()
    schema.add_text_field(TERMS, stored=False, tokenizer_name=ANALYSER, index_option="freq")
    schema.add_text_field(ID, stored=False, tokenizer_name=RAW, index_option="basic")
    schema.add_unsigned_field(NUMBER, stored=False, indexed=True, fast=True)
    with _writing():
        index = tv.Index(schema.build(), str(folder))
    _write(index, items, 0, ())


def lay_over(folder: Path, items: Iterable[FoundBy], first: int, replaced: Sequence[int]) -> None:
    """Lay items, numbered from ``first``, over those of an index, of which the replaced ones are found no more.

    No file is changed but those that name the others.

    Raises
    ------
    CorruptArtefactError, StoreError
        If what is there cannot be read, or nothing be written.
    """
    with _reading():
        index = _library().Index.open(str(folder))
    _write(index, items, first, replaced)


def _write(index: tantivy.Index, items: Iterable[FoundBy], first: int, replaced: Sequence[int]) -> None:
    tv = _library()
    index.register_tokenizer(ANALYSER, _analyser())
    with _writing():
        writer = index.writer(HEAP, 1)
        if replaced:
            writer.delete_documents_by_query(tv.Query.term_set_query(index.schema, NUMBER, list(replaced)))
    for number, item in enumerate(items, first):
        document = tv.Document()
        document.add_text(TERMS, " ".join(term for term in item.terms if term not in STOP_WORDS))
        document.add_text(ID, item.id)
        document.add_unsigned(NUMBER, number)
        with _writing():
            writer.add_document(document)
    with _writing():
        writer.commit()
        writer.wait_merging_threads()


@functools.cache
def _analyser() -> tantivy.TextAnalyzer:
    tv = _library()
    builder = tv.TextAnalyzerBuilder(tv.Tokenizer.whitespace()).filter(tv.Filter.stemmer("english"))
    analyser: tantivy.TextAnalyzer = builder.build()
    return analyser


@functools.cache
def _library() -> ModuleType:
    try:
        import tantivy  # noqa: PLC0415 - whoever searches by pictures alone does not wait for it
    except ImportError as error:
        raise UnsupportedQueryError(MISSING) from error
    return tantivy


@contextmanager
def _reading() -> Iterator[None]:
    """Say of damaged files that they are; Rust's panics are no exceptions of Python's."""
    try:
        yield
    except (ValueError, OSError, KeyError) as error:
        raise CorruptArtefactError(f"{UNREADABLE} {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise CorruptArtefactError(f"{UNREADABLE} {error}") from None


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise StoreError(f"The index of words cannot be written: {error} Is there room for temporary files?") from error
