"""The rules of OpenSearch Serverless' collections of type VECTORSEARCH, as its stand-in holds to them.

Those of the first generation ("Classic") are the narrower ones: whoever holds to them is taken by the newer ones too.

- Operations: [AWS, Supported operations and plugins in Amazon OpenSearch Serverless, serverless-genref]. Anything else
  is answered 404 with an empty body [opensearch-project/k-NN, issue 1037: ``_refresh``;
  opensearch-project/opensearch-java, issue 1112: ``_delete_by_query``; fluent/fluent-plugin-opensearch, issue 126:
  ``GET /``]. The stand-in knows those of them that the adapter uses, and few more.
- "For time series and vector search collections, you can't index by custom document ID or update by upsert requests"
  [AWS, What is Amazon OpenSearch Serverless, Choosing a collection type]. In a bulk request each such item is answered
  400, ``illegal_argument_exception`` [langchain-ai/langchainjs, issue 4346; aws/aws-sdk-pandas, pull request 2784].
- "Vector search collections don't support the Apache Lucene ANN engine"; "support only the HNSW algorithm with Faiss";
  "don't support inline or stored scripts"; "the refresh interval for indexes on vector search collections is 60
  seconds" [AWS, Working with vector search collections, Limitations (Classic)]; 10 in newer ones [same page, NextGen].
  What a script or another engine is answered, nobody tells: here it is 400.
- A refresh that is asked for is answered 400, "true refresh policy is not supported" [argilla-io/argilla, pull request
  3251], and of ``timeout`` and ``master_timeout`` most are refused [opensearch-project/opensearch-spark, issue 634].
  Here every parameter is refused, so that no unknown one is relied on.
- An index that rows are added to is made if it is not there, as in OpenSearch.
- A request has at most 10 MiB [AWS, Migration Assistant for Amazon OpenSearch Service, Limits and considerations].
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

MOST_BYTES = 10 * 1024 * 1024
REFRESH = "1s"
"""Instead of a minute, for tests."""
INDEX = r"/[^/_][^/]*"
OPERATIONS = [
    re.compile(pattern)
    for pattern in (
        rf"(PUT|GET|HEAD|DELETE) {INDEX}",
        rf"(GET|PUT) {INDEX}/_mapping",
        "GET /_mapping",
        rf"POST {INDEX}/_(bulk|doc)",
        rf"DELETE {INDEX}/_doc/[^/]+",
        rf"(GET|POST) {INDEX}/_(search|count|mget)",
        "POST /_aliases",
        r"GET /_alias(/[^/]+)?",
    )
]
ID_REFUSED = "Document ID is not supported in create/index operation request"
ILLEGAL = "illegal_argument_exception"


@dataclass(frozen=True, slots=True)
class Request:
    """What the stand-in is asked."""

    method: str
    path: str
    parameters: str
    body: bytes


@dataclass(frozen=True)
class RefusedByRulesError(Exception):
    """A rule of Serverless refuses a request; the stand-in answers so."""

    status: int
    body: Any


def translated(request: Request) -> Request:
    """Give what the stand-in asks OpenSearch instead: the same, but for the engine of vectors and the refresh interval.

    Raises
    ------
    RefusedByRulesError
        If Serverless would refuse it.
    """
    if len(request.body) > MOST_BYTES:
        raise RefusedByRulesError(413, {"Message": f"Request size exceeded {MOST_BYTES} bytes"})
    if not any(operation.fullmatch(f"{request.method} {request.path}") for operation in OPERATIONS):
        raise RefusedByRulesError(404, b"")
    if request.parameters:
        name, _, value = request.parameters.partition("=")
        refresh = f"{value or 'true'} refresh policy is not supported"
        raise _illegal(refresh if name == "refresh" else f"the parameter {name} is not supported")
    if request.path.endswith("_bulk"):
        return request
    said = json.loads(request.body or b"{}")
    if name := next(_scripts(said), ""):
        raise _illegal(f"inline and stored scripts are not supported: [{name}]")
    if request.method == "PUT" and request.path.count("/") == 1:
        return replace(request, body=json.dumps(_index(said)).encode())
    return request


def parted(request: Request) -> tuple[bytes, list[dict[str, Any] | None]]:
    """Take a bulk request to the stand-in apart: what OpenSearch is asked of it, and what the refused rest is answered.

    Returns
    -------
    body
        Empty if all of it is refused.
    answers
        Of each item; None of one that OpenSearch answers.
    """
    lines, kept, answers = iter(request.body.splitlines(keepends=True)), list[bytes](), list[dict[str, Any] | None]()
    for line in lines:
        ((action, about),) = json.loads(line).items()
        own = [line] if action == "delete" else [line, next(lines)]
        if action == "delete" or (action in ("index", "create") and "_id" not in about):
            kept += own
            answers.append(None)
            continue
        error = {"type": ILLEGAL, "reason": ID_REFUSED}
        answers.append({action: {"_index": request.path.split("/")[1], **about, "status": 400, "error": error}})
    return b"".join(kept), answers


def joined(answers: list[dict[str, Any] | None], said: dict[str, Any]) -> dict[str, Any]:
    """Give the stand-in's answer to a bulk request, in the order of its items."""
    rest = iter(said.get("items", ()))
    items = [next(rest) if answer is None else answer for answer in answers]
    return {**said, "errors": bool(said.get("errors") or any(answers)), "items": items}


def _index(said: dict[str, Any]) -> dict[str, Any]:
    """Let vectors be kept by Lucene, as the OpenSearch behind the stand-in has no native code."""
    for about in _vectors(said.get("mappings", {})):
        method = about.get("method", {})
        if (method.get("name"), method.get("engine")) != ("hnsw", "faiss"):
            raise _illegal("only the HNSW algorithm with the engine faiss is supported, and filters need it")
        method["engine"] = "lucene"
    settings = said.setdefault("settings", {})
    settings.setdefault("index", {})["refresh_interval"] = REFRESH
    return said


def _vectors(said: Any) -> Iterator[dict[str, Any]]:
    if isinstance(said, dict):
        if said.get("type") == "knn_vector":
            yield said
        for value in said.values():
            yield from _vectors(value)


def _scripts(said: Any) -> Iterator[str]:
    for name, value in said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ():
        if isinstance(name, str) and name.startswith("script"):
            yield name
        yield from _scripts(value)


def _illegal(reason: str) -> RefusedByRulesError:
    cause = {"type": ILLEGAL, "reason": reason}
    return RefusedByRulesError(400, {"error": {"root_cause": [cause], **cause}, "status": 400})
