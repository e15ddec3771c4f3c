"""A snapshot whose candidates are found by rotated vectors, served by functions that have just started."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3

from aws.services import Endpoint
from aws.stack import Stack, deployed
from generations import Generation, make_live, pictures, write_generation
from tonari.api.app import App
from tonari.api.http import Request
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.storage.s3 import S3Bucket

ITEMS = 120
PAGE = 50
OWN = ("took_ms", "next")


@pytest.fixture(scope="module")
def stack(ministack: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployed(ministack, tmp_path_factory.mktemp("cloud")) as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in ministack.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        yield stack


@pytest.fixture(scope="module")
def live(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """So few items are rotated here only, where the snapshot is built: the functions have no such setting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tonari.index.shortening.CELLS_FROM_BYTES", 0)
        patch.setattr("tonari.index.shortening.STRIVEN_FOR", 0.5)
        artefacts = S3Bucket(stack.artefacts)
        written = write_generation(artefacts, "even", ITEMS, tmp_path_factory.mktemp("build"))
    make_live(artefacts, written)
    return written


def test_functions_answer_by_estimates_and_then_as_one_process_does(
    stack: Stack, live: Generation, tmp_path: Path
) -> None:
    artefacts = S3Bucket(stack.artefacts)
    reader = Reader(artefacts, tmp_path, 3600.0, BuiltinOpening(), print)
    assert not reader.current().snapshot.whole
    app = App(reader, S3Bucket(stack.catalogue), artefacts)

    with urllib3.PoolManager(timeout=60) as http:

        def cloud(body: bytes, media_type: str) -> tuple[int, dict[str, Any]]:
            sent = {"content-type": media_type}
            answer = http.request("POST", f"{stack.url}/v1/search", body=body, headers=sent, retries=False)
            return answer.status, json.loads(answer.data)

        for number, picture in enumerate(pictures()):
            status, answer = cloud(picture, "image/png")
            assert (status, live.mistake(number, answer)) == (200, "")
            if number == 0:
                assert (answer["plan"]["vectors"], answer["plan"]["exact"]) == ("rotated", False)
        asked: list[dict[str, Any]] = [
            {"id": "picture-1", "k": PAGE, "exact": True},
            {"id": "picture-1", "k": PAGE, "filter": {"price": {"$lt": 60}}, "exact": True},
            {"examples": {"positive": ["picture-2"], "negative": ["item-00001"]}, "k": PAGE, "exact": True},
        ]
        for one in asked:
            body = json.dumps(one).encode()
            status, there = cloud(body, "application/json")
            here = json.loads(app(Request("POST", "/v1/search", (), "application/json", body)).body)
            assert (status, there["plan"]["vectors"], there["plan"]["exact"]) == (200, "full", True)
            assert [item["id"] for item in there["items"]] == [item["id"] for item in here["items"]]
            assert {name: there[name] for name in there if name not in OWN} == {
                name: here[name] for name in here if name not in OWN
            }
