"""A range of items as a query that OpenSearch and Elasticsearch both understand, with the meaning of tonari's filters.

Fields are numbered by their place among the collection's types. A field that an item lacks is not in its document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tonari.contract.engine import FieldType, Place
from tonari.contract.filter_tree import And, Condition, Filter, Not, Or, Range
from tonari.errors import InvalidFilterError

Query = dict[str, Any]

ALL: Query = {"match_all": {}}
NONE: Query = {"match_none": {}}
ID, DELETED = "id", "deleted"
LONGEST = 32_000
"""Bytes of a value in the index: Lucene takes no term longer than 32,766."""
BOUNDS = {"$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}


class Fields:
    """The fields of a collection: by name their numbered name in the index, and their type.

    Parameters
    ----------
    types
        Of each field, in the order in which they are numbered.
    """

    def __init__(self, types: Mapping[str, FieldType]) -> None:
        self.types = dict(types)
        self.keys = {name: f"f{number}" for number, name in enumerate(types)}


def indexed(value: Any) -> Any:
    """Give a value as it stands in the index.

    A text beyond Lucene's limit is its beginning and the SHA-256 of the whole: it equals itself alone, and texts of one
    beginning of 31,000 bytes are ordered by their hashes. There is only one zero.
    """
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        if len(text) <= LONGEST:
            return value
        return f"{text[: LONGEST - 1_000].decode('utf-8', 'ignore')}\0{hashlib.sha256(text).hexdigest()}"
    return value if isinstance(value, bool) else float(value) + 0.0


def living(within: Range, fields: Fields) -> Query:
    """Translate a range: the items in it that were not deleted.

    No view matches the query, only whole items do: what an item must not be, each of its views is not either, and a
    query among views would let them pass.

    Raises
    ------
    InvalidFilterError
        If what has no order is to be ordered.
    """
    required: list[Query] = [{"term": {DELETED: False}}]
    if within.filter is not None:
        required.append(translate(within.filter, fields))
    if within.ids is not None:
        required.append({"terms": {ID: list(within.ids)}} if within.ids else NONE)
    if within.excluded:
        required.append(_not({"terms": {ID: list(within.excluded)}}))
    return all_of(required)


def translate(tree: Filter, fields: Fields) -> Query:
    """Translate a filter; raises what :func:`living` does."""
    match tree:
        case And(terms):
            return all_of([translate(term, fields) for term in terms])
        case Or(terms):
            some = [translate(term, fields) for term in terms]
            return {"bool": {"should": some, "minimum_should_match": 1}} if some else NONE
        case Not(term):
            return _not(translate(term, fields))
        case Condition(field, operator, values):
            return _condition(fields.keys.get(field), fields.types.get(field), operator, values)


def all_of(queries: Sequence[Query]) -> Query:
    """Join queries that must all hold."""
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"filter": list(queries)}} if queries else ALL


def order_by(key: str | None, *, descending: bool, ids_descend: bool) -> list[Query]:
    """Describe an order: by a field's numbered name, if one is given, then by id."""
    by_id: Query = {ID: {"order": "desc" if ids_descend else "asc"}}
    return [*([{key: {"order": "desc" if descending else "asc", "missing": "_last"}}] if key else []), by_id]


def follows(key: str | None, after: Place, *, descending: bool, by_id: bool) -> Query:
    """Describe what stands behind a place in an order.

    Parameters
    ----------
    key
        The field's numbered name; None if the order is by id, or no item has a value to be ordered by.
    by_id
        Whether the order is by id, in which ids descend too.
    """
    behind: Query = {"range": {ID: {"lt" if by_id and descending else "gt": after.id}}}
    if key is None:
        return behind if by_id or after.value is None else ALL
    lacking = _not({"exists": {"field": key}})
    if after.value is None:
        return all_of([lacking, behind])
    value = indexed(after.value)
    further: Query
    if isinstance(value, bool):
        further = {"term": {key: not value}} if value is descending else NONE
    else:
        further = {"range": {key: {"lt" if descending else "gt": value}}}
    equal = all_of([{"term": {key: value}}, behind])
    return {"bool": {"should": [further, equal, lacking], "minimum_should_match": 1}}


def _condition(key: str | None, kind: FieldType | None, operator: str, values: tuple[Any, ...]) -> Query:
    if key is None:
        absent = operator in ("$ne", "$nin") or (operator == "$exists" and not values[0])
        return ALL if absent else NONE
    match operator:
        case "$exists":
            exists: Query = {"exists": {"field": key}}
            return exists if values[0] else _not(exists)
        case "$eq" | "$in":
            return _one_of(key, values)
        case "$ne" | "$nin":
            return _not(_one_of(key, values))
    if kind not in ("number", "date"):
        raise InvalidFilterError(f"{operator} orders numbers and dates only.")
    return {"range": {key: {BOUNDS[operator]: indexed(values[0])}}}


def _one_of(key: str, values: tuple[Any, ...]) -> Query:
    wanted = [indexed(value) for value in dict.fromkeys(values)]
    return {"terms": {key: wanted}} if wanted else NONE


def _not(query: Query) -> Query:
    return {"bool": {"must_not": [query]}}
