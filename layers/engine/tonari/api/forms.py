"""Requests -> checked forms: what is asked, of which query, within which range."""

from __future__ import annotations

import base64
import binascii
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from tonari import strict_json
from tonari.api.http import JSON
from tonari.errors import InvalidRequestError, InvalidVectorError, TooLargeError
from tonari.image import FORMATS
from tonari.query import Method

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tonari.api.http import Request

MOST_BODY_BYTES = 4_400_000
MOST_K = 1_000
DEFAULT_K = 10
DEFAULT_VOTERS = 9
MOST_VECTOR = 65_536
BYTES = ("image/", "application/octet-stream")
SOURCES = ("image", "upload", "id", "vector")
RANGE = ("filter", "ids")


@dataclass(frozen=True, slots=True)
class Source:
    """What the query is: bytes of a picture, or the key of an upload, an item's id or a vector."""

    kind: Literal["image", "upload", "id", "vector"]
    value: Any


@dataclass(frozen=True, slots=True)
class SearchForm:
    """A checked request for neighbours; ``filter`` is checked where the fields are known."""

    source: Source
    k: int
    filter: Any
    ids: tuple[str, ...] | None
    min_score: float
    exact: bool


@dataclass(frozen=True, slots=True)
class PredictForm:
    """A checked request for predictions; no ``attributes`` means all."""

    source: Source
    attributes: tuple[str, ...] | None
    method: Method
    k: int
    filter: Any
    ids: tuple[str, ...] | None


def read_search(request: Request, source: Source | None = None) -> SearchForm:
    """Check a search; ``source`` is given where the path names it.

    Raises
    ------
    InvalidRequestError, InvalidVectorError, TooLargeError
    """
    values = _values(request, ("k", "min_score", "exact"), source)
    return SearchForm(
        source=source or _source(values),
        k=_k(values, DEFAULT_K),
        filter=values.get("filter"),
        ids=_ids(values),
        min_score=_min_score(values),
        exact=_flag(values, "exact"),
    )


def read_predict(request: Request) -> PredictForm:
    """Check a prediction.

    Raises
    ------
    InvalidRequestError, InvalidVectorError, TooLargeError
    """
    values = _values(request, ("attributes", "method", "k"), None)
    method = values.get("method", "means")
    if method not in get_args(Method):
        raise InvalidRequestError(f"'method' is {' or '.join(get_args(Method))}, not {method!r:.40}.")
    attributes = values.get("attributes")
    if attributes is not None and not _strings(attributes):
        raise InvalidRequestError("'attributes' is a list of names.")
    return PredictForm(
        source=_source(values),
        attributes=None if attributes is None else tuple(attributes),
        method=method,
        k=_k(values, DEFAULT_VOTERS),
        filter=values.get("filter"),
        ids=_ids(values),
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


def _values(request: Request, names: tuple[str, ...], source: Source | None) -> dict[str, Any]:
    """Collect parameters: from a JSON body, or from the query string around a picture."""
    if source is None and request.media_type == JSON:
        values = read_json(request)
    elif source is None and not request.media_type.startswith(BYTES):
        said = request.media_type or "nothing"
        raise InvalidRequestError(
            f"The body must be {JSON} or a picture ({', '.join(FORMATS)}); its content-type says {said}."
        )
    else:
        _check_size(request)
        values = {name: _from_text(name, value) for name, value in request.query.items()}
        if source is None:
            values["image"] = request.body
    known = (*SOURCES, *RANGE, *names) if source is None else (*RANGE, *names)
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
            raise InvalidRequestError(f"There is no parameter {name!r:.60}; {hint}")
    return values


def _from_text(name: str, text: str) -> Any:
    """Read a value of the query string: JSON, a list with commas, or the text itself."""
    if name in ("attributes", "ids"):
        return text.split(",")
    if name in ("k", "min_score", "exact", "filter"):
        try:
            return strict_json.loads(text)
        except ValueError as error:
            raise InvalidRequestError(f"{name!r} cannot be read: {error}") from error
    return text


def _source(values: Mapping[str, Any]) -> Source:
    given = [name for name in SOURCES if name in values]
    if len(given) != 1:
        found = f", not {' and '.join(given)}" if given else ""
        raise InvalidRequestError(f"Name exactly one query: {', '.join(SOURCES)}{found}.")
    value = values[given[0]]
    match given[0]:
        case "image":
            return Source("image", value if isinstance(value, bytes) else _base64(value))
        case "vector":
            return Source("vector", _vector(value))
        case "upload":
            return Source("upload", _name("upload", value))
        case _:
            return Source("id", _name("id", value))


def _name(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(f"{what!r} is a text that is not empty.")
    return value


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidRequestError("'image' is a picture's bytes in base64, without a data: prefix.") from error


def _vector(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) > MOST_VECTOR:
        raise InvalidVectorError("'vector' is a list of numbers, one per dimension of the encoder.")
    for one in value:
        if isinstance(one, bool) or not isinstance(one, (int, float)) or not abs(one) < float("inf"):
            raise InvalidVectorError(f"'vector' holds {one!r:.40}; all its components must be finite numbers.")
    return value


def _k(values: Mapping[str, Any], default: int) -> int:
    k = values.get("k", default)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_K:
        raise InvalidRequestError(f"'k' is a whole number from 1 to {MOST_K:,}, not {k!r:.40}.")
    return k


def _ids(values: Mapping[str, Any]) -> tuple[str, ...] | None:
    ids = values.get("ids")
    if ids is None:
        return None
    if not _strings(ids):
        raise InvalidRequestError("'ids' is a list of item ids.")
    return tuple(ids)


def _strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(one, str) for one in values)


def _min_score(values: Mapping[str, Any]) -> float:
    score = values.get("min_score", -1.0)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not -1 <= score <= 1:
        raise InvalidRequestError(f"'min_score' is a cosine similarity from -1 to 1, not {score!r:.40}.")
    return float(score)


def _flag(values: Mapping[str, Any], name: str) -> bool:
    flag = values.get(name, False)
    if not isinstance(flag, bool):
        raise InvalidRequestError(f"{name!r} is true or false, not {flag!r:.40}.")
    return flag
