"""After a machine slept, or Lambda froze a process, connections are dead; the first request is answered even so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from aws.services import Endpoint
from integration.shop import PRODUCTS
from relay import DEATHS, Death, Relay
from tonari.builds.look import RebuildContext
from tonari.client import Client
from tonari.contract.requests import SearchOptions
from tonari.storage import last_use
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket

ONE = SearchOptions(k=1)


@pytest.fixture
def relay(seaweed: Endpoint, on_seaweed: Endpoint) -> Iterator[Relay]:
    """Stands before S3."""
    del on_seaweed
    with Relay(seaweed.url) as relay:
        yield relay


@pytest.fixture
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "IDLE_SECONDS", 0.05)


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.usefixtures("soon_idle")
def test_no_request_is_sent_over_a_dead_connection_to_s3(artefacts: Bucket, relay: Relay, death: Death) -> None:
    bucket = S3Bucket(artefacts.name, endpoint=relay.url)
    etag = bucket.put("key", b"before")
    for call in (
        lambda: bucket.get("key"),
        lambda: bucket.put("other", b"x"),
        lambda: list(bucket.list("")),
        lambda: bucket.replace("key", b"after", etag),
    ):
        assert relay.end_all(death) == 1
        time.sleep(0.1)
        call()
    assert bucket.get("key").data == b"after"
    assert relay.swallowed == 0


@pytest.fixture
def server(
    standing_context: RebuildContext, seaweed: Endpoint, relay: Relay, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """`tonari serve` over buckets on S3, behind the relay."""
    names = standing_context.catalogue.name, standing_context.artefacts.name
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tonari_tools.cli.main", "serve", *names, "--port", "0"],
            cwd=tmp_path,
            env={**os.environ, **seaweed.environment(), "AWS_ENDPOINT_URL": relay.url},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    yield process
    process.kill()
    process.communicate()


def test_a_server_that_slept_answers_its_first_request(
    server: subprocess.Popen[bytes], relay: Relay, tmp_path: Path
) -> None:
    assert server.stdout is not None
    ready = server.stdout.readline().decode()
    assert ready.startswith("Ready"), (tmp_path / "log").read_text()
    url = ready.split()[4]
    client = Client(url, retries=0)
    item = PRODUCTS[0].id
    for death in DEATHS:
        assert client.similar(item, ONE).items
        server.send_signal(signal.SIGSTOP)
        time.sleep(1.1)
        relay.end_all(death)
        server.send_signal(signal.SIGCONT)
        assert client.similar(item, ONE).items
        assert client.health().status == "ok"
        with urlopen(f"{url}/v1/items/{item}/image") as picture:  # noqa: S310
            assert picture.status == 200
    log = (tmp_path / "log").read_text()
    assert " 500 " not in log
    assert "Traceback" not in log
