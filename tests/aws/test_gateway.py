"""The gateway over real sockets, real environments, and the limits that AWS has."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from aws.environments import Environment
from aws.functions import MAX_REQUEST, Function, find_emulator
from aws.gateway import MAX_BODY, Gateway
from aws.lambda_api import LambdaApi
from aws.pool import Pool
from tonari_tools.serve.listener import Listener, LocalServiceError, access_log

HANDLER = """
import base64, pathlib, time

def handler(event, context):
    path = event.get("rawPath", "")
    if path == "/raise":
        raise ValueError("secret detail")
    if path == "/sleep":
        time.sleep(20)
    if path == "/malformed":
        return {"statusCode": 200, "body": {}}
    if path == "/long":
        return "x" * 7_000_000
    if path == "/picture":
        body = base64.b64encode(base64.b64decode(event["body"])[::-1]).decode()
        headers = {"Content-Type": "image/jpeg", "X-Who": "handler"}
        return {"statusCode": 201, "headers": headers, "cookies": ["a=1", "b=2"], "body": body, "isBase64Encoded": True}
    if "touch" in event:
        pathlib.Path(event["touch"]).write_text("touched")
    return event
"""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "handler.py").write_text(HANDLER, encoding="utf-8")
    emulator = find_emulator()
    function = Function("query", folder, {}, folder / "log", timeout=25)
    with Pool(lambda: Environment(function, emulator), size=4) as pool:
        yield pool


class Site:
    """A gateway's address and what it logged."""

    def __init__(self, port: int, access: list[str], log: list[str]) -> None:
        self.port, self.access, self.log = port, access, log

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


@pytest.fixture(scope="module")
def site(pool: Pool) -> Iterator[Site]:
    access: list[str] = []
    log: list[str] = []
    with (
        closing(Gateway(pool.invoke, log.append, timeout=2)) as gateway,
        Listener() as server,
    ):
        server.serve(access_log(gateway, access.append))
        yield Site(int(server.url.rpartition(":")[2]), access, log)


def test_a_request_becomes_an_event(site: Site):
    status, headers, body = site.ask(
        "POST", "/v1/caf%C3%A9?a=1&a=2", b'{"k": "\xc3\xa9"}', {"Content-Type": "text/json"}
    )
    event = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (event["rawPath"], event["rawQueryString"]) == ("/v1/café", "a=1&a=2")
    assert (event["body"], event["queryStringParameters"]) == ('{"k": "é"}', {"a": "1,2"})
    assert event["requestContext"]["http"] | {"userAgent": ""} == {
        "method": "POST",
        "path": "/v1/café",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "",
    }


def test_bytes_go_in_and_come_out(site: Site):
    picture = os.urandom(100_000)
    status, headers, body = site.ask("POST", "/picture", picture, {"Content-Type": "image/jpeg"})
    assert (status, headers["content-type"], headers["x-who"]) == (201, "image/jpeg", "handler")
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert body == picture[::-1]


def test_requests_are_logged_in_one_line(site: Site):
    site.ask("GET", "/logged?k=1")
    method, path, status, took, unit = site.access[-1].split()
    assert (method, path, status, unit) == ("GET", "/logged?k=1", "200", "ms")
    assert int(took) >= 0


@pytest.mark.parametrize("size", [MAX_BODY + 1, MAX_REQUEST, 40_000_000])
def test_too_large_a_body_is_refused(site: Site, size: int):
    status, _, body = site.ask("POST", "/picture", bytes(size), {"Content-Type": "image/jpeg"})
    assert (status, json.loads(body)) == (413, {"message": "Request Entity Too Large"})


def test_a_body_without_a_length_is_read_and_limited(site: Site):
    def ask(count: int) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection:
            chunks = (b"x" * 100_000 for _ in range(count))
            connection.request("POST", "/", chunks, {"Content-Type": "text/plain"}, encode_chunked=True)
            answer = connection.getresponse()
            return answer.status, answer.read()

    status, body = ask(3)
    assert (status, len(json.loads(body)["body"])) == (200, 300_000)
    assert ask(200)[0] == 413


