"""The HTTP API over WSGI: requests of the application, links to the files of its folders, pages of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request as WsgiRequest
from werkzeug.wrappers import Response as WsgiResponse

from tonari.api.http import Request, Response
from tonari.errors import TooLargeError
from tonari_tools.serve.linked_files import LinkedFiles

FILES = "/files/"
MOST_BODY_BYTES = 6 * 1024 * 1024
MOST_PICTURE_BYTES = MOST_BODY_BYTES * 3 // 4 - 4096
"""On AWS a picture travels as base64 within the function's 6 MB, beside its headers."""
DRAINED_BYTES = 64 * 1024 * 1024
CHUNK = 1 << 16
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
METHODS = "GET,POST,PUT,DELETE,OPTIONS"


class Site:
    """A WSGI application over the API, with the limits that it has on AWS.

    Pages from this machine may ask across origins.

    Parameters
    ----------
    app
        Answers requests.
    files
        Buckets whose links are served, by the name that stands in their links: ``/files/NAME/KEY``.
    """

    def __init__(self, app: Callable[[Request], Response], files: Mapping[str, LinkedFiles]) -> None:
        self._app, self._files = app, files

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = WsgiRequest(environ)
        origin = request.headers.get("Origin", "")
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = WsgiResponse(status=204) if preflight else self._answer(request)
        if urlsplit(origin).hostname in LOCAL_NAMES:
            response.headers["access-control-allow-origin"] = origin
            response.headers["vary"] = "origin"
            if preflight:
                response.headers["access-control-allow-methods"] = METHODS
                response.headers["access-control-allow-headers"] = "content-type"
        request.close()
        return response(environ, start_response)

    def _answer(self, request: WsgiRequest) -> WsgiResponse:
        if request.path.startswith(FILES):
            name, _, key = request.path.removeprefix(FILES).partition("/")
            if name in self._files:
                return self._files[name](request, key)
        return to_wsgi(self._ask(request))

    def _ask(self, request: WsgiRequest) -> Response:
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        most = MOST_BODY_BYTES if media_type == "application/json" else MOST_PICTURE_BYTES
        body = _read(request, most)
        if body is None:
            return Response.problem(
                TooLargeError(
                    f"A request takes at most {most:,} bytes: upload large pictures (POST /v1/uploads) and name the "
                    "upload."
                )
            )
        query = urlsplit(request.environ["REQUEST_URI"]).query
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        return self._app(Request(request.method, request.path, pairs, media_type, body))


def to_wsgi(response: Response) -> WsgiResponse:
    """Give a response to WSGI."""
    return WsgiResponse(response.body, response.status, dict(response.headers), content_type=response.media_type)


def _read(request: WsgiRequest, most: int) -> bytes | None:
    """Read the body, or None if it is too large; it is read nevertheless, as clients listen when they have sent all."""
    body = bytearray()
    length = 0
    while length <= DRAINED_BYTES and (chunk := request.stream.read(CHUNK)):
        length += len(chunk)
        if length <= most:
            body += chunk
    return bytes(body) if length <= most else None
