from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.aws.events import read_hints
from tonari.catalogue.documents import check_id, document_key, image_key
from tonari.errors import InvalidCatalogueError


def batch(*bodies: Any) -> dict[str, Any]:
    """An SQS event."""
    return {
        "Records": [
            {"messageId": str(number), "body": body if isinstance(body, str) else json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
    }


def notification(*keys: str) -> dict[str, Any]:
    return {
        "Records": [
            {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "shop"}, "object": {"key": quote_plus(key)}}}
            for key in keys
        ]
    }


def bridge(key: str) -> dict[str, Any]:
    return {"detail-type": "Object Created", "detail": {"bucket": {"name": "shop"}, "object": {"key": key}}}


def test_a_batch() -> None:
    event = batch(
        notification("items/a.json"),
        notification("images/b/front.jpg", "images/c/front.jpg"),
        bridge("images/d/front.jpg"),
        bridge("items/e.json"),
    )

    assert read_hints(event) == {
        "0": ("a",),
        "1": ("b", "c"),
        "2": ("d",),
        "3": ("e",),
    }


@given(st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_keys_are_encoded_in_the_one_and_plain_in_the_other(item: str) -> None:
    try:
        check_id(item)
    except InvalidCatalogueError:
        return
    for key in (document_key(item), image_key(item, "front+back.jpg")):
        assert read_hints(batch(notification(key), bridge(key))) == {"0": (item,), "1": (item,)}


def test_a_plain_key_is_not_decoded() -> None:
    assert read_hints(batch(bridge("images/a+b%20c/front.jpg"))) == {"0": ("a+b%20c",)}
    assert read_hints(batch(notification("images/a b/front.jpg"))) == {"0": ("a b",)}


@pytest.mark.parametrize("key", ["schema.json", "images/a", "items/", "notes.txt", "images/a\x00/front.jpg"])
def test_keys_of_no_item_hint_at_nothing(key: str) -> None:
    assert read_hints(batch(notification(key), bridge(key))) == {"0": (), "1": ()}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "null",
        '"Records"',
        "5",
        {},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-31T00:00:00Z", "Bucket": "shop"},
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
    ],
)
def test_what_is_no_event_hints_at_nothing(body: Any) -> None:
    assert read_hints(batch(notification("items/a.json"), body)) == {"0": ("a",), "1": ()}


def test_no_messages() -> None:
    assert read_hints(batch()) == {}
