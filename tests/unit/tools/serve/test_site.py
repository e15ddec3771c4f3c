"""The API over WSGI: what a request becomes, limits, pages of this machine, files behind links."""

from __future__ import annotations

import json
import socket
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import urllib3
from werkzeug.test import Client

from tonari.api.http import Request, Response
from tonari.storage.folder import FolderBucket
from tonari_tools.serve.buckets import is_folder
from tonari_tools.serve.listener import Listener
from tonari_tools.serve.site import MOST_BODY_BYTES, MOST_PICTURE_BYTES, Site


def echo(request: Request) -> Response:
    value: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "type": request.media_type,
        "encoding": request.encoding,
        "bytes": len(request.body),
    }
    return Response(201, json.dumps(value).encode(), headers={"x-own": "1"})


@pytest.fixture
def bucket(tmp_path: Path) -> FolderBucket:
    return FolderBucket(tmp_path, "http://localhost/files/catalogue")


@pytest.fixture
def site(bucket: FolderBucket) -> Client:
    return Client(Site(echo, {"catalogue": bucket}))


def test_a_request_is_passed_on(site: Client) -> None:
    answer = site.post("/v1/caf%C3%A9/x?a=1&a=%2B&empty=", data=b"{}", content_type="Application/JSON; charset=utf-8")
    assert (answer.status_code, answer.mimetype, answer.headers["x-own"]) == (201, "application/json", "1")
    assert answer.json == {
        "method": "POST",
        "path": "/v1/café/x",
        "query": [["a", "1"], ["a", "+"], ["empty", ""]],
        "type": "application/json",
        "encoding": "",
        "bytes": 2,
    }
    packed = site.patch("/x", data=b"123", content_type="image/png", headers={"Content-Encoding": "gzip"})
    assert (packed.json["method"], packed.json["encoding"], packed.json["bytes"]) == ("PATCH", "gzip", 3)


@pytest.mark.parametrize(
    ("asked", "path", "query"),
    [
        ("/v1/items/%ED%A0%BD", "/v1/items/\udced\udca0\udcbd", []),
        ("/v1/caf%E9/x?a=%FF", "/v1/caf\udce9/x", [["a", "\udcff"]]),
        ("/v1/items/a%2525%20%E2%80%AF+?view=a%2Bb+c", "/v1/items/a%25 \u202f+", [["view", "a+b c"]]),
    ],
)
def test_bytes_that_are_not_utf_8_are_kept_for_the_application_to_refuse(
    bucket: FolderBucket, asked: str, path: str, query: list[list[str]]
) -> None:
    with Listener() as listener:
        listener.serve(Site(echo, {"catalogue": bucket}))
        answer = urllib3.request("GET", f"{listener.url}{asked}").json()

    assert (answer["path"], answer["query"]) == (path, query)


def exchange(bucket: FolderBucket, sent: bytes) -> tuple[bytes, bytes]:
    """Send bytes to a server, and no more; gives the status line and the body of the answer."""
    with Listener() as listener:
        listener.serve(Site(echo, {"catalogue": bucket}))
        with socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2])), timeout=10) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], body


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/caf\u00e9?a=\u00e9".encode(), "/caf\u00e9", [["a", "\u00e9"]]),
        (b"/caf\xe9?a=\xe9", "/caf\udce9", [["a", "\udce9"]]),
        (b"/v1//items?a=b?c#d", "/v1//items", [["a", "b?c"]]),
        (b"http://localhost/v1/items?k=1", "/v1/items", [["k", "1"]]),
    ],
)
def test_bytes_that_are_not_percent_encoded(
    bucket: FolderBucket, target: bytes, path: str, query: list[list[str]]
) -> None:
    _, body = exchange(bucket, b"GET " + target + b" HTTP/1.1\r\n\r\n")
    answer = json.loads(body)
    assert (answer["path"], answer["query"]) == (path, query)


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 9\r\n\r\n123", b"Transfer-Encoding: chunked\r\n\r\nx\r\n123"], ids=["cut", "chunks"]
)
def test_a_body_that_does_not_arrive_whole(
    bucket: FolderBucket, capfd: pytest.CaptureFixture[str], rest: bytes
) -> None:
    status, body = exchange(bucket, b"POST /v1/search HTTP/1.1\r\n" + rest)

    assert (status.split()[1], json.loads(body)["type"]) == (b"400", "urn:tonari:problem:invalid-request")
    assert "did not arrive whole: send the request again" in json.loads(body)["detail"]
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("media_type", "most"), [("image/jpeg", MOST_PICTURE_BYTES), ("application/json", MOST_BODY_BYTES)]
)
def test_bodies_are_limited_as_on_aws(site: Client, media_type: str, most: int) -> None:
    assert site.post("/v1/search", data=bytes(most), content_type=media_type).json["bytes"] == most
    refused = site.post("/v1/search", data=bytes(most + 1), content_type=media_type)
    assert (refused.status_code, refused.mimetype) == (413, "application/problem+json")
    assert refused.json["type"] == "urn:tonari:problem:too-large"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:5173", True), ("http://127.0.0.1", True), ("https://evil.example", False), ("null", False)],
)
def test_pages_of_this_machine_may_ask(site: Client, origin: str, *, allowed: bool) -> None:
    preflight = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    answer = site.options("/v1/items/7", headers=preflight)
    assert answer.status_code == 204
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
    methods = answer.headers.get("access-control-allow-methods", "").split(",")
    assert ({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} <= {*methods}) is allowed
    headers = answer.headers.get("access-control-allow-headers", "").split(",")
    assert ({"content-type", "content-encoding"} <= {*headers}) is allowed
    shown = site.get("/", headers={"Origin": origin})
    assert shown.headers.get("access-control-allow-origin") == (origin if allowed else None)


