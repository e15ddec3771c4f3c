"""Parameters from others, in JSON or a query string -> types of the contract."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from tonari.contract.forms import convert
from tonari.contract.normal_form import is_whole, nfc
from tonari.contract.parameters import ID
from tonari.contract.strict_json import read_json
from tonari.contract.text_queries import UnusableTextError
from tonari.errors import InvalidRequestError, InvalidTextError, TonariError

T = TypeVar("T")

SHOWN = 40
MOST_NAME = 256
"""Characters up to which names are compared with known ones: that takes memory and time for each."""
_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`\Z")
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<position>\d+)\]")
_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")


def read_body(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InvalidRequestError
    """
    try:
        values = read_json(data)
    except ValueError as error:
        raise InvalidRequestError(f"The body is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return values


def decode(values: Any, kind: type[T]) -> T:
    """Check parameters against their struct; null stands for one that is not given.

    Raises
    ------
    InvalidRequestError
        Or the error that the struct declares for a parameter.
    """
    _check_names(values, _type_info(kind), "")
    values = _as_meant(values, _type_info(kind))
    try:
        return convert(values, kind)
    except msgspec.ValidationError as error:
        raise _explained(error, values, kind) from error


def read_query_string(pairs: Iterable[tuple[str, str]], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Read the parameters of a query string, as far as their struct says how; texts are given in NFC.

    A list may be given several times, each time with commas or as a JSON list; anything else only once. Numbers, flags
    and objects are JSON.

    Raises
    ------
    InvalidRequestError
    """
    pairs = tuple((_whole(name, "A name in the query string"), _whole(text, f"{name!r:.60}")) for name, text in pairs)
    types = _fields(_type_info(kind))
    for name, count in Counter(name for name, _ in pairs).items():
        _check_known(name, types)
        if count > 1 and not _is_list(types[name]):
            raise InvalidRequestError(f"{name!r} stands {count} times in the query string: give it once.")
    values: dict[str, Any] = {}
    for name, text in pairs:
        if _is_list(types[name]):
            values.setdefault(name, []).extend(_list(name, text))
        else:
            values[name] = text if _is_text(types[name]) else _json(name, text)
    return values


def _whole(text: str, what: str) -> str:
    if not is_whole(text):
        raise InvalidRequestError(f"{what} is not UTF-8: percent-encode whole characters, as UTF-8.")
    return nfc(text)


@contextmanager
def named(number: int) -> Iterator[None]:
    """Say in which of several queries an error lies."""
    try:
        yield
    except TonariError as error:
        raise type(error)(f"queries[{number}]: {error.detail}") from error


def _json(name: str, text: str) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        raise InvalidRequestError(f"{name!r} cannot be read: {error}") from error


def _list(name: str, text: str) -> list[Any]:
    if not text.startswith("["):
        return text.split(",") if text else []
    values = _json(name, text)
    if not isinstance(values, list):
        raise InvalidRequestError(f"{name!r} cannot be read: a value that begins with [ must be a JSON list.")
    return values


_type_info: Callable[[Any], inspect.Type] = functools.cache(inspect.type_info)


def _inner(one: inspect.Type) -> inspect.Type:
    """Take off descriptions and null."""
    while True:
        match one:
            case inspect.Metadata(type=inner):
                one = inner
            case inspect.UnionType(types=types):
                one = next(kind for kind in types if not isinstance(kind, inspect.NoneType))
            case _:
                return one


def _is_list(one: inspect.Type) -> bool:
    return isinstance(_inner(one), (inspect.VarTupleType, inspect.ListType))


def _is_text(one: inspect.Type) -> bool:
    inner = _inner(one)
    return isinstance(inner, (inspect.StrType, inspect.BytesType)) or (
        isinstance(inner, inspect.LiteralType) and isinstance(inner.values[0], str)
    )


def _extra(one: inspect.Type, name: str) -> Any:
    """Give what Meta(extra=…) says under a name."""
    return (one.extra or {}).get(name) if isinstance(one, inspect.Metadata) else None


def _expected(one: inspect.Type) -> str:
    said = _extra(one, "is")
    match inner := _inner(one):
        case inspect.IntType() if said is None:
            said = f"a whole number from {inner.ge:,} to {inner.le:,}"
        case inspect.FloatType() if said is None:
            said = f"a number from {inner.ge:g} to {inner.le:g}"
        case inspect.BoolType() if said is None:
            said = "true or false"
        case inspect.LiteralType(values=values) if said is None:
            said = " or ".join(map(str, values))
        case inspect.StrType() if said is None:
            said = "a text that is not empty" if inner.min_length else "a text"
    return str(said)


def _explained(error: msgspec.ValidationError, values: Any, kind: type[Any]) -> TonariError:
    text, raised = str(error), error.__cause__
    # What a struct itself raises may repeat what was given: only what stands behind it is msgspec's path.
    found = _PATH.search(text.removeprefix(str(raised)) if raised else text)
    steps = [match["name"] or int(match["position"]) for match in _STEP.finditer(found["path"] if found else "")]
    prefix = f"queries[{steps[1]}]: " if steps[:1] == ["queries"] and len(steps) > 1 else ""
    if raised is not None:
        problem = InvalidTextError if isinstance(raised, UnusableTextError) else InvalidRequestError
        return problem(f"{prefix}{raised}")
    parent, of, value = _walk(steps, kind, values)
    if (missing := _MISSING.match(text)) is not None:
        name = missing["name"]
        where = f"{_place(steps[2:] if prefix else steps)} lacks" if steps else "The request lacks"
        return InvalidRequestError(f"{prefix}{where} {name!r}, {_expected(_fields(of)[name])}.")
    if not steps:
        return InvalidRequestError("The body must be a JSON object.")
    if len(steps) == 2 and prefix:
        return InvalidRequestError(f"{prefix}A search is a JSON object.")
    return _wrong_value(prefix, steps, parent, value)


def _place(steps: Sequence[str | int]) -> str:
    """Name what lies at the end of a path, and its place where it stands in a list."""
    if isinstance(steps[-1], str):
        return repr(steps[-1])
    return f"'{steps[-2]}[{steps[-1]}]'"


def _wrong_value(prefix: str, steps: list[Any], parent: inspect.Type, value: Any) -> TonariError:
    """Say what a parameter should be, and what was given."""
    shown = steps[2:] if prefix else steps
    within = isinstance(shown[-1], int)
    name = ".".join(str(step) for step in shown if isinstance(step, str))
    if within:
        given = f"it holds {_show(value)}"
    elif isinstance(value, (list, tuple)) and _is_list(parent):
        given = f"{len(value):,} are given"
    else:
        given = f"not {_show(value)}"
    kind = _extra(parent, "error") or InvalidRequestError
    separator = ";" if within or given.endswith("given") else ","
    raised: TonariError = kind(f"{prefix}{name!r} is {_expected(parent)}{separator} {given}.")
    return raised


def _walk(steps: Iterable[str | int], kind: type[Any], value: Any) -> tuple[inspect.Type, inspect.Type, Any]:
    """Give the type of the last named parameter on a path, and type and value at its end."""
    here = named_type = _type_info(kind)
    for step in steps:
        value = value[step]
        inner = _inner(here)
        if isinstance(step, str):
            here = named_type = _fields(inner)[step]
        elif isinstance(inner, inspect.VarTupleType):
            here = inner.item_type
    return named_type, here, value


def _fields(one: inspect.Type) -> dict[str, inspect.Type]:
    inner = _inner(one)
    return {field.name: field.type for field in inner.fields} if isinstance(inner, inspect.StructType) else {}


def _check_names(values: Any, one: inspect.Type, prefix: str, parameter: str = "") -> None:
    """Check all names before msgspec does, whose message would mix what was given with its own words."""
    inner = _inner(one)
    if isinstance(inner, inspect.StructType) and isinstance(values, dict):
        known = _fields(inner)
        for name in values:
            _check_known(name, known, prefix)
        for name, value in values.items():
            _check_names(value, known[name], prefix, name)
    elif isinstance(inner, inspect.VarTupleType) and isinstance(_inner(inner.item_type), inspect.StructType):
        for number, value in enumerate(values if isinstance(values, list) else ()):
            _check_names(value, inner.item_type, f"{prefix}{parameter}[{number}]: ")


def _as_meant(values: Any, one: inspect.Type) -> Any:
    """Leave out parameters that are null, and give ids as texts: a whole number stands for its digits.

    What a filter holds is not touched.
    """
    inner = _inner(one)
    if _is_id(one):
        return str(values) if type(values) is int else values
    if isinstance(inner, inspect.StructType) and isinstance(values, dict):
        known = _fields(inner)
        return {name: _as_meant(value, known[name]) for name, value in values.items() if value is not None}
    if isinstance(inner, inspect.VarTupleType) and isinstance(values, (list, tuple)):
        item = inner.item_type
        if _is_id(item) or isinstance(_inner(item), inspect.StructType):
            return [_as_meant(value, item) for value in values]
    return values


def _is_id(one: inspect.Type) -> bool:
    while isinstance(one, (inspect.Metadata, inspect.UnionType)):
        if isinstance(one, inspect.UnionType):
            one = next(kind for kind in one.types if not isinstance(kind, inspect.NoneType))
        elif _extra(one, ID):
            return True
        else:
            one = one.type
    return False


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that one is most likely meant for, None if it is like none or much too long."""
    near = difflib.get_close_matches(name, known, n=1) if len(name) <= MOST_NAME else []
    return near[0] if near else None


def _check_known(name: str, known: Mapping[str, Any], prefix: str = "") -> None:
    if name not in known:
        near = nearest_name(name, known)
        hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}."
        raise InvalidRequestError(f"{prefix}There is no parameter {name!r:.60}; {hint}")


def _show(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, default=str)
    return f"{text!s:.{SHOWN}}" + ("…" if len(text) > SHOWN else "")
