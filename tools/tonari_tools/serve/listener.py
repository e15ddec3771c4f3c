"""A WSGI application on a free port of 127.0.0.1, in threads of this process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from tonari.errors import TonariError

HOST = "127.0.0.1"
MOST_TRIED = 100


class LocalServiceError(TonariError):
    """A server on this machine that cannot be started."""


def require_free(port: int) -> None:
    """Refuse a port of 127.0.0.1 that is taken.

    Raises
    ------
    LocalServiceError
        If something listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            free = _free_after(port)
            raise LocalServiceError(
                f"Port {port} of {HOST} cannot be used ({error.strerror}). Stop what listens there or choose another: "
                f"--port {free} is free (make demo PORT={free})."
            ) from error


def _free_after(port: int) -> int:
    """Give the next free port; 0, which takes any, if none is near."""
    for other in range(port + 1, port + MOST_TRIED):
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.bind((HOST, other))
            return other
    return 0


class Listener:
    """Has a port, 0 for any that is free, from the start, and answers from :meth:`serve` until closed.

    Who asks before that waits.

    Raises
    ------
    LocalServiceError
        If the port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        require_free(port)
        self._server = make_server(HOST, port, Response(status=503), threaded=True, request_handler=_Quiet)
        self._thread: threading.Thread | None = None
        self.url = f"http://{HOST}:{self._server.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self, application: WSGIApplication) -> None:
        """Answer with an application, one thread per connection."""
        self._server.app = application
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests. Those at work go on until the process ends."""
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def access_log(application: WSGIApplication, write: Callable[[str], object]) -> WSGIApplication:
    """Give one line per request to ``write``: method, path, status, milliseconds."""

    def logged(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        statuses: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
            del exc_info
            statuses.append(status.partition(" ")[0])
            return start_response(status, headers)

        body = application(environ, start)
        took = (time.perf_counter() - began) * 1000
        write(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {''.join(statuses)} {took:.0f} ms\n")
        return body

    return logged


class _Quiet(WSGIRequestHandler):
    def handle_expect_100(self) -> bool:
        """Leave it to werkzeug to ask for the body: both would, and some clients expect one answer."""
        return True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  werkzeug's own signature
        """Write nothing: requests are logged elsewhere."""
