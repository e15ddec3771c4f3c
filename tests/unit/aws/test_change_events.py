"""Changes of the catalogue, in every shape in which AWS can tell of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.aws.events import read_hints
from tonari.catalogue.documents import check_id, document_key, image_key, item_of
from tonari.errors import InvalidCatalogueError, StoreError

Json = dict[str, Any]


def batch(*bodies: Any) -> Json:
    """An SQS event."""
    return {
        "Records": [
            {"messageId": str(number), "body": body if isinstance(body, str) else json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
    }


def notification(*keys: str, encode: Callable[[str], str] = quote_plus) -> Json:
    """S3's own, of a bucket with versions."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": "shop"},
                    "object": {"key": encode(key), "size": 1, "eTag": "e", "versionId": "v1", "sequencer": "0055AED6"},
                },
            }
            for key in keys
        ]
    }


def bridge(key: str, kind: str = "Object Created") -> Json:
    return {
        "version": "0",
        "id": "an-id",
        "source": "aws.s3",
        "detail-type": kind,
        "detail": {"bucket": {"name": "shop"}, "object": {"key": key, "version-id": "v1"}},
    }


def topic(inner: Json) -> Json:
    """What SNS puts into a queue unless raw delivery is on; with raw delivery it puts ``inner`` alone."""
    return {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:t",
        "Message": json.dumps(inner),
        "Signature": "x",
    }


def from_topic(inner: Json) -> Json:
    """What SNS gives to a function that no queue stands before."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": topic(inner)}]}


QUEUED: dict[str, Callable[[str], Json]] = {
    "S3": notification,
    "S3 with spaces as %20": lambda key: notification(key, encode=quote),
    "EventBridge": bridge,
    "EventBridge deleted": lambda key: bridge(key, "Object Deleted"),
    "SNS around S3": lambda key: topic(notification(key)),
    "SNS around EventBridge": lambda key: topic(bridge(key)),
}
DIRECT: dict[str, Callable[[str], Json]] = {
    "S3": notification,
    "EventBridge": bridge,
    "SNS around S3": lambda key: from_topic(notification(key)),
    "SNS around EventBridge": lambda key: from_topic(bridge(key)),
}
ODD = st.text(alphabet="a+% /隣é2B.", max_size=6) | st.text(max_size=6)


def test_a_batch() -> None:
    hints = read_hints(
        batch(
            notification("items/a.json"),
            notification("images/b/front.jpg", "images/c/front.jpg", "images/b/back.jpg"),
            bridge("images/d/front.jpg"),
            topic(notification("items/e.json", "items/a.json")),
        )
    )

    assert hints.by_message == {"0": ("a",), "1": ("b", "c"), "2": ("d",), "3": ("e", "a")}
    assert hints.items == ["a", "b", "c", "d", "e"]
    assert hints.unreadable == ()


@given(item=ODD, name=ODD)
@settings(max_examples=300, deadline=None)
def test_the_same_key_gives_the_same_item_in_every_shape(item: str, name: str) -> None:
    try:
        check_id(item)
    except InvalidCatalogueError:
        return
    for key in (document_key(item), image_key(item, f"x{name}")):
        said = () if item_of(key) is None else (item,)
        hints = read_hints(batch(*(shape(key) for shape in QUEUED.values())))
        assert hints.by_message == {str(number): said for number in range(len(QUEUED))}
        for shape in DIRECT.values():
            assert read_hints(shape(key)).by_message == {"": said}


@pytest.mark.parametrize("item", ["a+b", "a%2Bb", "a%20b", "a b", "隣", "é", "v\u00a013", "👩\u200d🦰", "100%", "a%"])
def test_an_id_that_looks_encoded(item: str) -> None:
    for shape in QUEUED.values():
        assert read_hints(batch(shape(image_key(item, "front.jpg")))).items == [item]


@pytest.mark.parametrize("key", ["images/cafe\u0301/front.jpg", "items/cafe\u0301.json", "images/café/e\u0301.jpg"])
def test_a_key_in_another_normal_form_is_that_of_the_item(key: str) -> None:
    for shape in (*QUEUED.values(), *DIRECT.values()):
        assert read_hints(shape(key)).items == ["café"]


def test_a_plain_key_is_not_decoded() -> None:
    assert read_hints(batch(bridge("images/a+b%20c/front.jpg"))).items == ["a+b%20c"]
    assert read_hints(batch(notification("images/a b/front.jpg"))).items == ["a b"]


@pytest.mark.parametrize("key", ["schema.json", "images/a", "items/", "notes.txt", "images/a\x00/front.jpg"])
def test_keys_of_no_item_hint_at_nothing_and_are_read(key: str) -> None:
    hints = read_hints(batch(*(shape(key) for shape in QUEUED.values())))

    assert (hints.items, hints.unreadable) == ([], ())


def test_what_s3_sends_to_try_a_queue_is_known() -> None:
    greeting = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-31T00:00:00Z", "Bucket": "shop"}
    hints = read_hints(batch(greeting, topic(greeting)))

    assert (hints.by_message, hints.unreadable) == ({"0": (), "1": ()}, ())


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"Records": [' * 5_000 + "]}" * 5_000, id="deep records"),
        "[]",
        "null",
        '"Records"',
        "5",
        {},
        {"Records": None},
        {"Records": []},
        {"Records": [{}]},
        {"Records": ["items/a.json"]},
        {"Records": [{"s3": {"object": {}}}]},
        {"Records": [{"s3": {"object": {"key": 5}}}]},
        {"Records": 5},
        {"detail-type": "Object Created"},
        {"detail-type": "Object Created", "detail": []},
        {"detail-type": "Object Created", "detail": {"object": {"key": None}}},
        {"detail-type": "Scheduled Event", "detail": {}},
        {"Type": "Notification", "Message": "hello"},
        {"Type": "Notification", "Message": 5},
        {"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe", "SubscribeURL": "https://x"},
    ],
)
def test_what_cannot_be_read_hints_at_nothing_and_is_told(body: Any) -> None:
    hints = read_hints(batch(notification("items/a.json"), body))

    assert hints.by_message == {"0": ("a",), "1": ()}
    assert hints.unreadable == ("1",)
    assert hints.report(["a"]) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_records_beside_one_that_cannot_be_read_count() -> None:
    said = notification("items/a.json", "items/b.json")
    said["Records"].insert(1, {"s3": {}})
    hints = read_hints(batch(said))

    assert (hints.by_message, hints.unreadable) == ({"0": ("a", "b")}, ("0",))


def test_no_messages() -> None:
    hints = read_hints(batch())

    assert (hints.by_message, hints.items, hints.report(["a"])) == ({}, [], {"batchItemFailures": []})


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), max_size=6), st.sets(st.sampled_from("abcdef")))
@settings(max_examples=200, deadline=None)
def test_the_messages_whose_items_failed_come_back_and_no_others(messages: list[list[str]], failed: set[str]) -> None:
    event = batch(*(notification("schema.json", *map(document_key, items)) for items in messages))
    back = read_hints(event).report(failed)["batchItemFailures"]

    assert [one["itemIdentifier"] for one in back] == [
        str(number) for number, items in enumerate(messages) if failed & set(items)
    ]


@pytest.mark.parametrize("shape", DIRECT)
def test_an_event_without_a_queue_comes_back_by_an_error(shape: str) -> None:
    hints = read_hints(DIRECT[shape]("items/a.json"))

    assert hints.report([]) == {"batchItemFailures": []}
    with pytest.raises(StoreError, match="tries the event again"):
        hints.report(["a"])
