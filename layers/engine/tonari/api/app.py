"""The application: a request finds its route, its parameters are read, the handler answers, errors become problems."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Collection
from dataclasses import replace

from tonari.api.handlers import Handlers
from tonari.api.http import Request, Response
from tonari.api.reading import read_parameters
from tonari.api.writing import Writers
from tonari.contract.normal_form import is_whole, nfc
from tonari.contract.routes import ROUTES, WRITING, Route
from tonari.errors import InvalidRequestError, MethodNotAllowedError, NotFoundError, TonariError
from tonari.query.reader import Reader
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

STANDING_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
SLASHES = re.compile("//+")


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
        asked, writers = Handlers(reader, catalogue, artefacts), Writers(reader, catalogue)
        self._routes = [
            (route, _pattern(route.path), getattr(writers if route in WRITING else asked, route.name))
            for route in ROUTES
        ]

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
        response = replace(response, headers={**STANDING_HEADERS, **response.headers})
        return response.without_body() if request.method == "HEAD" else response

    def _answer(self, request: Request) -> Response:
        if not is_whole(request.path):
            raise InvalidRequestError(
                f"The path {request.path!r:.200} is not UTF-8: percent-encode whole characters, as UTF-8."
            )
        found = [
            (route, handler, match)
            for route, pattern, handler in self._routes
            if (match := pattern.fullmatch(request.path))
        ]
        method = "GET" if request.method == "HEAD" else request.method
        for route, handler, match in found:
            if route.method == method:
                if route not in self._serves:
                    raise MethodNotAllowedError(f"{route.method} {route.path} is not served here.")
                parameters = read_parameters(route, request)
                answer: Response = handler(*(() if parameters is None else (parameters,)), *map(nfc, match.groups()))
                return answer
        if found:
            taken = ", ".join(route.method for route, _, _ in found).replace("GET", "GET, HEAD")
            problem = Response.problem(MethodNotAllowedError(f"{request.path} takes {taken}."))
            return replace(problem, headers={"allow": taken})
        near = SLASHES.sub("/", request.path).rstrip("/") or "/"
        meant = any(pattern.fullmatch(near) for _, pattern, _ in self._routes)
        hint = f"did you mean {near:.200}?" if meant else "the API begins at /v1/."
        raise NotFoundError(f"There is nothing at {request.path:.200}; {hint}")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(re.escape("{id}"), "([^/]+)"))
