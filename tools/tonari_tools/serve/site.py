"""The HTTP API over WSGI: requests of the application, what links lead to, pages of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request as WsgiRequest
from werkzeug.wrappers import Response as WsgiResponse

from tonari.api.http import Request, Response, read_query
from tonari.contract.normal_form import nfc
from tonari.contract.parameters import PICTURE_SUFFIXES
from tonari.errors import (
    InvalidRequestError,
    LinkRefusedError,
    MethodNotAllowedError,
    MissingObjectError,
    NotFoundError,
    TonariError,
    TooLargeError,
)
from tonari.storage.bucket import Bucket
from tonari.storage.folder import FolderBucket

MOST_FORM_BYTES = 64 * 1024 * 1024
BYTES = "application/octet-stream"
INERT = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
"""The API's page has the same origin: no file that somebody uploads may run as a page of it."""
FILES = "/files/"
MOST_BODY_BYTES = 6 * 1024 * 1024
MOST_PICTURE_BYTES = MOST_BODY_BYTES * 3 // 4 - 4096
"""On AWS a picture travels as base64 within the function's 6 MB, beside its headers."""
DRAINED_BYTES = 64 * 1024 * 1024
CHUNK = 1 << 16
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
METHODS = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"
HEADERS = "content-type,content-encoding,authorization"


class Site:
    """A WSGI application over the API, with the limits that it has on AWS.

    Pages from this machine may ask across origins. Buckets in folders are served under ``/files/NAME/KEY``.
    """

    def __init__(self, app: Callable[[Request], Response], buckets: Mapping[str, Bucket]) -> None:
        self._app, self._buckets = app, buckets

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
                response.headers["access-control-allow-headers"] = HEADERS
        request.close()
        return response(environ, start_response)

    def _answer(self, request: WsgiRequest) -> WsgiResponse:
        if request.path.startswith(FILES):
            name, _, key = request.path.removeprefix(FILES).partition("/")
            bucket = self._buckets.get(name)
            if isinstance(bucket, FolderBucket):
                return _linked(bucket, request, key)
        return to_wsgi(self._ask(request))

    def _ask(self, request: WsgiRequest) -> Response:
        content_type = request.headers.get("Content-Type", "")
        most = MOST_BODY_BYTES if content_type.lower().startswith("application/json") else MOST_PICTURE_BYTES
        try:
            body = _read(request, most)
        except (HTTPException, OSError):
            return Response.problem(InvalidRequestError("The body did not arrive whole: send the request again."))
        if body is None:
            return Response.problem(
                TooLargeError(
                    f"A request takes at most {most:,} bytes: upload large pictures (POST /v1/uploads) and name the "
                    "upload."
                )
            )
        path, query = _target(request.environ["REQUEST_URI"])
        encoding = request.headers.get("Content-Encoding", "")
        return self._app(Request(request.method, path, read_query(query), content_type, body, encoding))


def _target(uri: str) -> tuple[str, str]:
    """Give path and query string of what was asked for, percent-encoded or not, as the application takes them.

    werkzeug takes the bytes of a request for Latin-1 and writes that in UTF-8, as WSGI has it in Latin-1 once more.
    """
    raw = uri.encode("latin-1").decode().encode("latin-1")
    path, _, query = raw.partition(b"#")[0].partition(b"?")
    if not path.startswith(b"/"):
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    return unquote_to_bytes(path).decode(errors="surrogateescape"), query.decode(errors="surrogateescape")


def to_wsgi(response: Response) -> WsgiResponse:
    """Give a response to WSGI."""
    answer = WsgiResponse(response.body, response.status, content_type=response.media_type)
    answer.headers.update(response.headers)  # after the body, whose length HEAD states otherwise
    return answer


def _read(request: WsgiRequest, most: int) -> bytes | None:
    """Read the body, or None if it is too large; it is read nevertheless, as clients listen when they have sent all."""
    body = bytearray()
    length = 0
    while length <= DRAINED_BYTES and (chunk := request.stream.read(CHUNK)):
        length += len(chunk)
        if length <= most:
            body += chunk
    return bytes(body) if length <= most else None


def _linked(bucket: FolderBucket, request: WsgiRequest, key: str) -> WsgiResponse:
    """Serve an object to whoever has a link, or take a picture from whoever has a form."""
    try:
        match request.method:
            case "GET" | "HEAD":
                return _download(bucket, request, key)
            case "POST":
                return _upload(bucket, request)
            case other:
                raise MethodNotAllowedError(f"A link is read by GET and a form is sent by POST, not by {other}.")
    except TonariError as error:
        return to_wsgi(Response.problem(error))


def _download(bucket: FolderBucket, request: WsgiRequest, key: str) -> WsgiResponse:
    bucket.links.check_reading(key, request.args.to_dict())
    try:
        blob = bucket.get(key)
    except MissingObjectError as error:
        raise NotFoundError(error.detail) from error
    headers = {"etag": f'"{blob.etag}"', "cache-control": "private, max-age=60", **INERT}
    media_type = PICTURE_SUFFIXES.get(PurePosixPath(key).suffix.lower(), BYTES)
    return WsgiResponse(blob.data, 200, headers, content_type=media_type)


def _upload(bucket: FolderBucket, request: WsgiRequest) -> WsgiResponse:
    if (request.content_length or 0) > MOST_FORM_BYTES:
        raise TooLargeError(f"A form has at most {MOST_FORM_BYTES:,} bytes, this one {request.content_length:,}.")
    try:
        fields, file = request.form.to_dict(), request.files.get("file")
    except HTTPException as error:
        raise LinkRefusedError(f"The form cannot be read: {error.description}") from error
    if file is None:
        raise LinkRefusedError("The form has no part 'file'.")
    data = file.stream.read()
    name = nfc(file.filename or "").replace("\\", "/").rpartition("/")[2]
    key = bucket.links.check_upload(fields, name, len(data))
    return WsgiResponse(status=204, headers={"etag": f'"{bucket.put(key, data)}"'})
