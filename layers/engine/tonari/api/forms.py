"""Requests -> checked forms: what is asked, of which query, within which range."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

from tonari.api.http import JSON, Request
from tonari.api.sources import SOURCES, Source, read_source
from tonari.api.values import from_text, read_count, read_flag, read_name, read_number, read_texts
from tonari.attributes import VOTERS, Method
from tonari.contract import strict_json
from tonari.errors import InvalidRequestError, TonariError, TooLargeError
from tonari.images.decode import FORMATS

MOST_BODY_BYTES = 4_400_000
MOST_K = 1_000
MOST_FACETS = 20
MOST_QUERIES = 10
DEFAULT_K = 10
BYTES = ("image/", "application/octet-stream")
RANGE = ("filter", "ids")
INCLUDE = ("fields", "image", "embedding")
SEARCH = (
    "k", "min_score", "exact", "group_by", "per_group", "diversity", "facets", "cursor", "include", "fields", "predict",
)  # fmt: skip
PREDICT = ("attributes", "method", "k")


@dataclass(frozen=True, slots=True)
class SearchForm:
    """A checked request for neighbours; what names fields is checked where the fields are known."""

    source: Source
    k: int
    filter: Any
    ids: tuple[str, ...] | None
    min_score: float
    exact: bool
    group_by: str | None = None
    per_group: int = 1
    diversity: float = 0.0
    facets: tuple[str, ...] = ()
    cursor: str | None = None
    include: tuple[str, ...] = ("fields", "image")
    fields: tuple[str, ...] | None = None
    predict: tuple[str, ...] = ()

    def question(self) -> dict[str, Any]:
        """Give, in JSON, all that decides on the order of the answer: what a cursor belongs to."""
        return {
            "source": self.source.said(),
            "filter": self.filter,
            "ids": self.ids,
            "min_score": self.min_score,
            "exact": self.exact,
            "group_by": self.group_by,
            "per_group": self.per_group,
        }


@dataclass(frozen=True, slots=True)
class PredictForm:
    """A checked request for predictions; no ``attributes`` means all."""

    source: Source
    attributes: tuple[str, ...] | None
    method: Method
    k: int
    filter: Any
    ids: tuple[str, ...] | None


def read_searches(request: Request) -> SearchForm | tuple[SearchForm, ...]:
    """Check a search, or several in one request.

    Raises
    ------
    InvalidRequestError, InvalidVectorError, TooLargeError
    """
    if request.media_type != JSON:
        return read_search(request)
    values = read_json(request)
    if "queries" not in values:
        return _search(values, None)
    _check_names(values, ("queries",))
    queries = values["queries"]
    if not isinstance(queries, list) or not 1 <= len(queries) <= MOST_QUERIES:
        raise InvalidRequestError(f"'queries' is a list of 1-{MOST_QUERIES} searches.")
    forms = []
    for number, one in enumerate(queries):
        with named(number):
            if not isinstance(one, dict):
                raise InvalidRequestError("A search is a JSON object.")
            forms.append(_search(one, None))
    total = sum(form.k for form in forms)
    if total > MOST_K:
        raise InvalidRequestError(f"The queries ask for {total:,} items, at most {MOST_K:,} are given: lower 'k'.")
    return tuple(forms)


@contextmanager
def named(number: int) -> Iterator[None]:
    """Say in which of several queries an error lies."""
    try:
        yield
    except TonariError as error:
        raise type(error)(f"queries[{number}]: {error.detail}") from error


def read_search(request: Request, source: Source | None = None) -> SearchForm:
    """Check a search; ``source`` is given where the path names it.

    Raises
    ------
    InvalidRequestError, InvalidVectorError, TooLargeError
    """
    return _search(_values(request, source), source)


def _search(values: Mapping[str, Any], source: Source | None) -> SearchForm:
    _check_names(values, (*RANGE, *SEARCH) if source else (*SOURCES, *RANGE, *SEARCH))
    form = SearchForm(
        source=source or read_source(values),
        k=read_count(values, "k", DEFAULT_K, MOST_K),
        filter=values.get("filter"),
        ids=read_texts(values, "ids", "item ids"),
        min_score=read_number(values, "min_score", -1.0, -1, "a cosine similarity"),
        exact=read_flag(values, "exact"),
        group_by=read_name(values, "group_by") if "group_by" in values else None,
        per_group=read_count(values, "per_group", 1, MOST_K),
        diversity=read_number(values, "diversity", 0.0, 0, "a number"),
        facets=tuple(dict.fromkeys(read_texts(values, "facets", "fields", MOST_FACETS) or ())),
        cursor=read_name(values, "cursor") if "cursor" in values else None,
        include=_include(values),
        fields=read_texts(values, "fields", "names"),
        predict=read_texts(values, "predict", "attributes") or (),
    )
    if "per_group" in values and form.group_by is None:
        raise InvalidRequestError("'per_group' goes with 'group_by', which names the field.")
    if form.diversity and form.cursor is not None:
        raise InvalidRequestError("'diversity' and 'cursor' exclude each other: a varied answer has no order to go on.")
    if form.fields is not None and "fields" not in form.include:
        raise InvalidRequestError("'fields' names what to show of them, and 'include' leaves fields out: drop either.")
    return form


def _include(values: Mapping[str, Any]) -> tuple[str, ...]:
    include = read_texts(values, "include", f"what to show: {', '.join(INCLUDE)}")
    if include is None:
        return ("fields", "image")
    unknown = [name for name in include if name not in INCLUDE]
    if unknown:
        raise InvalidRequestError(f"'include' takes {', '.join(INCLUDE)}, not {unknown[0]!r:.40}.")
    return include


def read_predict(request: Request) -> PredictForm:
    """Check a prediction.

    Raises
    ------
    InvalidRequestError, InvalidVectorError, TooLargeError
    """
    values = _values(request, None)
    _check_names(values, (*SOURCES, *RANGE, *PREDICT))
    method = values.get("method", "discriminant")
    if method not in get_args(Method):
        raise InvalidRequestError(f"'method' is {' or '.join(get_args(Method))}, not {method!r:.40}.")
    return PredictForm(
        source=read_source(values),
        attributes=read_texts(values, "attributes", "names"),
        method=method,
        k=read_count(values, "k", VOTERS, MOST_K),
        filter=values.get("filter"),
        ids=read_texts(values, "ids", "item ids"),
    )


def read_json(request: Request) -> dict[str, Any]:
    """Read a body that must be a JSON object.

    Raises
    ------
    InvalidRequestError, TooLargeError
    """
    _check_size(request)
    try:
        values = strict_json.loads(request.body)
    except ValueError as error:
        raise InvalidRequestError(f"The body is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return values


def _check_size(request: Request) -> None:
    if len(request.body) > MOST_BODY_BYTES:
        raise TooLargeError(
            f"The body has {len(request.body):,} bytes, at most {MOST_BODY_BYTES:,} are taken: shrink the picture "
            "(sides of 512 pixels are plenty), or upload it by POST /v1/uploads and search by key."
        )


def _values(request: Request, source: Source | None) -> dict[str, Any]:
    """Collect parameters: from a JSON body, or from the query string around a picture."""
    if source is None and request.media_type == JSON:
        return read_json(request)
    if source is None and not request.media_type.startswith(BYTES):
        said = request.media_type or "nothing"
        raise InvalidRequestError(
            f"The body must be {JSON} or a picture ({', '.join(FORMATS)}); its content-type says {said}."
        )
    _check_size(request)
    values = {name: from_text(name, value) for name, value in request.query}
    if source is None:
        values["image"] = request.body
    return values


def _check_names(values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
            raise InvalidRequestError(f"There is no parameter {name!r:.60}; {hint}")
