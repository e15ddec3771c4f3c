"""Counting the values of fields by a Lucene index's aggregations, to the same numbers as over columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from tonari.contract.engine import FieldType, Spread, Values
from tonari.engines.databases.lucene.filters import Fields, Query, indexed
from tonari.fields.facets import BINS

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives the aggregations of all items in range."""

AT_ONCE = 1_000
"""So many values of a field are asked for at first; a search engine gives 65,536 at once at most, of all fields."""
FIELDS = 20
PAGE = 10_000
NUMBERS = frozenset({"number", "date"})


def count_values(
    ask: Ask, original: Callable[[str, str], str], fields: Fields, wanted: Collection[str], most: int | None
) -> dict[str, Values | Spread]:
    """Count the values of fields.

    Parameters
    ----------
    original
        Gives a text by the field's numbered name and how the text stands in the index, where it stands shortened.
    most
        How many of the most frequent values are listed; None lists all.
    """
    found: dict[str, Values | Spread] = {}
    names = list(dict.fromkeys(wanted))
    for start in range(0, len(names), FIELDS):
        some = [(name, fields.keys[name], fields.types[name]) for name in names[start : start + FIELDS]
                if name in fields.keys]  # fmt: skip
        first = ask(dict(one for _, key, kind in some for one in _first_questions(key, kind)))
        edges = {key: histogram_edges(first[key]["min"], first[key]["max"]) for _, key, kind in some
                 if kind in NUMBERS and first[key]["count"]}  # fmt: skip
        bins = ask({key: _bins(key, inner) for key, inner in edges.items()}) if edges else {}
        for name, key, kind in some:
            if kind in NUMBERS:
                found[name] = _spread(first[key], bins.get(key))
            else:
                found[name] = _values(ask, original, key, kind, first, most)
    return {name: found.get(name, Values(0, 0, ())) for name in names}


def histogram_edges(least: float, greatest: float) -> list[float]:
    """Give where the second interval of a histogram begins, the third, …: (9,), ascending.

    Each is the least number that :func:`tonari.fields.facets.count_facet` would put there, to the last bit; found by
    halving the numbers between, in the order of their bits. Intervals in which no number lies begin at infinity.
    """
    width = greatest / 2 - least / 2

    def interval(number: float) -> int:
        return min(int((number / 2 - least / 2) / width * BINS), BINS - 1) if width else 0

    edges: list[float] = []
    for wanted in range(1, BINS):
        low, high = _rank(least), _rank(greatest)
        if interval(greatest) < wanted:
            edges.append(np.inf)
            continue
        while low < high:
            middle = (low + high) // 2
            if interval(_number(middle)) >= wanted:
                high = middle
            else:
                low = middle + 1
        edges.append(_number(low))
    return edges


def _rank(number: float) -> int:
    """Give the place of a float among all of them, from the least to the greatest."""
    bits = int(np.float64(number + 0.0).view(np.int64))
    return bits if bits >= 0 else -(bits + (1 << 63))


def _number(rank: int) -> float:
    bits = rank if rank >= 0 else -rank - (1 << 63)
    return float(np.int64(bits).view(np.float64))


def _first_questions(key: str, kind: FieldType) -> Iterable[tuple[str, Query]]:
    if kind in NUMBERS:
        yield key, {"stats": {"field": key}}
    else:
        yield key, {"terms": {"field": key, "size": AT_ONCE, "shard_size": AT_ONCE}}
        yield f"{key}_having", {"filter": {"exists": {"field": key}}}


def _bins(key: str, edges: list[float]) -> Query:
    finite = [edge for edge in edges if np.isfinite(edge)]
    ranges: list[dict[str, Any]] = [
        {"key": str(number), **({"from": low} if low is not None else {}), **({"to": high} if high is not None else {})}
        for number, (low, high) in enumerate(zip([None, *finite], [*finite, None], strict=True))
    ]
    return {"range": {"field": key, "keyed": True, "ranges": ranges}}


def _spread(said: dict[str, Any], bins: dict[str, Any] | None) -> Spread:
    if bins is None:
        return Spread(0, None, None, (0,) * BINS)
    counts = [bins["buckets"].get(str(number), {"doc_count": 0})["doc_count"] for number in range(BINS)]
    return Spread(int(said["count"]), float(said["min"]), float(said["max"]), tuple(counts))


def _values(
    ask: Ask,
    original: Callable[[str, str], str],
    key: str,
    kind: FieldType,
    first: dict[str, Any],
    most: int | None,
) -> Values:
    said = first[key]
    is_whole = not said.get("sum_other_doc_count") and not said.get("doc_count_error_upper_bound")
    buckets = said["buckets"] if is_whole else list(_all_buckets(ask, key))

    def value(bucket: dict[str, Any]) -> Any:
        if kind == "boolean":
            return bucket["key"] in (1, True, "true")
        return bucket["key"]

    ordered = sorted(((value(one), int(one["doc_count"])) for one in buckets), key=lambda one: (-one[1], one[0]))
    listed = [(original(key, one) if _is_short(one) else one, count) for one, count in ordered[:most]]
    return Values(int(first[f"{key}_having"]["doc_count"]), len(ordered), tuple(listed))


def _all_buckets(ask: Ask, key: str) -> Iterable[dict[str, Any]]:
    after: dict[str, Any] = {}
    while True:
        source = {"size": PAGE, "sources": [{"value": {"terms": {"field": key}}}], **after}
        said = ask({key: {"composite": source}})[key]
        for bucket in said["buckets"]:
            yield {"key": bucket["key"]["value"], "doc_count": bucket["doc_count"]}
        if len(said["buckets"]) < PAGE:
            return
        after = {"after": said["after_key"]}


def _is_short(value: Any) -> bool:
    """Tell whether a text stands shortened in the index."""
    return isinstance(value, str) and len(value) > 1_000 and value[-65:-64] == "\0" and indexed(value) == value
