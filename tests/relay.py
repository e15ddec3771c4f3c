"""A TCP relay before a server, whose connections can die in the ways in which they do while a machine sleeps."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import Literal, Self
from urllib.parse import urlsplit

Death = Literal["closed", "reset", "silent"]
"""The other end said goodbye; it says that it knows of no such connection; nothing comes from it any more."""
DEATHS: tuple[Death, ...] = ("closed", "reset", "silent")
CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes bytes on between whoever connects to ``url`` and a server.

    Parameters
    ----------
    swallowed
        Bytes that came for the server over connections that are silent.
    """

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._server = parts.hostname or "", parts.port or 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._silent: list[_Pair] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.end_all("closed")
        for pair in self._silent:
            pair.die("closed")

    @property
    def swallowed(self) -> int:
        return sum(pair.swallowed for pair in self._silent)

    def end_all(self, death: Death) -> int:
        """End the connections that there are; new ones are passed on as before. Gives how many there were."""
        with self._lock:
            pairs, self._pairs = [pair for pair in self._pairs if pair.alive], []
        for pair in pairs:
            pair.die(death)
        self._silent += pairs if death == "silent" else []
        return len(pairs)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                pair = _Pair(client, socket.create_connection(self._server))
                with self._lock:
                    self._pairs.append(pair)
                threading.Thread(target=pair.run, daemon=True).start()


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client, self._server = client, server
        self._silent = False
        self.alive = True
        self.swallowed = 0

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while self._pass_on():
                pass
        self.alive = False
        self._client.close()
        self._server.close()

    def _pass_on(self) -> bool:
        for ready in select.select([self._client, self._server], [], [])[0]:
            data = ready.recv(CHUNK)
            if self._silent:
                self.swallowed += len(data) if ready is self._client else 0
            elif data:
                (self._server if ready is self._client else self._client).sendall(data)
            if not data:
                return False
        return True

    def die(self, death: Death) -> None:
        if death == "silent":
            self._silent = True
            return
        if death == "reset":
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
