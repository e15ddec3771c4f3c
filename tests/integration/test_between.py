"""What changes between a listing and the reading of what it lists; clocks that are a day off. Over a real S3 server.

Each case is played against a rebuild and against a reindexer.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import pictures
from integration.conftest import Reported
from integration.events import Caller
from integration.shop import PRODUCTS, VIEW, draw, put_document, put_image
from tonari.builds import assemble, gates
from tonari.builds.lease import ask, give_back, take
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.reindex import reindex
from tonari.catalogue.documents import EMPTY_FILE, document_key, image_key
from tonari.contract.artefacts import Refusal
from tonari.snapshots.head import newest_refusal, read_head, refused_lately, write_refusal
from tonari.snapshots.snapshot import load_tables
from tonari.storage.bucket import Blob, Bucket, ObjectInfo

IMAGE = image_key("x", VIEW)
DOCUMENT = document_key("x")
BLUE = pictures.encoded(draw("blue", "box"), "PNG")
DAY = dt.timedelta(days=1)


class Meddled:
    """A catalogue in which something happens once, just before one object is read."""

    def __init__(self, bucket: Bucket, key: str, meddle: Callable[[Bucket], object]) -> None:
        self._bucket, self._key, self._meddle = bucket, key, meddle
        self.met = False

    def get(self, key: str, *, if_match: str | None = None) -> Blob:
        if key == self._key and not self.met:
            self.met = True
            self._meddle(self._bucket)
        return self._bucket.get(key, if_match=if_match)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._bucket.list(prefix)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)


Taken = Callable[[Any], tuple[str, int]]
"""Takes a catalogue in; gives the outcome and how many objects were rejected."""


@pytest.fixture(params=["rebuild", "reindex"])
def take_in(request: pytest.FixtureRequest, published: Rebuilt, context: RebuildContext) -> Taken:
    assert published.outcome == "published"

    def by_rebuild(catalogue: Any) -> tuple[str, int]:
        done = rebuild(replace(context, catalogue=catalogue))
        return done.outcome, done.rejected

    def by_reindex(catalogue: Any) -> tuple[str, int]:
        def tables(name: str) -> Any:
            return load_tables(context.artefacts, name, context.cache)

        done = reindex(["x"], catalogue, context.artefacts, context.load, tables)
        return done.outcome, done.rejected

    return by_rebuild if request.param == "rebuild" else by_reindex


def shown(query: Caller) -> tuple[Any, ...]:
    """What the item is now: status, fields, views; and what health says of all."""
    answer, health = query.get("/v1/items/x"), query.get("/v1/health").body
    return answer.status, answer.body.get("fields"), answer.body.get("views"), health["items"], health["rejected"]


NOTHING = {"count": 0, "first": {}}


def test_an_item_whose_only_image_is_deleted_is_absent(take_in: Taken, context: RebuildContext, query: Caller) -> None:
    put_image(context.catalogue, "x", BLUE)
    meddled = Meddled(context.catalogue, IMAGE, lambda bucket: bucket.delete(IMAGE))
    outcome, rejected = take_in(meddled)
    assert meddled.met
    assert (outcome, rejected) in [("published", 0), ("unchanged", 0)]
    assert shown(query) == (404, None, None, 12, NOTHING)


def test_an_item_that_is_deleted_whole_is_absent(take_in: Taken, context: RebuildContext, query: Caller) -> None:
    put_image(context.catalogue, "x", BLUE)
    put_document(context.catalogue, "x", {"price": 5, "images": [VIEW]})
    meddled = Meddled(context.catalogue, DOCUMENT, lambda bucket: bucket.delete(IMAGE, DOCUMENT))
    assert take_in(meddled)[1] == 0
    assert meddled.met
    assert shown(query) == (404, None, None, 12, NOTHING)


def test_an_item_keeps_its_document_when_its_image_is_deleted(
    take_in: Taken, context: RebuildContext, query: Caller
) -> None:
    put_image(context.catalogue, "x", BLUE)
    put_document(context.catalogue, "x", {"price": 5, "images": [VIEW]})
    meddled = Meddled(context.catalogue, IMAGE, lambda bucket: bucket.delete(IMAGE))
    assert take_in(meddled) == ("published", 0)
    assert meddled.met
    assert shown(query) == (200, {"price": 5}, [], 13, NOTHING)


def test_an_item_keeps_its_image_when_its_document_is_deleted(
    take_in: Taken, context: RebuildContext, query: Caller
) -> None:
    put_image(context.catalogue, "x", BLUE)
    put_document(context.catalogue, "x", {"price": 5})
    meddled = Meddled(context.catalogue, DOCUMENT, lambda bucket: bucket.delete(DOCUMENT))
    assert take_in(meddled) == ("published", 0)
    assert meddled.met
    assert shown(query) == (200, {}, [VIEW], 13, NOTHING)
    assert rebuild(context).outcome in ("published", "unchanged")
    assert shown(query) == (200, {}, [VIEW], 13, NOTHING)


def test_an_item_whose_document_is_emptied_has_no_fields(
    take_in: Taken, context: RebuildContext, query: Caller
) -> None:
    put_image(context.catalogue, "x", BLUE)
    put_document(context.catalogue, "x", {"price": 5})
    meddled = Meddled(context.catalogue, DOCUMENT, lambda bucket: bucket.put(DOCUMENT, b""))
    assert take_in(meddled) == ("published", 1)
    empty = {"count": 1, "first": {DOCUMENT: EMPTY_FILE}}
    assert shown(query) == (200, {}, [VIEW], 13, empty)
    again = rebuild(context)
    assert (again.rejected, again.ignored) == (1, 0)
    assert shown(query) == (200, {}, [VIEW], 13, empty)


def test_an_image_that_is_replaced_is_encoded_as_it_is_then(
    take_in: Taken, context: RebuildContext, query: Caller, encoder_runs: list[int]
) -> None:
    put_image(context.catalogue, "x", PRODUCTS[0].picture())
    meddled = Meddled(context.catalogue, IMAGE, lambda bucket: bucket.put(IMAGE, BLUE))
    assert take_in(meddled) == ("published", 0)
    found = query.json("/v1/search", {"id": "x", "k": 1, "include": ["embedding"]}).body["items"][0]
    assert (found["id"], round(found["score"], 3)) == ("blue-box", 1)
    encoder_runs.clear()
    assert rebuild(context).encoded == 0
    assert encoder_runs == []


def test_a_document_that_names_an_image_uploaded_since_rejects_nothing(
    take_in: Taken, context: RebuildContext, query: Caller
) -> None:
    """Whoever uploads an image before the document that names it is never told that the bucket lacks it."""

    def upload(bucket: Bucket) -> None:
        put_image(bucket, "x", BLUE, "new.png")
        put_document(bucket, "x", {"images": ["new.png", VIEW]})

    put_image(context.catalogue, "x", PRODUCTS[0].picture())
    put_document(context.catalogue, "x", {"price": 5})
    assert take_in(Meddled(context.catalogue, DOCUMENT, upload)) == ("published", 0)
    status, fields, views, items, rejected = shown(query)
    assert (status, fields, items, rejected) == (200, {}, 13, NOTHING)
    assert views in (["new.png", VIEW], [VIEW])
    assert rebuild(context).rejected == 0
    assert shown(query) == (200, {}, ["new.png", VIEW], 13, NOTHING)


class ClockOf(dt.datetime):
    """The clock of a machine that is ``off``."""

    off = dt.timedelta()

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
        return dt.datetime.now(tz) + cls.off


@pytest.fixture(params=[DAY, -DAY], ids=["a day ahead", "a day behind"])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dt.timedelta:
    """Sets the clock of all code that reads it to build; S3 goes by its own."""
    off: dt.timedelta = request.param
    seconds, real = off.total_seconds(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    for module in (assemble, gates):
        fake = type("Clock", (), {**vars(module.dt), "datetime": type("datetime", (ClockOf,), {"off": off})})
        monkeypatch.setattr(module, "dt", fake)
    return off


def test_a_clock_a_day_off_changes_nothing_of_what_is_published(
    clock: dt.timedelta, published: Rebuilt, context: RebuildContext, query: Caller, reported: Reported
) -> None:
    assert published.outcome == "published"
    assert published.snapshot is not None
    stamp = dt.datetime.strptime(published.snapshot[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    assert abs(stamp - dt.datetime.now(dt.UTC) - clock) < dt.timedelta(minutes=5)
    put_image(context.catalogue, "x", BLUE)
    done = reindex(
        ["x"],
        context.catalogue,
        context.artefacts,
        context.load,
        lambda name: load_tables(context.artefacts, name, context.cache),
    )
    assert (done.outcome, done.rejected) == ("published", 0)
    assert shown(query) == (200, {}, [VIEW], 13, NOTHING)
    context.catalogue.delete(IMAGE)
    assert rebuild(context).items == 12
    assert shown(query) == (404, None, None, 12, NOTHING)
    assert reported.lines


def test_a_lease_is_told_by_the_clock_of_the_store(clock: dt.timedelta, artefacts: Bucket) -> None:
    assert clock
    lease = ask(artefacts)
    assert lease is not None
    assert take(artefacts, "another") is None
    give_back(artefacts, lease)
    assert take(artefacts, "another") is not None


def test_the_newest_refusal_is_told_by_the_clock_of_the_store(artefacts: Bucket) -> None:
    """The id of the older one was stamped by a clock that was a day ahead."""
    live = read_head(artefacts).head.snapshot or "live"
    for name, against in (("20990102T000000-aaaaaaaa", "another"), ("20990101T000000-bbbbbbbb", live)):
        write_refusal(artefacts, Refusal(1, name, "2099-01-01", against, (), {}, {}))
        later(artefacts)
    newest = newest_refusal(artefacts, live)
    assert newest is not None
    assert newest.id == "20990101T000000-bbbbbbbb"
    assert refused_lately(artefacts, live, 3600)


def later(artefacts: Bucket) -> None:
    """Wait until the store stamps what is written with another second."""
    before = int(artefacts.now())
    while int(artefacts.now()) == before:
        pass
