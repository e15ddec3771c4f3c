"""Messages travel bucket -> queue -> function; what failed comes again, the rest is deleted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest

from aws.aws_admin import MAX_RECEIVES, PREFIXES, Admin, Queue
from aws.functions import FunctionError
from aws.pump import Pump, failures
from aws.services import Endpoint
from conftest import Buckets


@pytest.fixture
def queue(on_ministack: Endpoint, ministack_buckets: Buckets) -> Iterator[Queue]:
    with closing(Admin(on_ministack)) as admin:
        queue = admin.create_queue(f"changes-{uuid.uuid4().hex[:8]}")
        assert admin.create_queue(queue.arn.rpartition(":")[2]).arn == queue.arn
        admin.notify(ministack_buckets.catalogue, queue)
        greetings = collect(Pump(queue, bytes, print), len(PREFIXES))
        assert {json.loads(message["Body"])["Event"] for message in greetings} == {"s3:TestEvent"}
        queue.delete(greetings)
        yield queue


def attribute(queue: Queue, name: Any) -> str:
    with closing(boto3.client("sqs")) as client:
        url = client.get_queue_url(QueueName=queue.arn.rpartition(":")[2])["QueueUrl"]
        return client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]


def put(buckets: Buckets, *keys: str) -> None:
    with closing(boto3.client("s3")) as s3:
        for key in keys:
            s3.put_object(Bucket=buckets.catalogue, Key=key, Body=b"x")


def collect(pump: Pump, count: int) -> list[Any]:
    messages: list[Any] = []
    while len(messages) < count:
        messages += pump.collect()
    return messages


def recorder(answer: Callable[[dict[str, Any]], Any]) -> tuple[list[dict[str, Any]], Callable[[bytes], bytes]]:
    events: list[dict[str, Any]] = []

    def invoke(event: bytes) -> bytes:
        events.append(json.loads(event))
        return json.dumps(answer(events[-1])).encode()

    return events, invoke


def test_a_batch_is_an_event_and_successes_are_deleted(queue: Queue, ministack_buckets: Buckets):
    events, invoke = recorder(lambda _: {"batchItemFailures": []})
    pump = Pump(queue, invoke, print)
    put(ministack_buckets, *(f"images/7/{n} é.jpg" for n in range(12)), "items/7.json", "elsewhere/x")
    messages = collect(pump, 13)
    assert len(messages) == 13
    pump.carry(messages)
    records = events[0]["Records"]
    assert {record["eventSource"] for record in records} == {"aws:sqs"}
    assert {record["eventSourceARN"] for record in records} == {queue.arn}
    keys = {json.loads(record["body"])["Records"][0]["s3"]["object"]["key"] for record in records}
    assert {"items/7.json", "images/7/3+%C3%A9.jpg"} < keys
    assert len(keys) == 13
    assert all(int(record["attributes"]["ApproximateReceiveCount"]) == 1 for record in records)
    assert attribute(queue, "ApproximateNumberOfMessagesNotVisible") == "0"


def test_failures_are_left_in_the_queue(queue: Queue, ministack_buckets: Buckets):
    def second_fails(event: dict[str, Any]) -> dict[str, Any]:
        poison = [r["messageId"] for r in event["Records"] if "poison" in r["body"]]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in poison]}

    log: list[str] = []
    pump = Pump(queue, recorder(second_fails)[1], log.append)
    put(ministack_buckets, "items/good.json", "items/poison.json")
    pump.carry(collect(pump, 2))
    assert attribute(queue, "ApproximateNumberOfMessagesNotVisible") == "1"
    assert "1 of 2 messages failed" in log[-1]
    assert json.loads(attribute(queue, "RedrivePolicy"))["deadLetterTargetArn"] == f"{queue.arn}-dead"


def test_nothing_is_deleted_when_the_function_fails(queue: Queue, ministack_buckets: Buckets):
    def fail(_: bytes) -> bytes:
        raise FunctionError("ValueError", "no")

    pump = Pump(queue, fail, print)
    put(ministack_buckets, "items/a.json", "items/b.json")
    messages = collect(pump, 2)
    with pytest.raises(FunctionError, match="no"):
        pump.carry(messages)
    assert attribute(queue, "ApproximateNumberOfMessagesNotVisible") == "2"


@pytest.mark.parametrize("answer", [b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}'])
def test_an_empty_report_is_success(answer: bytes):
    assert failures(answer, {"a"}) == set()


@pytest.mark.parametrize(
    "answer",
    [
        b"{",
        b"[1]",
        b'{"batchItemFailures": [{}]}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "b"}]}',
        b'{"batchItemFailures": ["a"]}',
    ],
)
def test_a_bad_report_fails_the_batch(answer: bytes):
    with pytest.raises(FunctionError):
        failures(answer, {"a"})


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(queue: Queue, ministack_buckets: Buckets):
    """Its visible messages are what CloudWatch's ApproximateNumberOfMessagesVisible counts, which an alarm watches."""

    def poison_fails(event: dict[str, Any]) -> dict[str, Any]:
        return {
            "batchItemFailures": [
                {"itemIdentifier": record["messageId"]} for record in event["Records"] if "poison" in record["body"]
            ]
        }

    name = queue.arn.rpartition(":")[2]
    dead = Queue(queue._client, f"{queue._url}-dead", f"{queue.arn}-dead", queue.region)
    assert json.loads(attribute(queue, "RedrivePolicy"))["maxReceiveCount"] == MAX_RECEIVES
    with closing(boto3.client("sqs")) as client:
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    events, invoke = recorder(poison_fails)
    pump = Pump(queue, invoke, print)
    put(ministack_buckets, "items/good.json", "items/poison.json")
    tries = 0
    while attribute(dead, "ApproximateNumberOfMessages") == "0":
        pump.carry(pump.collect())
        tries += 1
        assert tries <= 4 * MAX_RECEIVES
    told = [record["body"] for event in events for record in event["Records"]]
    assert sum("good.json" in body for body in told) == 1
    assert sum("poison.json" in body for body in told) == MAX_RECEIVES
    assert attribute(dead, "ApproximateNumberOfMessages") == "1"
    assert [attribute(queue, f"ApproximateNumberOfMessages{what}") for what in ("", "NotVisible")] == ["0", "0"]
    (message,) = dead.receive(10, 0)
    assert json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"] == "items/poison.json"
