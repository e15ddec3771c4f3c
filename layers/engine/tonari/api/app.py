"""The application: a request finds its route, its parameters are read, the handler answers, errors become problems."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import msgspec

from tonari.api.handlers import Handlers
from tonari.api.http import Request, Response
from tonari.contract.answers import JSON
from tonari.contract.decoding import decode, read_body, read_query_string
from tonari.contract.parameters import MOST_BODY_BYTES, PICTURE_TYPES
from tonari.contract.requests import SearchesRequest
from tonari.contract.routes import ROUTES, Route
from tonari.errors import InvalidRequestError, MethodNotAllowedError, NotFoundError, TonariError, TooLargeError
from tonari.query.reader import Reader
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

STANDING_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
PICTURES = ("image/", "application/octet-stream")


class App:
    """The HTTP API over one reader and the two buckets.

    Parameters
    ----------
    serves
        The routes that are answered; the others are known, but refused with 405.
    """

    def __init__(
        self, reader: Reader, catalogue: Bucket, artefacts: Bucket, serves: Collection[Route] = ROUTES
    ) -> None:
        self._serves = frozenset(serves)
        handlers = Handlers(reader, catalogue, artefacts)
        self._routes = [(route, _pattern(route.path), getattr(handlers, route.name)) for route in ROUTES]

    def __call__(self, request: Request) -> Response:
        """Answer a request; whatever goes wrong becomes a problem document."""
        started = time.perf_counter()
        try:
            response = self._answer(request)
        except TonariError as error:
            response = Response.problem(error)
            if error.status >= 500:
                log.warning(json.dumps({"problem": error.slug, "detail": error.detail}))
        except Exception:  # what nobody foresaw: the log has it, the caller a problem document, never a bare 500
            trace = uuid.uuid4().hex
            log.exception(json.dumps({"problem": "internal", "trace": trace}))
            response = Response.problem(TonariError(f"This should not happen; the log has it under {trace}."))
        took = round((time.perf_counter() - started) * 1000, 1)
        log.info(json.dumps({"method": request.method, "path": request.path, "status": response.status, "ms": took}))
        return replace(response, headers={**STANDING_HEADERS, **response.headers})

    def _answer(self, request: Request) -> Response:
        found = [
            (route, handler, match)
            for route, pattern, handler in self._routes
            if (match := pattern.fullmatch(request.path))
        ]
        for route, handler, match in found:
            if route.method == request.method:
                if route not in self._serves:
                    raise MethodNotAllowedError(f"{route.method} {route.path} is not served here.")
                parameters = read_parameters(route, request)
                answer: Response = handler(*(() if parameters is None else (parameters,)), *match.groups())
                return answer
        if found:
            raise MethodNotAllowedError(f"{request.path} takes {', '.join(route.method for route, _, _ in found)}.")
        raise NotFoundError(f"There is nothing at {request.path:.200}; the API begins at /v1/.")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(re.escape("{id}"), "([^/]+)"))


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
    if len(request.body) > MOST_BODY_BYTES:
        raise TooLargeError(
            f"The body has {len(request.body):,} bytes, at most {MOST_BODY_BYTES:,} are taken: shrink the picture "
            "(sides of 512 pixels are enough), or upload it by POST /v1/uploads and ask with its 'upload'."
        )
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
