"""Signatures as AWS checks them, computed anew here by the published algorithm."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tonari.contract.database import Access
from tonari.engines.databases import serverless
from tonari.engines.databases.lucene.http import Http
from tonari.engines.databases.lucene.signed import Signer
from tonari.engines.databases.opensearch import connect, service_of
from tonari.errors import EngineUnavailableError
from unit.engines.databases.lucene.servers import Asked, serving

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token="


def signature(asked: Asked, secret: str, region: str, service: str) -> tuple[str, str]:
    """Give the signature that a request carries, and the one it should [AWS, Create a signed AWS API request]."""
    parts = dict(part.strip().split("=", 1) for part in asked.headers["authorization"].split(" ", 1)[1].split(","))
    names = parts["SignedHeaders"].split(";")
    assert {"host", "x-amz-date"} <= set(names)
    path, _, query = asked.path.partition("?")
    pairs = sorted(tuple(one.partition("=")[::2]) for one in query.split("&") if one)
    canonical = "\n".join([
        asked.method,
        quote(path, safe="/-_.~"),
        "&".join(f"{quote(unquote(name), safe='-_.~')}={quote(unquote(value), safe='-_.~')}" for name, value in pairs),
        *(f"{name}:{' '.join(asked.headers[name].split())}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(asked.body).hexdigest(),
    ])  # fmt: skip
    moment = asked.headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    assert parts["Credential"] == f"{KEY}/{scope}"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return parts["Signature"], key.hex()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)


def answer(asked: Asked, _number: int) -> tuple[int, Any]:
    return 200, {} if asked.method == "GET" else {"acknowledged": True}


@pytest.mark.usefixtures("credentials")
def test_requests_of_the_adapter_are_signed() -> None:
    with serving(answer) as server:
        database = connect(Access(server.url, region="eu-central-1"))
        assert database.collections() == {}
        database.point("live", "s_1")
        assert database.pointed("live") is None
        database.close()

    assert [asked.method for asked in server.asked] == ["GET", "POST", "GET"]
    for asked in server.asked:
        carried, right = signature(asked, SECRET, "eu-central-1", "es")
        assert carried == right
        assert signature(asked, "another", "eu-central-1", "es")[1] != carried
        assert asked.headers["x-amz-security-token"] == TOKEN
        assert asked.headers["x-amz-content-sha256"] == hashlib.sha256(asked.body).hexdigest()
        assert SECRET not in str(asked.headers)


@pytest.mark.usefixtures("credentials")
def test_parameters_are_signed_as_aws_reads_them() -> None:
    with serving(answer) as server:
        http = Http("OpenSearch", Access(server.url), sign=Signer("us-east-1", "aoss").headers)
        http.ask("POST", "/x/_bulk?a=b%20c&refresh", b"{}\n")
    (asked,) = server.asked
    carried, right = signature(asked, SECRET, "us-east-1", "aoss")
    assert carried == right


@pytest.mark.usefixtures("credentials")
def test_requests_to_serverless_are_signed_for_it() -> None:
    assert service_of("abc123.us-east-1.aoss.amazonaws.com") == "aoss"
    assert service_of("vpc-shop-abc.eu-west-1.es.amazonaws.com") == "es"
    with serving(answer) as server:
        serverless.connect(Access(server.url, region="us-east-1")).collections()
    (asked,) = server.asked
    carried, right = signature(asked, SECRET, "us-east-1", "aoss")
    assert carried == right
    assert asked.headers["x-amz-content-sha256"] == hashlib.sha256(b"").hexdigest()


def test_without_credentials_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    with serving(answer) as server, pytest.raises(EngineUnavailableError, match="give the function a role"):
        connect(Access(server.url, region="eu-west-1")).collections()
