"""What a request says -> the parameters of its route, however they were sent."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from tonari.api.bodies import FORM, PICTURES, read_base64, read_form, unpack
from tonari.api.http import Request
from tonari.contract.answers import JSON
from tonari.contract.decoding import decode, named, read_body, read_query_string
from tonari.contract.parameters import PICTURE_TYPES, QUERIES
from tonari.contract.requests import SearchesRequest, SearchRequest
from tonari.contract.routes import Route
from tonari.errors import InvalidRequestError
from tonari.images.headers import looks_like_picture

_JSON_TYPE = re.compile(r"(application|text)/([\w.-]+\+)?json")
_OBJECT = re.compile(rb"(\xef\xbb\xbf)?\s*\{")
_SEARCH = frozenset(SearchRequest.__struct_fields__)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_parameters(route: Route, request: Request) -> Any:
    """Read what a request says.

    Where a route takes a picture, the first bytes of the body tell a picture from JSON; where they do not, the content
    type does.

    Returns
    -------
    Any
        One of the route's structs; a dict where it takes any JSON object, None where it takes nothing.

    Raises
    ------
    InvalidRequestError, TooLargeError, UnsupportedEncodingError
        Or what the struct declares for a parameter.
    """
    request = unpack(request)
    if route.takes_picture:
        if request.media_type == FORM:
            form = read_form(request)
            return _around_picture(route.bodies[0], form.file, (*request.query, *form.fields))
        if not _is_json(request):
            _check_picture_type(request)
            return _around_picture(route.bodies[0], request.body, request.query)
    if route.bodies:
        return _json_body(route, request)
    if request.body.strip() not in (b"", b"{}"):
        raise InvalidRequestError(f"{request.method} {request.path:.200} takes no body: leave it out.")
    if route.query is None and request.query:
        raise InvalidRequestError(
            f"{request.method} {request.path:.200} takes no parameters: leave {request.query[0][0]!r:.60} out."
        )
    if route.query in (None, dict):
        return None
    return decode(read_query_string(request.query, route.query), route.query)


def _is_json(request: Request) -> bool:
    if looks_like_picture(request.body):
        return False
    if _OBJECT.match(request.body) or request.body.startswith(_UTF_16):
        return True
    return _JSON_TYPE.fullmatch(request.media_type) is not None


def _check_picture_type(request: Request) -> None:
    """Check that a body which is neither JSON nor begins as a picture is at least called one."""
    if looks_like_picture(request.body) or request.media_type.startswith(PICTURES):
        return
    if not request.body:
        raise InvalidRequestError(
            f"The body is empty: send a picture, a form ({FORM}) with one, or JSON with one of {', '.join(QUERIES)}."
        )
    said = request.media_type or "nothing"
    raise InvalidRequestError(
        f"The body must be {JSON} or a picture ({', '.join(PICTURE_TYPES)}), as it is or in a form ({FORM}). It begins "
        f"like neither, and its content-type says {said:.60}."
    )


def _around_picture(kind: type[msgspec.Struct], picture: bytes, query: Iterable[tuple[str, str]]) -> Any:
    values = read_query_string(query, kind)
    if "image" in values:
        raise InvalidRequestError("'image' is the body already: leave it out of the query string.")
    return decode({**values, "image": picture}, kind)


def _json_body(route: Route, request: Request) -> Any:
    if request.query:
        names = ", ".join(dict.fromkeys(f"{name!r:.60}" for name, _ in request.query))
        raise InvalidRequestError(
            f"Beside a JSON body the query string must be empty: move {names} into the body."
            if route.takes_picture
            else f"{request.method} {request.path:.200} takes no parameters in the query string: leave {names} out."
        )
    values = read_body(_in_utf_8(request.body))
    if route.bodies == (dict,):
        return values
    if SearchesRequest in route.bodies and (queries := values.pop("queries", None)) is not None:
        given = {name: one for name, one in values.items() if one is not None or name not in _SEARCH}
        return decode({**given, "queries": _pictures_read(queries)}, SearchesRequest)
    return decode(_picture_read(values), route.bodies[0])


def _in_utf_8(body: bytes) -> bytes:
    """Give what begins with a mark of UTF-16, as PowerShell writes files, in UTF-8."""
    if not body.startswith(_UTF_16):
        return body
    try:
        return body.decode("utf-16").encode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError("The body begins like UTF-16, but is not: send JSON in UTF-8.") from error


def _picture_read(values: Any) -> Any:
    """Put a picture's bytes in the place of its base64."""
    if isinstance(values, dict) and isinstance(values.get("image"), str):
        return {**values, "image": read_base64(values["image"])}
    return values


def _pictures_read(queries: Any) -> Any:
    if not isinstance(queries, list):
        return queries
    read = []
    for number, one in enumerate(queries):
        with named(number):
            read.append(_picture_read(one))
    return read