@pytest.mark.parametrize("path", ["/raise", "/malformed", "/long"])
def test_a_function_that_fails_is_not_shown(site: Site, path: str):
    status, _, body = site.ask("GET", path)
    assert (status, json.loads(body)) == (500, {"message": "Internal Server Error"})
    assert path in site.log[-1]


def test_a_slow_function_is_given_up(site: Site):
    status, _, body = site.ask("GET", "/sleep")
    assert (status, json.loads(body)) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:5173", True), ("http://127.0.0.1", True), ("https://evil.example", False), ("null", False)],
)
def test_pages_of_this_machine_may_ask(site: Site, origin: str, *, allowed: bool):
    preflight = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    status, headers, _ = site.ask("OPTIONS", "/v1/items/7", headers=preflight)
    assert status == 204
    assert headers["access-control-allow-origin"] == (origin if allowed else None)
    assert ("PUT" in headers.get("access-control-allow-methods", "")) is allowed
    assert site.ask("GET", "/", headers={"Origin": origin})[1]["access-control-allow-origin"] == (
        origin if allowed else None
    )


def test_hanging_up_early_harms_nobody(site: Site):
    with socket.create_connection(("127.0.0.1", site.port)) as half:
        half.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    assert site.ask("GET", "/")[0] == 200


def test_a_taken_port_is_refused(site: Site):
    with pytest.raises(LocalServiceError, match=f"Port {site.port} .*choose another"):
        Listener(site.port)


@pytest.fixture
def functions(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    log: list[str] = []
    with closing(LambdaApi({"query": pool.invoke}, log.append)) as api, Listener() as server:
        server.serve(api)
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        session = boto3.session.Session("key", "secret", region_name="us-east-1")
        with closing(session.client("lambda")) as client:
            yield client


def test_lambda_answers_at_once(functions: Any):
    answer = functions.invoke(FunctionName="query", Payload=b'{"a": "\xc3\xa9"}')
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads(answer["Payload"].read()) == {"a": "é"}
    assert "FunctionError" not in answer
    arn = functions.invoke(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:query")
    assert json.loads(arn["Payload"].read()) == {}


def test_lambda_reports_errors(functions: Any):
    answer = functions.invoke(FunctionName="query", Payload=b'{"rawPath": "/raise"}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*nobody"):
        functions.invoke(FunctionName="nobody")
    with pytest.raises(ClientError, match="RequestTooLargeException"):
        functions.invoke(FunctionName="query", Payload=json.dumps("x" * MAX_REQUEST))
    assert functions.invoke(FunctionName="query", InvocationType="DryRun")["StatusCode"] == 204


def test_lambda_runs_events_later(functions: Any, tmp_path: Path):
    touched = tmp_path / "touched"
    event = json.dumps({"touch": str(touched)})
    assert functions.invoke(FunctionName="query", InvocationType="Event", Payload=event)["StatusCode"] == 202
    wait = threading.Event()
    while not touched.exists():
        wait.wait(0.02)


def test_a_route_has_its_function_and_all_else_goes_to_the_default():
    def answering(name: str) -> Any:
        return lambda _: json.dumps({"statusCode": 200, "body": name}).encode()

    routes = {"PUT /v1/items/{id}": answering("items"), "GET /v1/a.b": answering("dot")}
    with closing(Gateway(answering("default"), print, routes=routes)) as gateway, Listener() as server:
        server.serve(gateway)
        site = Site(int(server.url.rpartition(":")[2]), [], [])
        found = {
            asked: site.ask(*asked.split())[2].decode()
            for asked in (
                "PUT /v1/items/7",
                "PUT /v1/items/caf%C3%A9%2F7?k=1",
                "PUT /v1/items/7/image",
                "PUT /v1/items/",
                "GET /v1/items/7",
                "GET /v1/a.b",
                "GET /v1/aXb",
            )
        }
    assert list(found.values()) == ["items", "items", "default", "default", "default", "dot", "default"]
