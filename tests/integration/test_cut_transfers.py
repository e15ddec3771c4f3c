"""Downloads whose connection is lost on the way, as Lambda does it by freezing a process."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import numpy as np
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tonari.errors import StoreError
from tonari.storage.s3 import CHUNK, S3Bucket

DATA = np.random.default_rng(1).bytes(5 * CHUNK + 12_345)
SHA256 = hashlib.sha256(DATA).hexdigest()


class CuttingStore(ThreadingHTTPServer):
    """Gives one object, but ends each transfer after so many bytes as ``cuts`` says, while it says any."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts: list[int] = []
        self.begins: list[int] = []
        self.etag = "one"


class Handler(BaseHTTPRequestHandler):
    server: CuttingStore

    def do_GET(self) -> None:
        store = self.server
        wanted = self.headers.get("If-Match", "").strip('"')
        if wanted and wanted != store.etag:
            self.send_response(412)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(ranged.group(1)) if ranged else 0
        store.begins.append(begin)
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(DATA) - begin))
        self.send_header("ETag", f'"{store.etag}"')
        self.end_headers()
        end = begin + store.cuts.pop(0) if store.cuts else len(DATA)
        self.wfile.write(DATA[begin:end])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def store() -> Iterator[CuttingStore]:
    with CuttingStore() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def bucket(store: CuttingStore) -> Iterator[S3Bucket]:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{store.server_address[1]}",
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",  # noqa: S106  of a server in this process
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield S3Bucket("bucket", client)
    client.close()


def test_a_transfer_that_is_cut_goes_on_where_it_stopped(store: CuttingStore, bucket: S3Bucket, tmp_path: Path) -> None:
    store.cuts = [2 * CHUNK + 9, CHUNK + 9]
    bucket.download("key", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == DATA
    assert store.begins == [0, 2 * CHUNK + 9, 3 * CHUNK + 18]
    store.cuts = [CHUNK]
    assert bucket.sha256("key") == SHA256


def test_a_transfer_that_brings_nothing_is_an_error(store: CuttingStore, bucket: S3Bucket, tmp_path: Path) -> None:
    store.cuts = [CHUNK + 9, 0, 9]
    with pytest.raises(StoreError, match="key"):
        bucket.download("key", tmp_path / "file", SHA256)
    assert store.begins == [0, CHUNK + 9]
    assert not (tmp_path / "file").exists()


def test_two_objects_are_never_joined(store: CuttingStore, bucket: S3Bucket) -> None:
    store.cuts = [2 * CHUNK]
    transfer = bucket._chunks("key")
    assert next(transfer) == DATA[:CHUNK]
    store.etag = "two"
    with pytest.raises(ClientError, match="412"):
        list(transfer)
