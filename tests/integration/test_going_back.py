"""A snapshot that lies in the bucket becomes live again, with all that has changed since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from integration.events import Caller, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds import publish as publishing
from tonari.builds.lease import take
from tonari.builds.look import RebuildContext
from tonari.builds.publish import publish_stored, roll_back
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import document_key, image_key
from tonari.errors import NotReadyError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket


@pytest.fixture
def second(published: Rebuilt, context: RebuildContext, reindexer: Handler) -> Rebuilt:
    """A second snapshot, in which an item is new, one has other fields and one is gone."""
    assert published.snapshot
    put_image(context.catalogue, "new", PRODUCTS[0].picture())
    put_document(context.catalogue, "red-ball", {"price": 77})
    context.catalogue.delete(document_key("red-box"), image_key("red-box", VIEW))
    reindexer(sqs_event(notification(image_key("new", VIEW))), None)
    return rebuild(context)


def test_going_back_keeps_what_has_changed_since(
    published: Rebuilt, second: Rebuilt, context: RebuildContext, query: Caller, encoder_runs: list[int]
) -> None:
    done = roll_back(context)
    assert (done.outcome, done.snapshot, done.changed) == ("published", published.snapshot, 3)
    head = read_head(context.artefacts).head
    assert head.previous
    assert (head.snapshot, head.previous.snapshot, head.lease) == (published.snapshot, second.snapshot, None)
    assert encoder_runs == []
    answer = query.json("/v1/search", {"id": "new", "k": 50}).body
    assert answer["snapshot"] == published.snapshot
    found = [item["id"] for item in answer["items"]]
    assert len(found) == 11
    assert "red-box" not in found
    assert query.get("/v1/items/red-ball").body["fields"] == {"price": 77}
    forward = roll_back(context)
    assert (forward.snapshot, forward.changed) == (second.snapshot, 0)
    assert read_head(context.artefacts).head.segments == ()


def test_there_must_be_something_to_go_back_to(published: Rebuilt, context: RebuildContext) -> None:
    assert published.snapshot
    with pytest.raises(NotReadyError, match="nothing to go back to"):
        roll_back(context)
    assert publish_stored(context, published.snapshot).outcome == "live"


@pytest.mark.usefixtures("second")
def test_going_back_while_a_rebuild_runs_is_refused(context: RebuildContext) -> None:
    take(context.artefacts, "other")
    assert roll_back(context).outcome == "busy"


@pytest.mark.usefixtures("second")
def test_too_much_to_lay_over_a_snapshot_asks_for_a_rebuild(
    context: RebuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "MOST_OVERLAY_ITEMS", 2)
    with pytest.raises(NotReadyError, match="3 items have changed since"):
        roll_back(context)
    assert read_head(context.artefacts).head.lease is None


def test_what_changes_while_one_goes_back_is_not_lost(
    published: Rebuilt,
    second: Rebuilt,
    context: RebuildContext,
    reindexer: Handler,
    query: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes: list[Callable[[], object]] = [
        lambda: put_image(context.catalogue, "late", PRODUCTS[2].picture()),
        lambda: context.catalogue.delete(image_key("new", VIEW)),
        lambda: put_document(context.catalogue, "red-ball", {"color": "red", "price": 10}),
    ]
    real = publishing.publish

    def publish_late(artefacts: Bucket, read: object, head: object) -> object:
        if changes:
            changes.pop()()
            keys = [image_key("late", VIEW), image_key("new", VIEW), document_key("red-ball")]
            assert reindexer(sqs_event(notification(*keys)), None) == {"batchItemFailures": []}
        return real(artefacts, read, head)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "publish", publish_late)
    assert roll_back(replace(context)).snapshot == published.snapshot != second.snapshot
    found = query.found({"id": "late", "k": 50})
    assert "red-box" not in found
    assert "new" not in found
    assert len(found) == 11
    assert query.get("/v1/items/red-ball").body["fields"]["price"] == 10
