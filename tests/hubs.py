"""A hub as Hugging Face's, on this machine: its API, files, redirects to another host, and what goes wrong there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 1_000
"""From so many bytes on a file lies in Git LFS."""


@dataclass
class Repository:
    """What a repository has, and how it misbehaves.

    ``cut`` has, by name, after how many bytes a transfer breaks off, once for each number; ``other`` bytes that are
    sent instead; ``failing`` how often a server error comes first.
    """

    files: dict[str, bytes]
    licence: str = "mit"
    branch: str = "main"
    cut: dict[str, list[int]] = field(default_factory=dict)
    other: dict[str, bytes] = field(default_factory=dict)
    failing: int = 0
    status: int = 0

    @property
    def commit(self) -> str:
        digests = [name.encode() + hashlib.sha256(data).digest() for name, data in sorted(self.files.items())]
        return hashlib.sha1(b"".join(digests), usedforsecurity=False).hexdigest()

    def siblings(self) -> list[dict[str, Any]]:
        return [_sibling(name, data) for name, data in self.files.items()]


def _sibling(name: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
    said: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob}
    if len(data) >= LARGE:
        said["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return said


@dataclass
class Hub:
    """An address, the repositories there by name, and the requests that came: path and range."""

    url: str
    repositories: dict[str, Repository]
    requests: list[tuple[str, str | None]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    hub: Hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((path, self.headers.get("Range")))
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._list(*found.groups())
        elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._send(self.hub.repositories[found[1]], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]+)/(.+)", path):
            self._resolve(*found.groups())
        else:
            self._answer(404, b"{}")

    def _list(self, name: str, revision: str) -> None:
        one = self.hub.repositories.get(name)
        if one is None:
            self._answer(404, b'{"error": "Repository not found"}')
        elif one.status:
            self._answer(one.status, b"{}")
        elif revision not in {one.branch, one.commit}:
            self._answer(404, b'{"error": "Invalid rev id"}')
        else:
            card = {"license": one.licence} if one.licence else {}
            said = {"id": name, "sha": one.commit, "cardData": card, "siblings": one.siblings()}
            self._answer(200, json.dumps(said).encode())

    def _resolve(self, name: str, commit: str, file: str) -> None:
        one = self.hub.repositories.get(name)
        if one is None or commit != one.commit or file not in one.files:
            self._answer(404, b"Entry not found")
        elif one.failing:
            one.failing -= 1
            self._answer(503, b"")
        elif len(one.files[file]) >= LARGE:
            linked = {"X-Repo-Commit": commit, "X-Linked-Size": str(len(one.files[file]))}
            self._answer(302, b"", {**linked, "Location": f"{self.hub.url}/cdn/{name}/{file}"})
        else:
            self._send(one, file)

    def _send(self, one: Repository, file: str) -> None:
        data = one.other.get(file, one.files[file])
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        body = data[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if breaks := one.cut.get(file):
            self.wfile.write(body[: breaks.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running_hub(**repositories: Repository) -> Iterator[Hub]:
    """Run a hub; names are written with ``__`` for the slash and ``_`` for a hyphen, or added to it later."""
    hub = Hub("", {name.replace("__", "/"): one for name, one in repositories.items()})
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = hub
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
