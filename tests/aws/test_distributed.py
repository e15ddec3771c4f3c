"""The state machine of the template on MiniStack: its tasks are the rebuild function under Lambda's runtime client."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws.functions import FunctionError
from aws.services import Endpoint
from aws.stack import Invoke, Stack, deployed
from integration.shop import COLOURS, KINDS, SIDE, draw
from pictures import encoded
from step_functions.worlds import contents
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import document_key, image_key
from tonari.config import ANY_FALL
from tonari.encoders.store import load_encoder, save_encoder
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.s3 import S3Bucket
from tonari_tools.onnx.default import BuiltEncoder

SHARD, AT_ONCE = 25, 2
THINGS = list(itertools.product(COLOURS, KINDS, range(SIDE // 40, SIDE // 40 + 25)))
"""300 drawn pictures."""


class Misfortune:
    """Makes runs of the rebuild function fail, as Lambda reports it."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self.judge: Callable[[int, dict[str, Any], Callable[[], bytes]], bytes] = lambda _, __, run: run()
        self._lock = threading.Lock()

    def __call__(self, invoke: Invoke) -> Invoke:
        def run(event: bytes) -> bytes:
            said = json.loads(event)
            with self._lock:
                step = said.get("step", "")
                self.steps[step] += 1
                number = self.steps[step]
            return self.judge(number, said, lambda: invoke(event))

        return run


@pytest.fixture
def misfortune() -> Misfortune:
    return Misfortune()


@pytest.fixture
def stack(ministack: Endpoint, built: BuiltEncoder, tmp_path: Path, misfortune: Misfortune) -> Iterator[Stack]:
    with (
        deployed(ministack, tmp_path, SHARD, AT_ONCE, misfortune) as stack,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in ministack.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        catalogue, artefacts = S3Bucket(stack.catalogue), S3Bucket(stack.artefacts)
        for color, kind, inset in THINGS:
            item = f"{color}-{kind}-{inset:02}"
            catalogue.put(image_key(item, "front.png"), encoded(draw(color, kind, inset=2 * inset), "PNG"))
            catalogue.put(document_key(item), json.dumps({"color": color, "category": kind}).encode())
        use_encoder(artefacts, save_encoder(artefacts, built.model, built.config))
        yield stack


def test_the_same_snapshot_as_of_one_machine_though_runs_fail(
    stack: Stack, misfortune: Misfortune, built: BuiltEncoder, tmp_path: Path
) -> None:
    def judge(number: int, said: dict[str, Any], run: Callable[[], bytes]) -> bytes:
        match said.get("step"), number:
            case "encode", 2 | 5:
                raise FunctionError("Lambda.TooManyRequestsException", "Rate Exceeded.")
            case "encode", 3:
                raise FunctionError("Runtime.ExitError", "exit status 137")
            case "encode", 7:
                run()
                raise FunctionError("Runtime.ExitError", "the answer was lost")
            case "publish", 1:
                run()
                raise FunctionError("Sandbox.Timedout", "Task timed out after 900.00 seconds")
        return run()

    misfortune.judge = judge
    assert stack.machine
    started = stack.rebuild()
    assert started["outcome"] == "started"
    ended = stack.machine.wait(started["build"])
    assert ended.status == "SUCCEEDED", ended
    assert ended.output["outcome"] == "unchanged", "the first run had published"
    shards = len(THINGS) // SHARD
    assert (ended.children["total"], ended.children["succeeded"], ended.concurrency) == (shards, shards, AT_ONCE)
    assert misfortune.steps == {"": 1, "plan": 1, "encode": shards + 4, "publish": 2}
    catalogue, artefacts = S3Bucket(stack.catalogue), S3Bucket(stack.artefacts)
    head = read_head(artefacts).head
    assert (head.lease, head.snapshot) == (None, ended.output["snapshot"])
    other = boto3.session.Session().client("s3")
    other.create_bucket(Bucket=f"{stack.artefacts}-alone")
    other.close()
    alone = S3Bucket(f"{stack.artefacts}-alone")
    encoder = save_encoder(alone, built.model, built.config)
    use_encoder(alone, encoder)
    context = RebuildContext(
        catalogue,
        alone,
        lambda name: load_encoder(alone, name, tmp_path / "alone"),
        tmp_path / "alone",
        lambda *_: None,
        lambda: 900.0,
        ANY_FALL,
    )
    done = rebuild(context)
    assert done.snapshot
    assert head.snapshot
    found = contents(artefacts, head.snapshot, tmp_path / "mine")
    assert len(found) == len(THINGS) + 1
    assert found == contents(alone, done.snapshot, tmp_path / "mine")


def test_a_lost_shard_fails_the_execution_by_name_and_the_next_one_heals(stack: Stack, misfortune: Misfortune) -> None:
    doomed: set[str] = set()

    def judge(number: int, said: dict[str, Any], run: Callable[[], bytes]) -> bytes:
        if said.get("step") == "encode":
            if number == 4:
                doomed.add(said["shard"])
            if said["shard"] in doomed:
                raise FunctionError("Runtime.ExitError", "exit status 137")
        return run()

    misfortune.judge = judge
    assert stack.machine
    ended = stack.machine.wait(stack.rebuild()["build"])
    assert (ended.status, ended.error) == ("FAILED", "LostShardsError")
    (lost,) = doomed
    assert "1 shards could not be encoded" in ended.cause
    assert lost in ended.cause
    assert f"{SHARD} views from images/" in ended.cause
    assert ended.children["succeeded"] == len(THINGS) // SHARD
    head = read_head(S3Bucket(stack.artefacts)).head
    assert (head.lease, head.snapshot) == (None, None)
    misfortune.judge = lambda _, __, run: run()
    misfortune.steps.clear()
    again = stack.machine.wait(stack.rebuild()["build"])
    assert again.output["outcome"] == "published"
    assert misfortune.steps == {"": 1, "plan": 1, "publish": 1}, "what is left is one shard"
    assert again.output["items"] == len(THINGS)