def test_files_need_a_link(site: Client, bucket: FolderBucket) -> None:
    bucket.put("images/7/a b.png", b"picture")
    link = bucket.presign_get("images/7/a b.png", 60).removeprefix("http://localhost")
    shown = site.get(link)
    assert (shown.data, shown.mimetype) == (b"picture", "image/png")
    assert shown.headers["content-security-policy"] == "sandbox"
    assert site.get("/files/catalogue/images/7/a%20b.png").status_code == 403
    assert site.get(link.replace("7", "8", 1)).status_code == 403
    assert site.put(link).status_code == 405
    assert site.post("/files/catalogue", data={"key": "head.json"}).status_code == 403
    assert site.get("/files/elsewhere/x").json["path"] == "/files/elsewhere/x"
    bucket.delete("images/7/a b.png")
    assert site.get(link).status_code == 404


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        *((f"a.{suffix}", "image/jpeg") for suffix in ("jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "JFIF")),
        ("a.webp", "image/webp"),
        ("a.gif", "image/gif"),
        ("a.html", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_pictures_are_called_what_they_are(site: Client, bucket: FolderBucket, name: str, media_type: str) -> None:
    bucket.put(f"images/7/{name}", b"picture")
    link = bucket.presign_get(f"images/7/{name}", 60).removeprefix("http://localhost")

    shown, head = site.get(link), site.head(link)

    assert (shown.mimetype, head.mimetype, head.data) == (media_type, media_type, b"")
    assert head.content_length == len(b"picture")


def test_an_uploaded_picture_has_a_name_in_nfc(site: Client, bucket: FolderBucket) -> None:
    form = bucket.presign_post("images/7/${filename}", 100, 60)

    def upload(name: str, data: bytes) -> int:
        parts = {**form.fields, "Content-Type": "image/png", "file": (BytesIO(data), name)}
        return site.post("/files/catalogue", data=parts, content_type="multipart/form-data").status_code

    assert upload("caf\u00e9 \u202f.png", b"first") == 204
    assert upload("cafe\u0301 \u202f.png", b"second") == 204

    assert [(one.key, bucket.get(one.key).data) for one in bucket.list("")] == [
        ("images/7/caf\u00e9 \u202f.png", b"second")
    ]


def test_an_uploaded_picture_needs_a_name(site: Client, bucket: FolderBucket) -> None:
    form = bucket.presign_post("images/7/${filename}", 100, 60)
    about = {**form.fields, "Content-Type": "image/png"}
    parts = [f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{about[name]}\r\n' for name in about]
    file = '--edge\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\nx\r\n--edge--\r\n'
    body = "".join([*parts, file]).encode()

    refused = site.post("/files/catalogue", data=body, content_type="multipart/form-data; boundary=edge")

    assert (refused.status_code, "has no name" in refused.json["detail"]) == (403, True)
    assert not list(bucket.list(""))


def test_folders_are_told_from_names_on_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for name in ("there", "./new", "/abs", "a/b", "~/x", "C:\\x", ".."):
        assert is_folder(name), name
    for name in ("my-bucket", "my.bucket"):
        assert not is_folder(name), name
