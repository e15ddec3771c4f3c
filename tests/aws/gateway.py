"""The HTTP API, as API Gateway serves it: every request becomes an event for the function of its route."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from aws.events import HttpRequest, http_event, http_response
from tonari.errors import TonariError, TooLargeError

MAX_BODY = 10 * 1024 * 1024
DRAINED = 64 * 1024 * 1024
CHUNK = 1 << 16
TIMEOUT = 30.0
THREADS = 64
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
METHODS = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"
HEADERS = "content-type,content-encoding,authorization"
VARIABLE = re.compile(r"\\\{[^}]*\\\}")
Invoke = Callable[[bytes], bytes]


class Gateway:
    """A WSGI application with API Gateway's limits and its own answers where the function gives none.

    A body over 10 MB, or an event over the function's 6 MB, is answered 413; an invocation of over 30 s 503; a function
    that fails, or answers what is no HTTP response, 500. Pages from this machine may ask across origins.

    Parameters
    ----------
    invoke
        Runs the function of the route ``$default`` on an event.
    routes
        What runs the function of each other route, by keys such as ``PUT /v1/items/{id}``.
    log
        Takes what a caller is not told: why a function failed.
    timeout
        Seconds after which a caller is told that the service is unavailable.
    """

    def __init__(
        self,
        invoke: Invoke,
        log: Callable[[str], object],
        *,
        routes: Mapping[str, Invoke] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._invoke = invoke
        self._routes = [(_pattern(key), target) for key, target in (routes or {}).items()]
        self._log = log
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(THREADS, "gateway")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        origin = request.headers.get("Origin", "")
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = Response(status=204) if preflight else self._answer(request)
        if urlsplit(origin).hostname in LOCAL_NAMES:
            response.headers["access-control-allow-origin"] = origin
            response.headers["vary"] = "origin"
            if preflight:
                response.headers["access-control-allow-methods"] = METHODS
                response.headers["access-control-allow-headers"] = HEADERS
        return response(environ, start_response)

    def close(self) -> None:
        """Take no more requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: Request) -> Response:
        body = _read(request)
        if body is None:
            return _message(413, "Request Entity Too Large")
        event = json.dumps(http_event(_received(request, body)), ensure_ascii=False).encode()
        try:
            answer = http_response(self._threads.submit(self._target(request), event).result(self._timeout))
        except TooLargeError:
            return _message(413, "Request Entity Too Large")
        except TimeoutError:
            return _message(503, "Service Unavailable")
        except TonariError as error:
            self._log(f"{request.method} {request.path}: {error.detail}\n")
            return _message(500, "Internal Server Error")
        response = Response(answer.body, answer.status)
        response.headers.clear()
        response.headers.extend(answer.headers)
        return response

    def _target(self, request: Request) -> Invoke:
        asked = f"{request.method} {urlsplit(request.environ['REQUEST_URI']).path}"
        return next((target for pattern, target in self._routes if pattern.fullmatch(asked)), self._invoke)


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(VARIABLE.sub("[^/]+", re.escape(key)))


def _received(request: Request, body: bytes) -> HttpRequest:
    target = urlsplit(request.environ["REQUEST_URI"])
    return HttpRequest(
        method=request.method,
        path=target.path or "/",
        query=target.query,
        headers=list(request.headers.items()),
        body=body,
        source=request.remote_addr or "",
        port=int(request.environ["SERVER_PORT"]),
        identity=str(uuid.uuid4()),
        time=time.time(),
    )


def _read(request: Request) -> bytes | None:
    """Read the body, or None if it is too large; it is read nevertheless, as clients listen when they have sent all."""
    body = bytearray()
    length = 0
    while length <= DRAINED and (chunk := request.stream.read(CHUNK)):
        length += len(chunk)
        if length <= MAX_BODY:
            body += chunk
    return bytes(body) if length <= MAX_BODY else None


def _message(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, content_type="application/json")
