"""Which fields of the documents are searched by words, and what an item is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tonari.fields.schema import RESERVED, Field, Schema, values_of
from tonari.words.analysis import terms_of, whole_of

TITLE_WEIGHT = 2
"""How often each word of a title counts [Robertson, Zaragoza & Taylor, CIKM 2004]; measured in docs/words.md."""
_TITLE = r"(?i:((product|item|article|display|full)[ _-]?)*(title|name|headline))"
_ADDRESS = r"(?i:[a-z][a-z0-9+.-]*://\S*|www\.\S+|\S+\.(jpe?g|png|webp|gif|svg|avif|heic|bmp|tiff?|pdf|html?))"
"""A value that is nothing but the address or the name of a file."""


@dataclass(frozen=True, slots=True)
class FoundBy:
    """What an item is found by.

    Parameters
    ----------
    id
        In the form of :func:`tonari.words.analysis.whole_of`.
    terms
        One after the other, each as often as it counts.
    """

    id: str
    terms: list[str]


@dataclass(frozen=True, slots=True)
class Searched:
    """The searched fields and their weights, titles first."""

    fields: Mapping[str, Field]
    weights: Mapping[str, int]

    def found_by(self, item: str, document: Mapping[str, Any]) -> FoundBy:
        """Tell what an item is found by, from its document."""
        terms: list[str] = []
        for name, weight in self.weights.items():
            if name in document:
                own = [term for text in self._texts(name, document[name]) for term in terms_of(text)]
                terms += own * weight
        return FoundBy(whole_of(item), terms)

    def _texts(self, name: str, value: Any) -> Iterator[str]:
        return (text for text in values_of(value, self.fields[name]) if not re.fullmatch(_ADDRESS, text))


def searched_of(schema: Schema) -> Searched:
    """Choose the fields: all of texts and lists of texts that ``schema.json`` does not switch off."""
    fields = {
        name: field
        for name, field in schema.fields.items()
        if field.type in ("string", "strings") and field.searched and name not in RESERVED
    }
    weights = {name: TITLE_WEIGHT if re.fullmatch(_TITLE, name) else 1 for name in fields}
    return Searched(fields, dict(sorted(weights.items(), key=lambda one: (-one[1], one[0]))))
