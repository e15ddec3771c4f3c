"""A change reaches the queue by four ways, each in a shape of its own; the same item is read out of all of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import boto3
import pytest

from aws.aws_admin import Admin, Queue
from aws.pump import Pump, sqs_event
from aws.services import Endpoint
from conftest import Buckets
from tonari.aws.events import read_hints
from tonari.catalogue.documents import document_key, image_key

ITEM = "a+b %2B é隣"
KEYS = (image_key(ITEM, "front side+1.jpg"), document_key(ITEM))


@pytest.fixture
def queue(on_ministack: Endpoint) -> Iterator[Queue]:
    with closing(Admin(on_ministack)) as admin:
        yield admin.create_queue(f"changes-{uuid.uuid4().hex[:8]}")


def straight(bucket: str, queue: Queue) -> None:
    to_queue = [{"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    _notify(bucket, {"QueueConfigurations": to_queue})


def by_topic(bucket: str, queue: Queue, *, raw: bool = False) -> None:
    with closing(boto3.client("sns")) as sns:
        topic = sns.create_topic(Name=f"changes-{uuid.uuid4().hex[:8]}")["TopicArn"]
        attributes = {"RawMessageDelivery": "true" if raw else "false"}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    to_topic = [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    _notify(bucket, {"TopicConfigurations": to_topic})


def by_topic_raw(bucket: str, queue: Queue) -> None:
    by_topic(bucket, queue, raw=True)


def by_bridge(bucket: str, queue: Queue) -> None:
    name = f"changes-{uuid.uuid4().hex[:8]}"
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}
    with closing(boto3.client("events")) as events:
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    _notify(bucket, {"EventBridgeConfiguration": {}})


def _notify(bucket: str, configuration: dict[str, object]) -> None:
    with closing(boto3.client("s3")) as s3:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


@pytest.mark.parametrize("way", [straight, by_topic, by_topic_raw, by_bridge], ids=lambda way: way.__name__)
def test_the_item_is_read_whatever_way_its_change_came(
    queue: Queue, ministack_buckets: Buckets, way: Callable[[str, Queue], None]
) -> None:
    way(ministack_buckets.catalogue, queue)
    with closing(boto3.client("s3")) as s3:
        for key in KEYS:
            s3.put_object(Bucket=ministack_buckets.catalogue, Key=key, Body=b"x")
        s3.delete_object(Bucket=ministack_buckets.catalogue, Key=KEYS[0])
    pump = Pump(queue, bytes, print)
    told: list[tuple[str, ...]] = []
    for _ in range(20):
        messages = pump.collect()
        hints = read_hints(sqs_event(messages, queue.arn, queue.region))
        assert hints.unreadable == ()
        told += [items for items in hints.by_message.values() if items]
        if len(told) == 3:
            break
    assert told == [(ITEM,)] * 3
