"""HTTP requests -> the parameters of their route, every one of them named once and in its place."""

from __future__ import annotations

from typing import Any

import msgspec

from tonari.api.http import JSON, Request
from tonari.contract.decoding import decode, read_body, read_query_string
from tonari.contract.parameters import MOST_BODY_BYTES, PICTURE_TYPES
from tonari.contract.requests import SearchesRequest
from tonari.contract.routes import Route
from tonari.errors import InvalidRequestError, TooLargeError

PICTURES = ("image/", "application/octet-stream")


def read_parameters(route: Route, request: Request) -> Any:
    """Read what a request says.

    Returns
    -------
    Any
        One of the route's structs; a dict where it takes any JSON object, None where it takes nothing.

    Raises
    ------
    InvalidRequestError, TooLargeError
        Or what the struct declares for a parameter.
    """
    _check_size(request)
    if route.takes_picture and request.media_type.startswith(PICTURES):
        return _around_picture(route.bodies[0], request)
    if route.bodies:
        return _json_body(route, request)
    if request.body.strip() not in (b"", b"{}"):
        raise InvalidRequestError(f"{route.method} {request.path:.200} takes no body: leave it out.")
    if route.query is dict:
        return None
    if route.query is None:
        if request.query:
            raise InvalidRequestError(
                f"{route.method} {request.path:.200} takes no parameters: leave {request.query[0][0]!r:.60} out."
            )
        return None
    return decode(read_query_string(request.query, route.query), route.query)


def _around_picture(kind: type[msgspec.Struct], request: Request) -> Any:
    values = read_query_string(request.query, kind)
    if "image" in values:
        raise InvalidRequestError("'image' is the body already: leave it out of the query string.")
    return decode({**values, "image": request.body}, kind)


def _json_body(route: Route, request: Request) -> Any:
    if route.takes_picture and request.media_type != JSON:
        said = request.media_type or "nothing"
        raise InvalidRequestError(
            f"The body must be {JSON} or a picture ({', '.join(PICTURE_TYPES)}); its content-type says {said:.60}."
        )
    if request.query:
        names = ", ".join(dict.fromkeys(f"{name!r:.60}" for name, _ in request.query))
        raise InvalidRequestError(
            f"Beside a JSON body the query string must be empty: move {names} into the body."
            if route.takes_picture
            else f"{route.method} {request.path:.200} takes no parameters in the query string: leave {names} out."
        )
    values = read_body(request.body)
    if route.bodies == (dict,):
        return values
    several = SearchesRequest in route.bodies and "queries" in values
    return decode(values, SearchesRequest if several else route.bodies[0])


def _check_size(request: Request) -> None:
    if len(request.body) > MOST_BODY_BYTES:
        raise TooLargeError(
            f"The body has {len(request.body):,} bytes, at most {MOST_BODY_BYTES:,} are taken: shrink the picture "
            "(sides of 512 pixels are enough), or upload it by POST /v1/uploads and ask with its 'upload'."
        )
