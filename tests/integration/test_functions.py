"""What each function does and says beside its answer: the routes that it serves, and its metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from integration.events import Caller, eventbridge, failed, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_image
from tonari.aws.functions import Handler
from tonari.builds.rebuild import Rebuilt
from tonari.catalogue.documents import document_key, image_key
from tonari.errors import NotReadyError, StoreError
from tonari.storage.bucket import Bucket


class Context:
    """Lambda's, with time enough."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass
class Printed:
    """The metrics that functions printed since they were last asked for."""

    capsys: pytest.CaptureFixture[str]
    functions: set[str] = field(default_factory=set)

    def read(self) -> list[dict[str, float]]:
        found = []
        for line in self.capsys.readouterr().out.splitlines():
            said = json.loads(line)
            (directive,) = said["_aws"]["CloudWatchMetrics"]
            self.functions.add(said["FunctionName"])
            found.append({one["Name"]: said[one["Name"]] for one in directive["Metrics"]})
        return found


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop-this")
    return Printed(capsys)


def around(body: str) -> str:
    """What a topic without raw delivery puts into a queue."""
    return json.dumps({"Type": "Notification", "Message": body})


def everything(bucket: Bucket) -> dict[str, str]:
    return {found.key: found.etag for found in bucket.list("")}


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/items/red-ball"), ("PUT", "/v1/items/new"), ("DELETE", "/v1/items/red-ball")]
)
def test_the_query_function_writes_nothing(
    published: Rebuilt, functions: ModuleType, catalogue: Bucket, method: str, path: str
) -> None:
    assert published
    query = functions.query_function()
    before = everything(catalogue)
    answer = Caller(query, query).send(method, path, b'{"price": 1}' if method == "PUT" else b"", "application/json")
    assert (answer.status, answer.body["type"]) == (405, "urn:tonari:problem:method-not-allowed")
    assert answer.body["detail"] == f"{method} /v1/items/{{id}} is not served here."
    assert everything(catalogue) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/items/red-ball"),
        ("GET", "/v1/health"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/search"),
        ("GET", "/"),
    ],
)
def test_the_items_function_answers_nothing_else(functions: ModuleType, method: str, path: str) -> None:
    items = functions.items_function()
    answer = Caller(items, items).send(method, path)
    assert (answer.status, answer.body["type"]) == (405, "urn:tonari:problem:method-not-allowed")


def test_an_item_may_be_written_before_anything_is_live(functions: ModuleType, catalogue: Bucket) -> None:
    items = functions.items_function()
    assert Caller(items, items).json("/v1/items/first", {"price": 5}, "PUT").status == 202
    assert list(everything(catalogue)) == ["items/first.json"]


def test_a_rebuild_says_how_it_ended(
    shop: object, rebuilder: Handler, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop
    ended = {"RebuildFailed": 0, "RebuildRefused": 0, "RebuildUnfinished": 0}
    assert rebuilder({}, Context())["outcome"] == "published"
    assert rebuilder({}, Context())["outcome"] == "unchanged"
    assert printed.read() == [{**ended, "SnapshotAgeDays": 0}] * 2
    rebuilt = rebuilder({}, Context())
    for outcome in ("refused", "unfinished"):
        monkeypatch.setattr(
            "tonari.aws.rebuilding.rebuild",
            lambda *_, what=outcome: Rebuilt(what, "request-1", snapshot=rebuilt["snapshot"], why="worse"),
        )
        assert rebuilder({}, Context())["outcome"] == outcome
    _, refused, unfinished = printed.read()
    assert 0 <= refused.pop("SnapshotAgeDays") < 0.01
    assert refused == {**ended, "RebuildRefused": 1}
    assert unfinished == {**ended, "RebuildUnfinished": 1}
    assert printed.functions == {"shop-this"}


def test_a_rebuild_that_fails_says_so(rebuilder: Handler, printed: Printed) -> None:
    with pytest.raises(NotReadyError):
        rebuilder({}, Context())
    assert printed.read() == [{"RebuildFailed": 1}]


def test_an_age_that_the_store_does_not_tell_is_left_out(
    published: Rebuilt, rebuilder: Handler, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> float:
        raise StoreError("S3 is out of order.")

    monkeypatch.setattr(
        "tonari.aws.rebuilding.rebuild",
        lambda *_: Rebuilt("refused", "request-1", snapshot=published.snapshot, why="worse"),
    )
    monkeypatch.setattr("tonari.storage.s3.S3Bucket.now", silent)
    assert rebuilder({}, Context())["outcome"] == "refused"
    (found,) = printed.read()
    assert "SnapshotAgeDays" not in found


def test_one_change_told_in_every_shape_is_encoded_once(
    published: Rebuilt, reindexer: Handler, catalogue: Bucket, live: Caller, encoder_runs: list[int], printed: Printed
) -> None:
    assert published
    put_image(catalogue, "new+1 é", PRODUCTS[0].picture())
    key, document = image_key("new+1 é", VIEW), document_key("new+1 é")
    told = [notification(key), notification(key, document), eventbridge(key), around(notification(key))]
    event = sqs_event(*told, around(eventbridge(document)), *[notification(key)] * 20)
    assert failed(reindexer(event, None)) == []
    assert encoder_runs == [1]
    assert live.found({"id": "red-ball", "k": 1}) == ["new+1 é"]
    assert printed.read() == [{"ChangesTaken": 1, "ChangesReturned": 0, "ChangesUnreadable": 0}]


def test_a_message_that_cannot_be_read_is_acknowledged_and_told(
    published: Rebuilt, reindexer: Handler, log: pytest.LogCaptureFixture, printed: Printed
) -> None:
    assert published
    assert failed(reindexer(sqs_event("{", notification("schema.json"), "hello"), None)) == []
    assert printed.read() == [{"ChangesTaken": 0, "ChangesReturned": 0, "ChangesUnreadable": 2}]
    assert '"reindex": "unreadable", "messages": 2, "first": "m0"' in log.text


def test_only_messages_that_hint_at_something_come_back(
    published: Rebuilt, reindexer: Handler, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StoreError("S3 is out of order.")

    assert published
    monkeypatch.setattr("tonari.aws.functions.reindex", fail)
    event = sqs_event(notification("items/a.json"), "hello", notification("schema.json"), eventbridge("items/b.json"))
    assert failed(reindexer(event, None)) == ["m0", "m3"]
    assert printed.read() == [{"ChangesTaken": 0, "ChangesReturned": 2, "ChangesUnreadable": 1}]
    with pytest.raises(StoreError, match="tries the event again"):
        reindexer(json.loads(eventbridge("items/b.json")), None)
