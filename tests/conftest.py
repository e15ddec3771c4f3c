"""Real servers for the tests: one of each per session, fresh buckets per test. A missing server is a failure."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import pytest
from hypothesis import HealthCheck, settings

from aws.services import Endpoint, MiniStack, SeaweedFS
from tonari_tools.onnx.default import BuiltEncoder, read_default

pytest.register_assert_rewrite("database_contract")

# Nothing here is judged by the clock: a busy machine must not fail a test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@dataclass(frozen=True)
class Buckets:
    """Names of two new, empty buckets."""

    catalogue: str
    artefacts: str


@pytest.fixture(autouse=True, scope="session")
def no_servers_of_others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands of these tests find servers of these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True)
def no_credentials_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's default session keeps the credentials that it found first: each test begins without one."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A strict S3 server."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweed")) as server:
        yield server.endpoint


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """S3, SQS and the events between them."""
    with MiniStack(tmp_path_factory.mktemp("ministack")) as server:
        yield server.endpoint


@pytest.fixture
def on_seaweed(seaweed: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The AWS_* environment of this test points at the strict S3 server."""
    return _point(seaweed, monkeypatch)


@pytest.fixture
def on_ministack(ministack: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The AWS_* environment of this test points at MiniStack."""
    return _point(ministack, monkeypatch)


@pytest.fixture
def buckets(on_seaweed: Endpoint) -> Buckets:
    """Two new buckets on the strict S3 server, at which this test's AWS_* environment points."""
    return _create_buckets(on_seaweed)


@pytest.fixture
def ministack_buckets(on_ministack: Endpoint) -> Buckets:
    """Two new buckets on MiniStack, at which this test's AWS_* environment points."""
    return _create_buckets(on_ministack)


def _point(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in endpoint.environment().items():
        monkeypatch.setenv(name, value)
    return endpoint


def _create_buckets(endpoint: Endpoint) -> Buckets:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
    )
    unique = uuid.uuid4().hex[:12]
    names = Buckets(f"catalogue-{unique}", f"artefacts-{unique}")
    for name in (names.catalogue, names.artefacts):
        client.create_bucket(Bucket=name)
    client.close()
    return names


@pytest.fixture(scope="session")
def built() -> BuiltEncoder:
    """The default encoder's files."""
    return read_default()
