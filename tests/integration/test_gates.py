"""A catalogue whose labels were shuffled is not published unless its owner wants it; nothing is lost by that."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import msgspec
import pytest

import pictures
from aws.services import Endpoint
from integration.events import Caller
from integration.shop import COLOURS, KINDS, draw, put_document, put_image
from tonari.aws.functions import Handler
from tonari.builds import rebuild as rebuilding
from tonari.builds.encode import list_checkpoints
from tonari.builds.lease import ask, give_back
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.catalogue.documents import SCHEMA, document_key
from tonari.contract.artefacts import Refusal, Regression
from tonari.contract.health import HealthAnswer
from tonari.errors import InvalidRequestError, StoreError
from tonari.snapshots.head import KEPT, REFUSALS, newest_refusal, read_head, write_refusal
from tonari.storage.bucket import Bucket
from tonari_tools.cli.answer_tables import status_table
from tonari_tools.cli.main import main
from tonari_tools.tables import plain

SCHEMA_JSON = {"fields": {"color": {"type": "string", "attribute": True}}, "split_by": "series"}
"""No thing is of a series: each stands for itself."""
EACH = 12


class Context:
    """Lambda's, as far as it is used."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@functools.cache
def things() -> dict[str, tuple[str, bytes]]:
    """Colour and picture of 144 drawn things, by id."""
    return {
        f"{color}-{kind}-{number:02}": (color, pictures.encoded(draw(color, kind, inset=20 + 6 * number), "PNG"))
        for color in COLOURS
        for kind in KINDS
        for number in range(EACH)
    }


def shuffle(catalogue: Bucket, seed: int) -> None:
    """Give all things colours that others have."""
    colours = [color for color, _ in things().values()]
    random.Random(seed).shuffle(colours)
    for item, color in zip(things(), colours, strict=True):
        put_document(catalogue, item, {"color": color})


@pytest.fixture
def good(context: RebuildContext, encoder: str) -> Rebuilt:
    """All colours right, live."""
    assert encoder
    context.catalogue.put(SCHEMA, json.dumps(SCHEMA_JSON).encode())
    for item, (color, picture) in things().items():
        put_image(context.catalogue, item, picture)
        put_document(context.catalogue, item, {"color": color})
    return rebuild(context)


def refusals(artefacts: Bucket) -> list[dict[str, Any]]:
    return [json.loads(artefacts.get(found.key).data) for found in artefacts.list(REFUSALS)]


