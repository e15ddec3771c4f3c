"""HTTP as the client needs it: kept connections, retries, proxies, and answers decoded or raised."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import urllib3

from tonari import errors
from tonari.contract.answers import PROBLEM_TYPE, Problem
from tonari.contract.forms import decoder
from tonari.errors import TonariError, UnexpectedAnswerError, UnreachableError

Answer = TypeVar("Answer")

KINDS = {
    one.slug: one
    for one in reversed(vars(errors).values())
    if isinstance(one, type) and issubclass(one, errors.TonariError)
}
"""Errors by slug; of several with one slug the first, which is nearest to the root."""

TIMEOUT = urllib3.Timeout(connect=5, read=40)


class Transport:
    """Sends requests over connections that stay open; several threads may use it.

    Parameters
    ----------
    retries
        How often a request is sent again that found no connection or was answered with status 429 or 503.
    """

    def __init__(self, retries: int) -> None:
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
        try:
            return self._pool(url).request(
                method, url, body=body, headers=headers, retries=self._retry, redirect=False, timeout=TIMEOUT
            )
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise UnreachableError(
                f"Nobody answers at {urlsplit(url).netloc} ({type(reason).__name__}). Is tonari running there?"
            ) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = _open_pool(proxy)
        return self._pools[proxy]


def _proxy_for(url: str) -> str:
    """Give the environment's proxy for a URL, empty if there is none or it is for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


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
