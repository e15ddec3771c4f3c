"""A client of the HTTP API, for the command line."""

from __future__ import annotations

import http.client
import json
import mimetypes
import ssl
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tonari.errors import InvalidRequestError, TonariError

TIMEOUT = 40.0
MOST_DIRECT_BYTES = 4_000_000
"""Larger pictures go by a presigned upload: a function takes 6 MB, base64 included."""


class UnreachableError(TonariError):
    """Nobody answers at the URL."""

    slug = "unreachable"
    title = "Nobody answers"


class AnsweredError(TonariError):
    """The API answered with an error; the detail is its own."""

    slug = "answered-error"
    title = "The API answered with an error"


class Client:
    """Asks the API at a base URL, such as ``http://127.0.0.1:8787``.

    Its methods give the answer's JSON as it is, and raise :class:`UnreachableError` or :class:`AnsweredError`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidRequestError(f"{url!r} is not a URL such as http://127.0.0.1:8787.")
        self._url, self._parts, self._base = url, parts, parts.path.rstrip("/")

    def health(self) -> dict[str, Any]:
        """Ask what is live."""
        return self._json("GET", "/v1/health")

    def search(
        self, photo: Path, k: int, where: Mapping[str, Any] | None = None, *, exact: bool = False
    ) -> dict[str, Any]:
        """Search for the items nearest to a picture, among those that the filter ``where`` lets through."""
        return self._ask(
            "/v1/search", photo, {"k": k} | ({"filter": where} if where else {}) | ({"exact": True} if exact else {})
        )

    def predict(self, photo: Path, method: str, attributes: list[str] | None = None) -> dict[str, Any]:
        """Predict attributes of a picture, all of them unless some are named."""
        return self._ask("/v1/predict", photo, {"method": method} | ({"attributes": attributes} if attributes else {}))

    def _ask(self, path: str, photo: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        try:
            data = photo.read_bytes()
        except OSError as error:
            raise InvalidRequestError(f"{photo} cannot be read: {error.strerror}.") from error
        content_type = mimetypes.guess_type(photo.name)[0] or ""
        if not content_type.startswith("image/"):
            content_type = "image/jpeg"
        if len(data) > MOST_DIRECT_BYTES:
            body = json.dumps({"upload": self._upload(data, content_type), **options}).encode()
            return self._json("POST", path, body, "application/json")
        query = urlencode({name: _parameter(value) for name, value in options.items()}, quote_via=quote)
        return self._json("POST", f"{path}?{query}", data, content_type)

    def _upload(self, data: bytes, content_type: str) -> str:
        form = self._json("POST", "/v1/uploads")
        boundary = uuid.uuid4().hex
        fields = {**form["fields"], "Content-Type": content_type}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
        ]
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n'
        head = f"{''.join(parts)}{file}Content-Type: {content_type}\r\n\r\n".encode()
        body = head + data + f"\r\n--{boundary}--\r\n".encode()
        status, answer = _request(form["url"], "POST", body, f"multipart/form-data; boundary={boundary}")
        if status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise AnsweredError(f"The upload was refused with status {status}: {answer[:200].decode(errors='replace')}")
        return str(form["upload"])

    def _json(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> dict[str, Any]:
        url = f"{self._parts.scheme}://{self._parts.netloc}{self._base}{path}"
        status, data = _request(url, method, body, content_type)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise AnsweredError(f"{self._url} answered status {status} without JSON: is it tonari?")
        if status >= http.HTTPStatus.MULTIPLE_CHOICES:
            detail = answer.get("detail") or answer.get("title") or answer.get("message") or "no reason given"
            raise AnsweredError(f"{detail} (status {status})")
        return answer


def _parameter(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _request(url: str, method: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = (
        http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)
    )
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body, {"Content-Type": content_type} if content_type else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionRefusedError as error:
        raise UnreachableError(f"Nobody answers at {parts.netloc}. Is anything running? make demo, or --url") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{parts.netloc} does not answer: {error or type(error).__name__}.") from error
    finally:
        connection.close()
