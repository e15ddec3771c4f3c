"""A real S3 server with one shop in it, and processes to work on it."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import boto3

from aws.services import Endpoint, SeaweedFS
from living.shop import Shop
from living.watch import Watch, save_encoders
from living.worker import Settings, UseCases
from living.zygote import Worker, Zygote
from tonari.snapshots.head import use_encoder
from tonari.storage.s3 import CONFIG, S3Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE = -10.0
"""A time of grace that is over before it begins, whatever fractions of a second the store's clock leaves out."""


@dataclass(frozen=True)
class Place:
    """A shop on a server.

    Parameters
    ----------
    settings
        Of workers.
    own
        The use cases in this process, with a cache of its own.
    """

    endpoint: Endpoint
    settings: Settings
    shop: Shop
    watch: Watch
    encoders: tuple[str, ...]
    own: UseCases
    zygote: Zygote

    def worker(self, **other: Any) -> Worker:
        """Make a worker whose settings differ in what is given."""
        return self.zygote.fork(replace(self.settings, **other))


@contextlib.contextmanager
def place(endpoint: Endpoint, random: Random, patience: float) -> Iterator[Place]:
    """Open a shop that is in no index yet, in two new buckets, with two encoders of which one is chosen."""
    client = s3_client(endpoint)
    unique = uuid.uuid4().hex[:12]
    catalogue, artefacts = (S3Bucket(f"{what}-{unique}", client) for what in ("catalogue", "artefacts"))
    for bucket in (catalogue, artefacts):
        client.create_bucket(Bucket=bucket.name)
    encoders = save_encoders(artefacts)
    use_encoder(artefacts, encoders[0])
    shop = Shop(catalogue, random)
    shop.open()
    with tempfile.TemporaryDirectory(prefix="living-") as folder:
        here = Path(folder)
        settings = Settings(catalogue.name, artefacts.name, here / "cache", patience)
        own = UseCases(catalogue, artefacts, here / "own")
        with Zygote(endpoint, here) as zygote:
            yield Place(endpoint, settings, shop, Watch(shop, artefacts, here / "watch"), tuple(encoders), own, zygote)
    client.close()


@contextlib.contextmanager
def server() -> Iterator[SeaweedFS]:
    """Start SeaweedFS with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="seaweed-") as folder, SeaweedFS(Path(folder)) as running:
        yield running


def s3_client(endpoint: Endpoint) -> S3Client:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=CONFIG,
    )
