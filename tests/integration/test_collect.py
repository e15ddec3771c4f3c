"""Collection over a real S3 server: what is named stays, what is not is condemned, then deleted."""

from __future__ import annotations

import pytest

from integration.events import Caller, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds import collect as collecting
from tonari.builds.collect import LISTS, Collected, collect, survey
from tonari.builds.lease import SIGNS, give_back, take
from tonari.builds.look import RebuildContext
from tonari.builds.publish import is_whole, publish_stored
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import image_key
from tonari.errors import NotReadyError
from tonari.snapshots.head import named_by, publish, read_head
from tonari.storage.bucket import Bucket

AT_ONCE = -10.0


def there(artefacts: Bucket) -> set[str]:
    """Keys of snapshots, up to their files, and of segments."""
    snapshots = {f"snapshots/{found.key.split('/')[1]}/" for found in artefacts.list("snapshots/")}
    return snapshots | {found.key for found in artefacts.list("segments/")}


@pytest.fixture
def three_snapshots(published: Rebuilt, context: RebuildContext, reindexer: Handler) -> list[str]:
    """The shop rebuilt twice, after a change through a segment each; gives the snapshots, oldest first."""
    snapshots = [published.snapshot or ""]
    for number in range(2):
        put_image(context.catalogue, f"new{number}", PRODUCTS[number].picture())
        reindexer(sqs_event(notification(image_key(f"new{number}", VIEW))), None)
        snapshots.append(rebuild(context).snapshot or "")
    return snapshots


def test_what_no_head_names_is_condemned_and_then_deleted(
    three_snapshots: list[str], artefacts: Bucket, query: Caller
) -> None:
    assert len(there(artefacts)) == 5
    head = read_head(artefacts).head
    found = survey(artefacts, AT_ONCE)
    assert set(found.condemnable) == there(artefacts) - set(named_by(head))
    assert f"snapshots/{three_snapshots[0]}/" in found.condemnable
    assert collect(artefacts, AT_ONCE) == Collected(0, 2, 2)
    assert len(there(artefacts)) == 5
    second = collect(artefacts, AT_ONCE)
    assert (second.condemned, second.waiting) == (0, 0)
    assert second.deleted > 2
    assert there(artefacts) == set(named_by(read_head(artefacts).head))
    assert read_head(artefacts).head.condemned == ()
    assert list(artefacts.list(LISTS)) == []
    assert query.found({"id": "new0", "k": 1})


@pytest.mark.usefixtures("three_snapshots")
def test_there_is_a_time_of_grace(artefacts: Bucket) -> None:
    assert collect(artefacts, 3600) == Collected(0, 0, 0)
    assert collect(artefacts, AT_ONCE).condemned == 2
    before = there(artefacts)
    assert collect(artefacts, 3600) == Collected(0, 0, 2)
    assert there(artefacts) == before


def test_what_is_condemned_is_not_published(
    three_snapshots: list[str], artefacts: Bucket, context: RebuildContext
) -> None:
    collect(artefacts, AT_ONCE)
    head = read_head(artefacts).head
    assert not is_whole(artefacts, head, three_snapshots[0])
    assert is_whole(artefacts, head, three_snapshots[1])
    with pytest.raises(NotReadyError, match="collection is deleting it"):
        publish_stored(context, three_snapshots[0])
    collect(artefacts, AT_ONCE)
    with pytest.raises(NotReadyError, match="is not in"):
        publish_stored(context, three_snapshots[0])


@pytest.mark.usefixtures("three_snapshots")
def test_a_head_that_moves_meanwhile_condemns_nothing_that_it_names(
    artefacts: Bucket, context: RebuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []

    def publish_late(bucket: Bucket, read: object, head: object) -> object:
        if not moved:
            put_document(context.catalogue, "red-ball", {"price": 5})
            moved.append(rebuild(context).snapshot or "")
        return publish(bucket, read, head)  # type: ignore[arg-type]

    monkeypatch.setattr(collecting, "publish", publish_late)
    collect(artefacts, AT_ONCE)
    monkeypatch.undo()
    collect(artefacts, AT_ONCE)
    head = read_head(artefacts).head
    assert head.snapshot == moved[0]
    assert there(artefacts) == set(named_by(head))


def test_work_that_nobody_goes_on_with_is_deleted(
    published: Rebuilt, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = read_head(artefacts).head.encoder
    for key in ("work/gone/a.pack", f"work/{encoder}/b.pack", "work/documents/c.pack", f"{LISTS}d.json", f"{SIGNS}e"):
        artefacts.put(key, b"x")
    assert survey(artefacts).stale == ()
    monkeypatch.setattr(collecting, "STALE_SECONDS", AT_ONCE)
    monkeypatch.setattr(collecting, "PATIENCE_SECONDS", AT_ONCE)
    running = take(artefacts, "running")
    assert running
    assert running.head.lease
    assert set(survey(artefacts).stale) == {f"{LISTS}d.json", f"{SIGNS}e"}
    give_back(artefacts, running.head.lease)
    assert collect(artefacts).deleted == 4
    assert [found.key for found in artefacts.list("work/")] == [f"work/{encoder}/b.pack"]
    assert published.snapshot == read_head(artefacts).head.snapshot
