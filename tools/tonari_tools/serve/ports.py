"""Ports of this machine, and what a server on it cannot do."""

from __future__ import annotations

import socket

from tonari.errors import TonariError

HOST = "127.0.0.1"


class LocalServiceError(TonariError):
    """A server on this machine that cannot be started."""

    slug = "local-service"
    title = "A local server did not start"


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
            raise LocalServiceError(
                f"Port {port} of {HOST} cannot be used ({error.strerror}). Stop what listens there or choose another: "
                "--port NUMBER, or --port 0 for any that is free."
            ) from error
