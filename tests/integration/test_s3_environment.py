"""What the user's environment says of the network and of AWS, and what an S3 that refuses is told to be."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from aws.services import Endpoint
from conftest import Buckets
from tonari.errors import SettingError, StoreError
from tonari.storage.s3 import S3Bucket

NOBODY = "http://127.0.0.1:9"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture
def sink() -> Iterator[tuple[str, list[str]]]:
    """A proxy or an S3 that nothing should be sent to; gives its URL and what was sent nevertheless."""
    seen: list[str] = []

    class Sink(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(403)
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_POST = do_HEAD = do_DELETE = do_CONNECT = do_GET  # noqa: N815  the base class's naming

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@pytest.fixture
def no_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", *PROXIES):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("named_by", ["argument", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.usefixtures("no_exceptions")
def test_no_proxy_leads_to_an_s3_on_this_machine(
    host: str,
    named_by: str,
    on_seaweed: Endpoint,
    buckets: Buckets,
    sink: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, seen = sink
    for name in PROXIES:
        monkeypatch.setenv(name, proxy)
    url = on_seaweed.url.replace("127.0.0.1", host)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    if named_by != "argument":
        monkeypatch.setenv(named_by, url)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    bucket = S3Bucket(buckets.artefacts, endpoint=url if named_by == "argument" else "")
    bucket.put("key", b"x")
    assert bucket.get("key").data == b"x"
    assert bucket.presign_get("key", 60).startswith(url)
    assert bucket.presign_post("uploads/x", 10, 60).url.startswith(url)
    assert seen == []


@pytest.mark.usefixtures("no_exceptions")
def test_a_proxy_still_leads_to_aws(
    on_seaweed: Endpoint, sink: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    del on_seaweed
    proxy, seen = sink
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(StoreError, match="proxy"):
        S3Bucket("photographs").get("key")
    assert set(seen) == {"photographs.s3.amazonaws.com:443"}


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_that_is_given_beats_variables_and_profiles(
    variable: str,
    on_seaweed: Endpoint,
    buckets: Buckets,
    sink: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other, seen = sink
    (tmp_path / "config").write_text(
        f"[default]\nendpoint_url = {other}\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = {other}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv(variable, other)
    for ignored in ("false", "true"):
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", ignored)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        S3Bucket(buckets.artefacts, endpoint=on_seaweed.url).put("key", b"x")
    assert seen == []


ASK = """
import sys
from tonari.errors import TonariError
from tonari.storage.s3 import S3Bucket
try:
    S3Bucket("photographs").get("key")
except TonariError as error:
    print(type(error).__name__, error)
"""
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
DEAD = {"AWS_ENDPOINT_URL": NOBODY, "AWS_MAX_ATTEMPTS": "1"}
CONFIGS = {
    "broken": "[default\n",
    "sso": "[default]\nsso_session = a\nsso_account_id = 1\nsso_role_name = r\n"
    "[sso-session a]\nsso_region = eu-west-1\nsso_start_url = https://a.example/start\n",
    "process": "[default]\ncredential_process = false\n",
}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_PROFILE": "unknown"}, "(unknown) could not be found. `aws configure list-profiles` shows which"),
        ({"AWS_CONFIG_FILE": "broken"}, "Correct that file, or name another one by AWS_CONFIG_FILE."),
        ({}, "Unable to locate credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"),
        ({"AWS_ACCESS_KEY_ID": "a"}, "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither."),
        ({"AWS_CONFIG_FILE": "sso"}, "Sign in again (`aws sso login`"),
        ({"AWS_CONFIG_FILE": "process"}, "Sign in again"),
        (KEYS | DEAD, "Is a server running there? Check --endpoint-url, AWS_ENDPOINT_URL, AWS_REGION"),
        (
            KEYS | {"AWS_ENDPOINT_URL": "localhost:9000"},
            "SettingError Invalid endpoint: localhost:9000. An endpoint is",
        ),
        (KEYS | {"AWS_ENDPOINT_URL": "ftp://localhost"}, "An endpoint is a URL such as http://127.0.0.1:9000."),
        (KEYS | {"https_proxy": NOBODY}, "The proxy of HTTPS_PROXY or HTTP_PROXY does not answer"),
    ],
)
def test_what_is_wrong_with_the_environment_is_said_with_the_remedy(
    variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, text in CONFIGS.items():
        (tmp_path / name).write_text(text)
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment |= {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"} | variables
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert said in done.stdout
    assert done.stdout.count("\n") == 1


def test_what_s3_refuses_is_said_with_the_remedy(
    on_seaweed: Endpoint, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value, said in (
        ("AWS_ACCESS_KEY_ID", "nobody", "The server does not know this access key."),
        ("AWS_SECRET_ACCESS_KEY", "wrong", "The secret key is not the one of this access key."),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            with pytest.raises(StoreError, match=said):
                S3Bucket(buckets.artefacts).get("key")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(StoreError, match="http or https"):
        S3Bucket(buckets.artefacts, endpoint=on_seaweed.url.replace("http:", "https:")).get("key")
    with pytest.raises(SettingError, match="An endpoint is a URL"):
        S3Bucket(buckets.artefacts, endpoint="localhost:1")


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (400, "ExpiredToken", "Sign in again"),
        (400, "InvalidToken", "Sign in again"),
        (301, "PermanentRedirect", "set AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "set AWS_REGION"),
        (403, "AccessDenied", "docs/deploy.md has the permissions"),
        (403, "RequestTimeTooSkewed", "clock is wrong"),
    ],
)
def test_what_to_do_when_s3_refuses_is_said(
    status: int, code: str, remedy: str, on_seaweed: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    del on_seaweed  # whose credentials are set
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>It says so</Message></Error>".encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        bucket = S3Bucket("photographs", endpoint=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(StoreError, match=rf"{code} It says so\. .*{remedy}"):
            bucket.get("key")
        server.shutdown()
