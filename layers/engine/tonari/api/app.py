"""The application: a request finds its route, the route's handler answers, and errors become problem documents."""

from __future__ import annotations

import functools
import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from tonari.api.handlers import ItemHandlers, QueryHandlers, describe
from tonari.api.http import Request, Response
from tonari.api.page import read_page
from tonari.api.reading import read_parameters
from tonari.contract.openapi import openapi
from tonari.contract.routes import ROUTES
from tonari.errors import MethodNotAllowedError, NotFoundError, TonariError
from tonari.query.serving import Reader
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

STANDING_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

Handler = Callable[..., Response]
"""Takes the parameters of its route, if there are any, then what stands in its path."""


class App:
    """The HTTP API over one reader and the two buckets."""

    def __init__(self, reader: Reader, catalogue: Bucket, artefacts: Bucket) -> None:
        self._reader, self._artefacts = reader, artefacts
        queries = QueryHandlers(reader, artefacts)
        items = ItemHandlers(reader, catalogue, artefacts)
        handlers: dict[str, Handler] = {
            "search": queries.search,
            "similar": queries.similar,
            "predict": queries.predict,
            "upload": items.upload,
            "item": items.item,
            "put_item": items.put,
            "delete_item": items.delete,
            "image": items.image,
            "health": self._health,
            "openapi": _openapi,
            "page": _page,
        }
        self._routes = [(route, _pattern(route.path), handlers[route.name]) for route in ROUTES]

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
                parameters = read_parameters(route, request)
                return handler(*(() if parameters is None else (parameters,)), *match.groups())
        if found:
            raise MethodNotAllowedError(f"{request.path} takes {', '.join(route.method for route, _, _ in found)}.")
        raise NotFoundError(f"There is nothing at {request.path:.200}; the API begins at /v1/.")

    def _health(self) -> Response:
        return Response.of(describe(self._reader.current(), self._artefacts))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(re.escape("{id}"), "([^/]+)"))


@functools.cache
def _openapi() -> Response:
    return Response.of(openapi())


def _page() -> Response:
    page = read_page()
    return Response(200, page.html, "text/html; charset=utf-8", {"content-security-policy": page.policy})