def test_shuffled_labels_are_refused_and_accepted(
    good: Rebuilt, context: RebuildContext, rebuilder: Handler, query: Caller, encoder_runs: list[int],
    log: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    before = read_head(context.artefacts)
    assert query.get("/v1/health").body["refused"] is None
    shuffle(context.catalogue, 1)
    put_image(context.catalogue, "new", pictures.encoded(draw("red", "box", inset=33), "PNG"))

    answer = rebuilder({}, Context())

    assert (answer["outcome"], answer["snapshot"], answer["encoded"]) == ("refused", good.snapshot, 1)
    assert "accuracy of color by discriminant fell from" in answer["why"]
    assert [record.levelname for record in log.records if "refused" in record.message] == ["ERROR", "INFO"]
    assert read_head(context.artefacts).head.snapshot == before.head.snapshot
    (refusal,) = refusals(context.artefacts)
    assert (refusal["format"], refusal["live"]) == (1, good.snapshot)
    assert {fall["what"] for fall in refusal["falls"]} >= {
        f"accuracy of color by {by}" for by in ("discriminant", "vote")
    }
    for fall in refusal["falls"]:
        assert fall["live"] - fall["now"] > fall["margin"] > 0
    assert refusal["attributes"]["color"]["methods"]["vote"]["held_out"] == 144
    assert {found.key.split("/")[1] for found in context.artefacts.list("snapshots/")} == {good.snapshot}
    assert query.get("/v1/items/red-ball-00").body["fields"]["color"] == "red"
    health = query.get("/v1/health").body
    assert health["refused"] == {name: refusal[name] for name in ("id", "at", "live", "falls")}
    said = plain(*status_table(msgspec.convert(health, HealthAnswer), "here"))
    assert f"refused   snapshot {refusal['id']}" in said
    assert "accuracy of color by discriminant: " in said
    assert ", on 144 items held out" in said

    encoder_runs.clear()
    assert rebuilder({}, Context())["outcome"] == "refused"
    assert len(refusals(context.artefacts)) == 2
    answer = rebuilder({"accept": True}, Context())
    assert (answer["outcome"], answer["encoded"], answer["views"], encoder_runs) == ("published", 0, 145, [])
    assert list_checkpoints(context.artefacts, str(before.head.encoder)) == []
    assert query.get("/v1/health").body["refused"] is None
    assert query.get("/v1/items/new").status == 200


def test_a_small_change_passes(good: Rebuilt, context: RebuildContext) -> None:
    put_document(context.catalogue, "red-ball-00", {"color": "green"})
    context.catalogue.delete(document_key("blue-box-03"))
    done = rebuild(context)
    assert (done.outcome, done.why) == ("published", "")
    assert done.snapshot != good.snapshot
    assert refusals(context.artefacts) == []


@pytest.mark.usefixtures("good")
def test_all_shards_of_a_refused_rebuild_are_kept(
    context: RebuildContext, encoder: str, encoder_runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SHARD", 2)
    shuffle(context.catalogue, 2)
    for number in range(5):
        put_image(context.catalogue, f"new{number}", pictures.encoded(draw("red", "box", inset=31 + number), "PNG"))
    encoder_runs.clear()
    done = rebuild(context)
    assert (done.outcome, done.encoded, sum(encoder_runs)) == ("refused", 5, 5)
    assert len(list_checkpoints(context.artefacts, encoder)) == 3
    again = rebuild(context)
    assert (again.outcome, again.encoded, sum(encoder_runs)) == ("refused", 0, 5)
    assert len(list_checkpoints(context.artefacts, encoder)) == 3


@pytest.mark.usefixtures("good")
def test_a_refused_rebuild_is_not_asked_for_again_and_again(
    context: RebuildContext, artefacts: Bucket, rebuilder: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffle(context.catalogue, 3)
    asked = ask(artefacts)
    assert asked
    assert ask(artefacts) is None
    assert rebuilder({"build": asked.build}, Context())["outcome"] == "refused"
    assert ask(artefacts) is None
    monkeypatch.setattr("tonari.builds.lease.REFUSED_SECONDS", -10)
    again = ask(artefacts)
    assert again
    give_back(artefacts, again)
    monkeypatch.undo()
    assert rebuilder({"accept": True}, Context())["outcome"] == "published"
    assert ask(artefacts) is not None


@pytest.mark.parametrize("event", [{"accept": "yes"}, {"acept": True}])
def test_an_order_that_is_none_rebuilds_nothing(
    event: dict[str, Any], rebuilder: Handler, artefacts: Bucket, encoder: str
) -> None:
    assert encoder
    before = [found.key for found in artefacts.list("")]
    with pytest.raises(InvalidRequestError):
        rebuilder(event, Context())
    assert [found.key for found in artefacts.list("")] == before


@pytest.mark.usefixtures("good")
def test_the_command_says_why_and_can_accept(
    context: RebuildContext, on_seaweed: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on_seaweed
    monkeypatch.setenv("TONARI_CATALOGUE_BUCKET", context.catalogue.name)
    monkeypatch.setenv("TONARI_ARTEFACT_BUCKET", context.artefacts.name)
    shuffle(context.catalogue, 4)
    assert main(["rebuild"]) == 1
    said = capsys.readouterr().err
    assert "Nothing was published: accuracy of color by" in said
    assert "tonari rebuild --accept" in said
    assert main(["rebuild", "--accept"]) == 0
    assert capsys.readouterr().out.startswith("published: 144 items, 144 views (0 encoded, 144 reused)")


@pytest.mark.usefixtures("good")
def test_margins_are_settings(context: RebuildContext, functions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONARI_ACCURACY_MARGIN", "1")
    monkeypatch.setenv("TONARI_RECALL_MARGIN", "1")
    shuffle(context.catalogue, 5)
    assert functions.rebuild_function()({}, Context())["outcome"] == "published"


def test_the_last_twenty_refusals_are_kept(artefacts: Bucket) -> None:
    falls = (Regression("recall at 1", 0.9, 0.5, 0.01, None),)
    for number in range(KEPT + 3):
        refusal = Refusal(1, f"20260101T0000{number:02}-x", "2026-01-01T00:00:00+00:00", "live", falls, {"1": 0.5}, {})
        write_refusal(artefacts, refusal)
    ids = [one["id"] for one in refusals(artefacts)]
    assert ids == [f"20260101T0000{number:02}-x" for number in range(3, KEPT + 3)]
    newest = newest_refusal(artefacts, "live")
    assert newest
    assert newest.id == ids[-1]
    assert newest_refusal(artefacts, "another") is None
    assert newest_refusal(artefacts, None) is None


@pytest.mark.usefixtures("published")
def test_health_does_without_refusals_that_cannot_be_read(query: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("S3 is out of order.")

    assert query.get("/v1/health").body["refused"] is None
    monkeypatch.setattr("tonari.api.handlers.newest_refusal", fail)
    answer = query.get("/v1/health")
    assert (answer.status, answer.body["status"], answer.body["refused"]) == (200, "ok", None)
