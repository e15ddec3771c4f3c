"""Checks signatures as the stand-in for OpenSearch Serverless does [AWS, Create a signed AWS API request].

They have to be for the service ``aoss`` and to have the header ``x-amz-content-sha256`` [AWS, Signing HTTP requests to
Amazon OpenSearch Serverless: "You must include this header"; apache/flink-agents, pull request 678: 403 without it].
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote, unquote

KEY, SECRET, REGION = "AKIDSTANDIN", "of-the-stand-in/alone", "us-east-1"
SERVICE = "aoss"
HASHED = "x-amz-content-sha256"


def why_unsigned(method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
    """Say what is wrong with the signature of a request to the stand-in; empty if it is right.

    Parameters
    ----------
    target
        Path and parameters, as they arrived.
    headers
        By name in small letters.
    """
    given = headers.get("authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        return "it is not signed with Signature Version 4"
    parts = dict(part.strip().split("=", 1) for part in given.split(" ", 1)[1].split(","))
    moment, names = headers.get("x-amz-date", ""), parts.get("SignedHeaders", "").split(";")
    scope = f"{moment[:8]}/{REGION}/{SERVICE}/aws4_request"
    if parts.get("Credential") != f"{KEY}/{scope}":
        return f"its credential is not {KEY}/{scope}"
    if headers.get(HASHED) != hashlib.sha256(body).hexdigest():
        return f"{HASHED} is not the hash of its body"
    if not {"host", "x-amz-date", HASHED} <= set(names) or not set(names) <= set(headers):
        return "not all headers that have to be are signed"
    canonical = _canonical(method, target, {name: headers[name] for name in names}, body)
    if not hmac.compare_digest(parts.get("Signature", ""), _signature(canonical, moment, scope)):
        return "its signature is another one"
    return ""


def _canonical(method: str, target: str, signed: Mapping[str, str], body: bytes) -> str:
    path, _, query = target.partition("?")
    pairs = sorted(one.partition("=")[::2] for one in query.split("&") if one)
    return "\n".join([
        method,
        quote(path, safe="/-_.~"),
        "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs),
        *(f"{name}:{' '.join(value.split())}" for name, value in signed.items()),
        "",
        ";".join(signed),
        hashlib.sha256(body).hexdigest(),
    ])  # fmt: skip


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _signature(canonical: str, moment: str, scope: str) -> str:
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()
