"""BM25 in plain Python over all items, to hold an engine's word search to: the formula alone, no index."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence

from tonari.contract.engine import FieldType, StoredItem
from tonari.fields.schema import Field, Schema
from tonari.words.analysis import STOP_WORDS
from tonari.words.searched import searched_of
from tonari.words.word_index import look, stem

K1, B = 1.2, 0.75
LENGTHS = [*range(40), *(24 + (mantissa << power) for power in range(1, 27) for mantissa in range(8, 16))]
"""Lengths of texts are kept in a byte, as Lucene and tantivy do: the greatest of these that is not above."""


Terms = tuple[Counter[str], Counter[str]]
"""How often an item has each term, and its id."""


def plain_terms(item: StoredItem, types: Mapping[str, FieldType]) -> Terms:
    """Take an item's texts apart."""
    found = searched_of(Schema({name: Field(kind) for name, kind in types.items()})).found_by(item.id, item.fields)
    return Counter(stem([term for term in found.terms if term not in STOP_WORDS])), Counter([found.id])


def plain_scores(text: str, counted: Sequence[Terms], asked: Mapping[str, Terms]) -> dict[str, float]:
    """Score items by id; those without any of the words are left out.

    Parameters
    ----------
    counted
        Of all items that the frequencies of words and the lengths of texts are taken from.
    asked
        Of those that may be found.
    """
    looked = look(text)
    scores = dict.fromkeys(asked, 0.0)
    for number, terms in enumerate((looked.terms, looked.ids)):
        everywhere = [one[number] for one in counted]
        mean = sum(one.total() for one in everywhere) / len(everywhere)
        for term in terms:
            having = sum(term in one for one in everywhere)
            rarity = math.log(1 + (len(everywhere) - having + 0.5) / (having + 0.5))
            for name, own in asked.items():
                often = own[number][term]
                if often:
                    length = LENGTHS[bisect_right(LENGTHS, own[number].total()) - 1]
                    scores[name] += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * length / mean))
    return {name: score for name, score in scores.items() if score > 0}
