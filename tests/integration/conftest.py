"""The engine over a real S3 server, with the default encoder and a small drawn shop."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import boto3
import numpy as np
import pytest
from numpy.typing import NDArray

import tonari.aws.functions
from aws.services import Endpoint
from conftest import Buckets
from integration.events import Caller
from integration.rotated import place, written  # noqa: F401  fixtures
from integration.shop import push
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.encoders.image import ImageEncoder
from tonari.encoders.store import load_encoder, save_encoder
from tonari.query.reader import Reader
from tonari.snapshots.canaries import PICTURE
from tonari.snapshots.head import use_encoder
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import CONFIG, S3Bucket
from tonari_tools.onnx.default import BuiltEncoder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IN_ORDER = functools.partial(Reader, beside=lambda run: run())
"""A reader that loads within the request that finds something new: what was published is there at the next request."""


@pytest.fixture(scope="session")
def s3(seaweed: Endpoint) -> Iterator[S3Client]:
    """One client for all, since each costs a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seaweed.environment().items():
            patch.setenv(name, value)
        client = boto3.session.Session().client("s3", config=CONFIG)
    yield client
    client.close()


@pytest.fixture(scope="session")
def pair(s3: S3Client) -> Buckets:
    """Two buckets for all tests here: each new bucket costs the server a fifth of a second and a volume."""
    unique = uuid.uuid4().hex[:12]
    names = Buckets(f"catalogue-{unique}", f"artefacts-{unique}")
    for name in (names.catalogue, names.artefacts):
        s3.create_bucket(Bucket=name)
    return names


@pytest.fixture
def catalogue(pair: Buckets, s3: S3Client) -> Iterator[Bucket]:
    bucket = S3Bucket(pair.catalogue, s3)
    yield bucket
    _empty(bucket.name, s3)


@pytest.fixture
def artefacts(pair: Buckets, s3: S3Client) -> Iterator[Bucket]:
    bucket = S3Bucket(pair.artefacts, s3)
    yield bucket
    _empty(bucket.name, s3)


def _empty(name: str, s3: S3Client) -> None:
    """Leave the bucket as it was found; by boto3, whatever a test did to our own store."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        if page.get("Contents"):
            s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": found["Key"]} for found in page["Contents"]]})


@pytest.fixture
def encoder(artefacts: Bucket, built: BuiltEncoder) -> str:
    """Id of the default encoder, uploaded and chosen."""
    name = save_encoder(artefacts, built.model, built.config)
    use_encoder(artefacts, name)
    return name


@dataclass
class Reported:
    """What a rebuild said of its progress; ``act`` may do something at a stage."""

    lines: list[tuple[str, int, int]] = field(default_factory=list)
    act: Callable[[str], None] = lambda _: None

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.lines.append((stage, done, total))
        self.act(stage)

    @property
    def stages(self) -> list[str]:
        return [stage for stage, _, _ in self.lines]


@pytest.fixture
def reported() -> Reported:
    return Reported()


@pytest.fixture
def load(artefacts: Bucket, tmp_path: Path) -> Callable[[str], ImageEncoder]:
    """Loads encoders by id, each once."""
    return functools.cache(lambda name: load_encoder(artefacts, name, tmp_path / "cache"))


@pytest.fixture
def context(
    catalogue: Bucket, artefacts: Bucket, load: Callable[[str], ImageEncoder], tmp_path: Path, reported: Reported
) -> RebuildContext:
    return RebuildContext(catalogue, artefacts, load, tmp_path / "cache", reported, lambda: 900.0)


@pytest.fixture
def shop(catalogue: Bucket, encoder: str) -> str:
    """A catalogue of twelve drawn things beside an encoder (whose id it gives); nothing is built yet."""
    push(catalogue)
    return encoder


@pytest.fixture
def published(request: pytest.FixtureRequest, context: RebuildContext) -> Rebuilt:
    """The drawn shop, live."""
    request.getfixturevalue("shop")
    return rebuild(context)


@pytest.fixture(scope="session")
def standing_context(s3: S3Client, built: BuiltEncoder, tmp_path_factory: pytest.TempPathFactory) -> RebuildContext:
    """The drawn shop, live in buckets of its own; nobody writes to them."""
    cache = tmp_path_factory.mktemp("standing")
    catalogue, artefacts = (S3Bucket(f"standing-{what}", s3) for what in ("catalogue", "artefacts"))
    for bucket in (catalogue, artefacts):
        s3.create_bucket(Bucket=bucket.name)
    use_encoder(artefacts, save_encoder(artefacts, built.model, built.config))
    push(catalogue)
    load = functools.cache(lambda name: load_encoder(artefacts, name, cache))
    context = RebuildContext(catalogue, artefacts, load, cache, lambda *_: None, lambda: 900.0)
    rebuild(context)
    return context


@pytest.fixture(scope="session")
def standing(seaweed: Endpoint, standing_context: RebuildContext) -> Caller:
    """The query function over a shop that stands as it is: for tests that only read."""
    settings = {
        **seaweed.environment(),
        "TONARI_CATALOGUE_BUCKET": standing_context.catalogue.name,
        "TONARI_ARTEFACT_BUCKET": standing_context.artefacts.name,
        "TONARI_CACHE_DIR": str(standing_context.cache),
        "TONARI_HEAD_MAX_AGE": "0",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        patch.setattr(tonari.aws.functions, "Reader", IN_ORDER)
        return Caller(tonari.aws.functions.query_function(), tonari.aws.functions.items_function())


@pytest.fixture
def encoder_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry per real run of an encoder: how many views it was given; canary pictures do not count."""
    runs: list[int] = []
    embed = ImageEncoder.embed

    def counted(self: ImageEncoder, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        if len(views) != 1 or not np.array_equal(views[0], self.read(PICTURE)):
            runs.append(len(views))
        return embed(self, views)

    monkeypatch.setattr(ImageEncoder, "embed", counted)
    return runs


@pytest.fixture
def functions(
    seaweed: Endpoint, catalogue: Bucket, artefacts: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """What the handlers call, in an environment as on AWS; each request asks for the head and loads what is new."""
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TONARI_CATALOGUE_BUCKET", catalogue.name)
    monkeypatch.setenv("TONARI_ARTEFACT_BUCKET", artefacts.name)
    monkeypatch.setenv("TONARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TONARI_HEAD_MAX_AGE", "0")
    monkeypatch.setattr(tonari.aws.functions, "Reader", IN_ORDER)
    monkeypatch.delenv("TONARI_REBUILD_FUNCTION", raising=False)
    return tonari.aws.functions


@pytest.fixture
def query(functions: ModuleType) -> Caller:
    """The query function, cold-started now."""
    return Caller(functions.query_function(), functions.items_function())


@pytest.fixture
def live(request: pytest.FixtureRequest, functions: ModuleType) -> Caller:
    """The query function over the drawn shop."""
    request.getfixturevalue("published")
    return Caller(functions.query_function(), functions.items_function())


@pytest.fixture
def reindexer(functions: ModuleType) -> Handler:
    handler: Handler = functions.reindex_function()
    return handler


@pytest.fixture
def rebuilder(functions: ModuleType) -> Handler:
    handler: Handler = functions.rebuild_function()
    return handler


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "tonari")
    return caplog
