"""JSON over HTTP to a search engine: connections that stay open, secrets or signatures, tries, and what went wrong."""

from __future__ import annotations

import base64
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec
import urllib3

from tonari.contract.database import Access
from tonari.errors import EngineUnavailableError, MissingCollectionError, SettingError

TIMEOUT = urllib3.Timeout(connect=3, read=60)
CONNECTIONS = 16
TRIES = 4
WAIT = 0.2
"""Seconds before the second try; twice as many before each further one, a random part of them left out."""
PASSING = frozenset({429, 502, 503, 504})
SHOWN = 300

Sign = Callable[[str, str, bytes, Mapping[str, str]], dict[str, str]]
"""Gives the headers of a request by its method, URL, body and headers."""


class RefusedError(EngineUnavailableError):
    """The search engine understood a request and refused it.

    Parameters
    ----------
    kind, reason
        As the search engine gave them.
    """

    def __init__(self, detail: str, status_there: int = 0, kind: str = "", reason: str = "") -> None:
        super().__init__(detail)
        self.status_there, self.kind, self.reason = status_there, kind, reason


class Http:
    """Asks one server; several threads may use it.

    Every request may be sent twice: each either only reads, or says which state is to be, or adds rows that are told
    from those that were added before.

    Parameters
    ----------
    name
        Of the search engine, for messages.
    authorization
        Value of that header; empty if there is none.
    sign
        Signs each request; None if none is signed.
    """

    def __init__(self, name: str, access: Access, authorization: str = "", sign: Sign | None = None) -> None:
        parts = urlsplit(access.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingError(f"{name} is reached by a URL with http:// or https:// and a host, not by that given.")
        self.name = name
        self._host = parts.netloc.rpartition("@")[2]
        self._url = f"{parts.scheme}://{self._host}{parts.path.rstrip('/')}"
        self._headers = {"authorization": authorization} if authorization else {}
        self._sign = sign
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS, retries=False, timeout=TIMEOUT, ssl_context=_trust(access.authority)
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and give the answer.

        Parameters
        ----------
        body
            What becomes JSON, or bytes that are lines of it; None if there is nothing to send.

        Raises
        ------
        EngineUnavailableError
            If nobody answers, or the server fails, after several tries.
        RefusedError
            If the request is refused.
        MissingCollectionError
            If it is because a collection is missing.
        """
        lines = isinstance(body, bytes)
        content = body if lines else b"" if body is None else msgspec.json.encode(body)
        headers = {**self._headers, "content-type": f"application/{'x-ndjson' if lines else 'json'}"}
        status, answer = self._tried(method, f"{self._url}{_encoded(path)}", content, headers)
        if status < 300:
            return answer
        raise self._error(status, answer)

    def close(self) -> None:
        """Close connections."""
        self._pool.clear()

    def _tried(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        for number in range(1, TRIES):
            try:
                status, answer = self._sent(method, url, body, headers)
                if status not in PASSING:
                    return status, answer
            except _SilentError:
                pass
            time.sleep(WAIT * 2 ** (number - 1) * (0.5 + random.random() / 2))
        return self._sent(method, url, body, headers)

    def _sent(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        signed = self._sign(method, url, body, headers) if self._sign else headers
        try:
            response = self._pool.request(method, url, body=body or None, headers=signed, redirect=False)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise EngineUnavailableError(
                f"{self.name} at {self._host} did not answer within {TIMEOUT.read_timeout} s."
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise _SilentError(f"{self.name} at {self._host} does not answer ({type(error).__name__}).") from error
        try:
            return response.status, msgspec.json.decode(response.data)
        except (msgspec.DecodeError, ValueError):
            return response.status, response.data.decode(errors="replace")

    def _error(self, status: int, answer: Any) -> EngineUnavailableError:
        cause = answer.get("error") if isinstance(answer, dict) else None
        kind, reason = error_of(cause if cause is not None else answer)
        if kind == "index_not_found_exception":
            return MissingCollectionError(f"{self.name} holds no such collection: {reason}")
        if status in (401, 403):
            return EngineUnavailableError(
                f"{self.name} at {self._host} refuses the request with status {status}: check the engine's secret, or "
                f"the role's rights. {reason}"
            )
        if status in PASSING or status >= 500:
            return EngineUnavailableError(f"{self.name} at {self._host} fails with status {status}: {reason}")
        detail = f"{self.name} at {self._host} refuses a request with status {status}: {kind} {reason}"
        return RefusedError(detail, status, kind, reason)


class _SilentError(EngineUnavailableError):
    """No answer came, and perhaps the request did not arrive."""


def _encoded(path: str) -> str:
    """Escape all that can be in the parameters behind a path: so AWS reads them when it checks a signature."""
    plain, mark, parameters = path.partition("?")
    pairs = (one.partition("=") for one in parameters.split("&"))
    return plain + mark + "&".join(f"{name}{equals}{quote(unquote(value), safe='')}" for name, equals, value in pairs)


def authorization_of(access: Access, scheme: str) -> str:
    """Give the header that proves who asks; empty if nobody needs to."""
    if access.token:
        return f"{scheme} {access.token}"
    if access.user:
        return f"Basic {base64.b64encode(f'{access.user}:{access.password}'.encode()).decode()}"
    return ""


def error_of(cause: Any) -> tuple[str, str]:
    """Give the kind and the reason of an error as a search engine tells it, in one of its forms."""
    if not isinstance(cause, dict):
        return "", str(cause)[:SHOWN]
    roots = cause.get("root_cause") or [cause]
    return str(cause.get("type", "")), str(roots[0].get("reason", cause.get("reason", "")))[:SHOWN]


def _trust(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError) as error:
            raise SettingError(f"The certificates in {authority} cannot be read: {error}") from error
    return context
