"""The API over WSGI: what a request becomes, limits, pages of this machine, files behind links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from tonari.api.http import Request, Response
from tonari.storage.folder import FolderBucket
from tonari_tools.serve.buckets import is_folder
from tonari_tools.serve.site import MOST_BODY_BYTES, MOST_PICTURE_BYTES, Site


def echo(request: Request) -> Response:
    value: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "type": request.media_type,
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
        "bytes": 2,
    }


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
    assert ("PUT" in answer.headers.get("access-control-allow-methods", "")) is allowed
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


def test_folders_are_told_from_names_on_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for name in ("there", "./new", "/abs", "a/b", "~/x", "C:\\x", ".."):
        assert is_folder(name), name
    for name in ("my-bucket", "my.bucket"):
        assert not is_folder(name), name
