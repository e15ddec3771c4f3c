"""The local server over real sockets: HEAD, what clients expect, errors, and bodies that are too large."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pictures
from api_app import app
from tonari_tools.serve.listener import Listener
from tonari_tools.serve.site import Site

PICTURE = pictures.encoded(pictures.photo(), "JPEG")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with Listener() as listener:
        listener.serve(Site(app(tmp_path_factory.mktemp("sockets")), {}))
        yield int(listener.url.rpartition(":")[2])


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        yield connection


def ask(connection: http.client.HTTPConnection, *request: Any, **more: Any) -> tuple[int, Any, bytes]:
    connection.request(*request, **more)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def raw(port: int, head: bytes, body: bytes = b"") -> bytes:
    """Send bytes as they are, and give all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
        return b"".join(iter(lambda: sock.recv(1 << 16), b""))


@pytest.mark.parametrize("path", ["/", "/v1/items", "/v1/items/item-1", "/v1/items/nobody", "/v2"])
def test_head_has_the_headers_of_get_and_no_body(port: int, connection: http.client.HTTPConnection, path: str) -> None:
    status, headers, body = ask(connection, "GET", path)

    answer = raw(port, b"HEAD %s HTTP/1.1\nHost: x\nConnection: close" % path.encode())

    head, _, behind = answer.partition(b"\r\n\r\n")
    assert behind == b""
    assert head.split()[1] == str(status).encode()
    assert f"content-length: {len(body)}" in head.decode().lower()
    assert f"content-type: {headers['content-type']}" in head.decode().lower()


def test_a_client_that_expects_to_be_asked_on(port: int) -> None:
    head = b"POST /v1/search?k=1 HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: %d\nConnection: close" % len(
        PICTURE
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(head.replace(b"\n", b"\r\n") + b"\r\n\r\n")
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        sock.sendall(PICTURE)
        answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
    assert b" 200 OK" in answer.splitlines()[0], "asked on once, not twice"


def test_the_next_request_after_an_error_is_answered(connection: http.client.HTTPConnection) -> None:
    for _ in range(2):
        assert ask(connection, "POST", "/v1/search", b"{", {"content-type": "application/json"})[0] == 400
        assert ask(connection, "POST", "/v2/nothing", PICTURE)[0] == 404
        assert ask(connection, "DELETE", "/v1/search", b"x" * 100_000)[0] == 405
        assert ask(connection, "GET", "/v1/items", b"{}")[0] == 200
        assert ask(connection, "GET", "/v1/items", b'{"k": 1}')[0] == 400
        assert ask(connection, "HEAD", "/v1/items")[0] == 200
        assert ask(connection, "GET", "/v1/health")[0] == 200


def test_headers_that_stand_twice(port: int) -> None:
    head = b"POST /v1/search HTTP/1.1\nHost: x\nContent-Type: image/jpeg\nContent-Type: image/png\nContent-Length: %d"
    assert b" 200 OK" in raw(port, head % len(PICTURE) + b"\nConnection: close", PICTURE).splitlines()[0]


@pytest.mark.parametrize("size", [4_400_001, 7_000_000, 70_000_000, 100_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_body_is_answered_and_not_cut_off(
    connection: http.client.HTTPConnection, size: int, *, chunked: bool
) -> None:
    whole = PICTURE + bytes(size - len(PICTURE))
    body: Any = (whole[start : start + 1_000_000] for start in range(0, size, 1_000_000)) if chunked else whole

    status, headers, answer = ask(
        connection, "POST", "/v1/search", body, {"content-type": "image/jpeg"}, encode_chunked=chunked
    )

    assert (status, headers["content-type"]) == (413, "application/problem+json")
    assert "POST /v1/uploads" in json.loads(answer)["detail"]


def test_preflights(connection: http.client.HTTPConnection) -> None:
    for method in ("PATCH", "PUT", "HEAD", "GET"):
        headers = {"origin": "http://localhost:5173", "access-control-request-method": method}
        status, said, _ = ask(connection, "OPTIONS", "/v1/items/a", headers=headers)
        assert (status, method in said["access-control-allow-methods"]) == (204, True)
    assert ask(connection, "OPTIONS", "/v1/items/a")[0] == 405


CURL = [
    ["--data-binary", "@photo.jpg"],
    ["--data-binary", "@photo.jpg", "-H", "content-type: image/jpeg"],
    ["-F", "image=@photo.jpg"],
    ["-F", "file=@photo.jfif;type=image/pjpeg", "-F", "exact=true"],
    ["--data-binary", "@photo.jpg.gz", "-H", "content-encoding: gzip"],
    ["-T", "photo.jpg", "-X", "POST"],
    ["--data-binary", "@photo.jpg", "-H", "transfer-encoding: chunked"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    (folder / "photo.jpg").write_bytes(PICTURE)
    (folder / "photo.jfif").write_bytes(PICTURE[:-2])
    subprocess.run(["gzip", "--keep", "photo.jpg"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("arguments", CURL, ids=" ".join)
def test_as_people_use_curl(port: int, folder: Path, arguments: list[str]) -> None:
    url = f"http://127.0.0.1:{port}/v1/search?k=2"
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", *arguments, url], cwd=folder, capture_output=True, text=True, check=True
    )

    assert len(json.loads(done.stdout)["items"]) == 2, done.stdout
