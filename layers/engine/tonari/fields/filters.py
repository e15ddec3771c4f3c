"""Filters in the dialect of S3 Vectors (and MongoDB): JSON -> a checked tree.

As in MongoDB, ``$ne`` and ``$nin`` also match items that lack the field, null is the value of those that lack it, and a
condition on a list of strings holds when it holds for one of them. Unlike there, an empty list counts as missing.
"""

from __future__ import annotations

import json
from typing import Any

from tonari.contract.decoding import nearest_name
from tonari.contract.filter_tree import And, Condition, Filter, Not, Or
from tonari.contract.normal_form import in_nfc
from tonari.errors import InvalidFilterError
from tonari.fields.kinds import INEXACT, is_exact, kind_of, parse_date, text_of
from tonari.fields.schema import Schema

MOST_DEPTH = 8
MOST_CONDITIONS = 64
MOST_VALUES = 1000

ORDER = ("$gt", "$gte", "$lt", "$lte")
OPERATORS = ("$eq", "$ne", "$in", "$nin", "$exists", *ORDER)
COMPARED_WITH = {
    "date": ("string",),
    "string": ("string", "number", "boolean"),
    "strings": ("string", "number"),
}
"""The types of JSON values that a field is compared with, where there are others: numbers are taken as text."""


def parse_filter(raw: Any, schema: Schema) -> Filter:
    """Check a filter against the schema; names and texts are taken in NFC.

    Raises
    ------
    InvalidFilterError
        Naming the field, operator or limit and, for a field, the nearest known one.
    """
    if _has_more_than(MOST_CONDITIONS, raw):
        raise InvalidFilterError(f"The filter has more than {MOST_CONDITIONS} conditions: use $in.")
    try:
        raw = in_nfc(raw)
    except ValueError as error:
        raise InvalidFilterError(f"The filter cannot be read: {error}.") from error
    return _parse(raw, schema, depth=1)


def _has_more_than(most: int, raw: Any) -> bool:
    """Count conditions before any is read; an object without one counts as one, since it takes as long."""
    left, count = [raw], 0
    while left and count <= most:
        one = left.pop()
        if not isinstance(one, dict) or not one:
            count += 1
            continue
        for name, value in one.items():
            if name in ("$and", "$or") and isinstance(value, list):
                left += value[: most + 1]
            elif isinstance(value, dict):
                left.append(value)
            else:
                count += 1
    return count > most


def _parse(raw: Any, schema: Schema, depth: int) -> Filter:
    _check_depth(depth)
    if not isinstance(raw, dict):
        raise InvalidFilterError(f'A filter is an object such as {{"price": {{"$lt": 50}}}}, not {_shown(raw):.60}.')
    terms: list[Filter] = []
    for name, value in raw.items():
        if name in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise InvalidFilterError(f"{name} takes a list of at least one filter.")
            inner = tuple(_parse(one, schema, depth + 1) for one in value)
            terms.append(And(inner) if name == "$and" else Or(inner))
        elif name == "$not":
            terms.append(Not(_parse(value, schema, depth + 1)))
        elif name.startswith("$"):
            raise InvalidFilterError(f"There is no {name:.60}; filters combine with $and, $or and $not.")
        else:
            terms += _conditions(name, value, schema, depth)
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _check_depth(depth: int) -> None:
    if depth > MOST_DEPTH:
        raise InvalidFilterError(f"The filter is nested more than {MOST_DEPTH} deep: flatten it.")


def _conditions(name: str, raw: Any, schema: Schema, depth: int) -> list[Filter]:
    _check_depth(depth)
    why_not = schema.why_not(name)
    if why_not is not None:
        raise InvalidFilterError(why_not)
    kind = schema.fields[name].type
    operators = raw if isinstance(raw, dict) else {"$eq": raw}
    if not operators:
        raise InvalidFilterError(f"{name!r} has an empty condition; known operators are {', '.join(OPERATORS)}.")
    conditions: list[Filter] = []
    for operator, value in operators.items():
        if operator == "$not":
            conditions.append(Not(And(tuple(_conditions(name, value, schema, depth + 1)))))
            continue
        if operator not in OPERATORS:
            near = nearest_name(operator, OPERATORS)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(OPERATORS)}."
            raise InvalidFilterError(f"{name!r}: there is no operator {operator!r:.60}; {hint}")
        conditions.append(_condition(name, kind, operator, value))
    return conditions


def _condition(name: str, kind: str, operator: str, raw: Any) -> Filter:
    if operator == "$exists":
        if not isinstance(raw, bool):
            raise InvalidFilterError(f"{name!r}: $exists takes true or false.")
        return Condition(name, operator, (raw,))
    if operator in ORDER:
        if kind not in ("number", "date"):
            raise InvalidFilterError(f"{name!r} is of type {kind}; {operator} orders numbers and dates only.")
        return Condition(name, operator, (_value(name, kind, raw),))
    among = operator in ("$in", "$nin")
    if among and (not isinstance(raw, list) or len(raw) > MOST_VALUES):
        raise InvalidFilterError(f"{name!r}: {operator} takes a list of at most {MOST_VALUES} values.")
    return _equal(name, kind, operator, raw if among else [raw])


def _equal(name: str, kind: str, operator: str, given: list[Any]) -> Filter:
    """Compare with values, of which null is that of the items without the field."""
    values = tuple(_value(name, kind, one) for one in given if one is not None)
    if len(values) == len(given):
        return Condition(name, operator, values)
    differs = operator in ("$ne", "$nin")
    missing = Condition(name, "$exists", (differs,))
    if not values:
        return missing
    others = Condition(name, operator, values)
    return And((missing, others)) if differs else Or((missing, others))


def _value(name: str, kind: str, raw: Any) -> Any:
    taken = kind_of(raw)
    value = raw if taken in COMPARED_WITH.get(kind, (kind,)) else None
    if value is not None and kind in ("string", "strings"):
        value = text_of(value)
    elif value is not None and kind == "date":
        value = parse_date(value)
    elif value is not None and kind == "number" and not is_exact(value):
        raise InvalidFilterError(f"{name!r} is a number field; {value} {INEXACT}.")
    if value is None:
        expected = {"strings": "a string", "date": "an ISO 8601 date such as 2026-01-31"}.get(kind, f"a {kind}")
        raise InvalidFilterError(f"{name!r} is compared with {expected}, not {_shown(raw):.60}.")
    return value


def _shown(raw: Any) -> str:
    """Write what was given as JSON has it."""
    return repr(raw) if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)
