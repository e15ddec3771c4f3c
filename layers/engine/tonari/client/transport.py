"""HTTP as the client needs it: kept connections, retries, proxies, and answers decoded or raised."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import urllib3

from tonari import errors
from tonari.config import is_this_machine
from tonari.contract.answers import PROBLEM_TYPE, Problem
from tonari.contract.forms import decoder
from tonari.errors import TonariError, UnexpectedAnswerError, UnreachableError
from tonari.storage.last_use import LastUse

Answer = TypeVar("Answer")

KINDS = {
    one.slug: one
    for one in reversed(vars(errors).values())
    if isinstance(one, type) and issubclass(one, errors.TonariError)
}
"""Errors by slug; of several with one slug the first, which is nearest to the root."""

PROXY_ERRORS = (
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.ProxySchemeUnknown,
    urllib3.exceptions.LocationValueError,
)
TIMEOUT = urllib3.Timeout(connect=5, read=40)


class Transport:
    """Sends requests over connections that stay open; several threads may use it.

    A connection that nobody used for long may be dead without a word: a new one takes its place. One that turns out to
    have been closed meanwhile costs no try.

    Parameters
    ----------
    retries
        How often a request is sent again that found no connection or was answered with status 429 or 503.
    """

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._last_use = LastUse()
        self._retry = urllib3.Retry(
            total=retries,
            redirect=False,
            backoff_factor=0.3,
            status_forcelist=(429, 503),
            allowed_methods=None,
            raise_on_status=False,
        )
        self._pools: dict[str, urllib3.PoolManager] = {}

    def request(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; redirects are not followed.

        Raises
        ------
        UnreachableError
        """
        if self._last_use.was_long_ago():
            for pool in list(self._pools.values()):
                pool.clear()
        try:
            return self._send(method, url, body, headers)
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            if not self._retries and isinstance(reason, urllib3.exceptions.ProtocolError):
                with suppress(urllib3.exceptions.HTTPError):
                    return self._send(method, url, body, headers)
            kind = type(reason).__name__
            if isinstance(reason, PROXY_ERRORS) and _proxy_for(url):
                raise _proxy_refused(url, kind) from error
            raise UnreachableError(
                f"Nobody answers at {urlsplit(url).netloc} ({kind}). Is tonari running there?"
            ) from error

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> urllib3.BaseHTTPResponse:
        return self._pool(url).request(
            method, url, body=body, headers=headers, retries=self._retry, redirect=False, timeout=TIMEOUT
        )

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy_for(url)
        if proxy not in self._pools:
            try:
                self._pools[proxy] = _open_pool(proxy)
            except ValueError as error:
                raise _proxy_refused(url, str(error)) from error
        return self._pools[proxy]


def is_url(text: str) -> bool:
    """Tell whether a text is the URL of a server."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _proxy_for(url: str) -> str:
    """Give the environment's proxy for a URL, empty if there is none or it is for this machine."""
    parts = urlsplit(url)
    if is_this_machine(url) or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


def _proxy_refused(url: str, why: str) -> UnreachableError:
    """Say that a proxy is in the way; its URL is not told, as a password may be in it."""
    parts = urlsplit(url)
    name = f"{parts.scheme}_proxy"
    return UnreachableError(
        f"{parts.netloc} cannot be reached by the proxy that {name} names ({why}). Only http and https proxies can be "
        f"used; {name} or no_proxy must be set otherwise."
    )


def _open_pool(proxy: str) -> urllib3.PoolManager:
    if not proxy:
        return urllib3.PoolManager()
    parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    who = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return urllib3.ProxyManager(parts.geturl(), proxy_headers=urllib3.make_headers(proxy_basic_auth=who))


def answer_of(response: urllib3.BaseHTTPResponse, kind: type[Answer], url: str) -> Answer:
    """Decode an answer; a problem document is raised.

    Raises
    ------
    TonariError
        The class of the problem's type; :class:`UnexpectedAnswerError` if the answer is not tonari's.
    """
    if response.status >= 300:
        raise error_of(response, url)
    try:
        return decoder(kind).decode(response.data)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswerError(f"{url} answered status {response.status}, but not as tonari does: {error}") from (
            error
        )


def error_of(response: urllib3.BaseHTTPResponse, url: str) -> TonariError:
    """Give the error that an answer stands for."""
    try:
        problem = decoder(Problem).decode(response.data)
    except msgspec.DecodeError:
        text = response.data[:200].decode(errors="replace")
        return UnexpectedAnswerError(f"{url} answered status {response.status}, but not as tonari does: {text}")
    return KINDS.get(problem.type.removeprefix(PROBLEM_TYPE), TonariError)(problem.detail)
