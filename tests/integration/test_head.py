"""The head under many writers, and when an answer is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tonari.contract.artefacts import Head, SegmentRef
from tonari.errors import ConflictError, CorruptArtefactError, NotReadyError, StoreError
from tonari.snapshots.head import (
    HEAD,
    MOST_NONCES,
    ReadHead,
    publish,
    read_changed_head,
    read_head,
    use_encoder,
)
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WRITERS, ROUNDS = 8, 3
replace = msgspec.structs.replace


class LosesAnswers:
    """A real client, except that once an answer to ``put_object`` is replaced by an error after the fact."""

    def __init__(self, client: S3Client, error: Exception, afterwards: Callable[[], object] = lambda: None) -> None:
        self._client, self._error, self._afterwards = client, error, afterwards
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **arguments: Any) -> Any:
        answer = self._client.put_object(**arguments)
        if self.lost:
            return answer
        self.lost += 1
        self._afterwards()
        raise self._error


def refused() -> ClientError:
    """What boto3 sees when it retries a conditional write that had succeeded."""
    error: Any = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
    return ClientError(error, "PutObject")


def add(artefacts: Bucket, name: str) -> ReadHead:
    """Publish a segment over whatever is live, as often as it takes."""
    while True:
        read = read_head(artefacts)
        try:
            return publish(artefacts, read, replace(read.head, segments=(*read.head.segments, SegmentRef(name, 1))))
        except ConflictError:
            continue


def test_without_a_head_there_is_an_empty_one(artefacts: Bucket) -> None:
    assert read_head(artefacts) == ReadHead(Head(), None)
    assert read_changed_head(artefacts, ReadHead(Head(), None)) == ReadHead(Head(), None)


def test_what_is_published_is_read(artefacts: Bucket) -> None:
    first = add(artefacts, "one")
    assert read_head(artefacts) == first
    assert read_changed_head(artefacts, first) is first
    second = add(artefacts, "two")
    assert read_changed_head(artefacts, first) == second
    assert [first.head.generation, second.head.generation] == [1, 2]


def test_concurrent_publishers_lose_no_update(artefacts: Bucket) -> None:
    together = threading.Barrier(WRITERS)

    def write(writer: int) -> list[tuple[int, str]]:
        acknowledged = []
        for number in range(ROUNDS):
            together.wait(60)
            published = add(artefacts, f"{writer}.{number}")
            acknowledged.append((published.head.generation, published.head.nonces[-1]))
        return acknowledged

    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = [one for many in pool.map(write, range(WRITERS)) for one in many]
    head = read_head(artefacts).head
    assert sorted(generation for generation, _ in acknowledged) == list(range(1, WRITERS * ROUNDS + 1))
    assert head.generation == WRITERS * ROUNDS
    assert [nonce for _, nonce in sorted(acknowledged)] == list(head.nonces)
    assert sorted(segment.id for segment in head.segments) == sorted(
        f"{writer}.{number}" for writer in range(WRITERS) for number in range(ROUNDS)
    )


def test_a_stale_writer_is_refused(artefacts: Bucket) -> None:
    stale = add(artefacts, "one")
    now = add(artefacts, "two")
    with pytest.raises(ConflictError, match="another writer"):
        publish(artefacts, stale, replace(stale.head, snapshot="late"))
    assert read_head(artefacts) == now


def test_a_writer_who_saw_no_head_is_refused_when_there_is_one(artefacts: Bucket) -> None:
    now = add(artefacts, "one")
    with pytest.raises(ConflictError, match="another writer"):
        publish(artefacts, ReadHead(Head(), None), Head(snapshot="late"))
    assert read_head(artefacts) == now


@pytest.mark.parametrize(
    "error", [refused(), ReadTimeoutError(endpoint_url="http://127.0.0.1")], ids=["412", "timeout"]
)
@pytest.mark.parametrize("first", [True, False], ids=["creates", "replaces"])
def test_a_success_whose_answer_was_lost_is_known_by_its_nonce(
    artefacts: Bucket, s3: S3Client, error: Exception, *, first: bool
) -> None:
    read = ReadHead(Head(), None) if first else add(artefacts, "one")
    losing = LosesAnswers(s3, error)
    published = publish(S3Bucket(artefacts.name, losing), read, replace(read.head, snapshot="mine"))  # type: ignore[arg-type]
    assert losing.lost == 1
    assert published.head.snapshot == "mine"
    assert published.head.generation == read.head.generation + 1
    assert read_head(artefacts) == published


def test_a_lost_success_is_known_though_another_has_published_over_it(artefacts: Bucket, s3: S3Client) -> None:
    read = add(artefacts, "one")
    losing = LosesAnswers(s3, refused(), lambda: add(artefacts, "other"))
    mine = replace(read.head, segments=(*read.head.segments, SegmentRef("mine", 1)))
    published = publish(S3Bucket(artefacts.name, losing), read, mine)  # type: ignore[arg-type]
    assert [segment.id for segment in published.head.segments] == ["one", "mine", "other"]
    assert published == read_head(artefacts)


def test_a_write_that_never_arrived_is_no_success(artefacts: Bucket, s3: S3Client) -> None:
    class Unreachable(LosesAnswers):
        def put_object(self, **_: Any) -> Any:
            raise self._error

    read = add(artefacts, "one")
    gone: Any = Unreachable(s3, ReadTimeoutError(endpoint_url="http://127.0.0.1"))
    with pytest.raises(StoreError) as raised:
        publish(S3Bucket(artefacts.name, gone), read, replace(read.head, snapshot="mine"))
    assert not isinstance(raised.value, ConflictError)
    assert read_head(artefacts) == read


def test_only_the_last_nonces_are_kept(artefacts: Bucket) -> None:
    read = read_head(artefacts)
    many = tuple(f"nonce{number}" for number in range(MOST_NONCES))
    published = publish(artefacts, ReadHead(replace(read.head, nonces=many), read.etag), read.head)
    assert published.head.nonces[:-1] == many[1:]
    assert len(published.head.nonces) == MOST_NONCES


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"generation": null}', b"null"])
def test_a_damaged_head_is_reported(artefacts: Bucket, data: bytes) -> None:
    artefacts.put(HEAD, data)
    with pytest.raises(CorruptArtefactError, match=r"head\.json.*Put an earlier version of it back"):
        read_head(artefacts)


def test_only_an_encoder_that_is_there_can_be_chosen(artefacts: Bucket) -> None:
    with pytest.raises(NotReadyError, match="upload it first"):
        use_encoder(artefacts, "0" * 64)
    assert read_head(artefacts).etag is None
