"""The state machine of the template over the real rebuild function: one execution after another goes wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from step_functions.machine import StateError
from step_functions.worlds import DIED, ENCODER, DigestEncoder, Misfortune, World
from tonari.builds.shards import PLANS
from tonari.catalogue.documents import image_key
from tonari.snapshots.head import read_head

ITEMS = 137

SAID = {"published", "unchanged"}
"""What an execution says that has published; the second if the answer to that was lost, and it was tried again."""
MOST_EXECUTIONS = 100
"""So often a rebuild is started, where each may fail for more than one reason."""


def fill(world: World, count: int = ITEMS) -> World:
    for number in range(count):
        said = {"price": number} if number % 3 else {}
        world.put(f"item-{number:04}", b"no picture" if number % 40 == 7 else None, **said)
    return world


def steps(world: World) -> Counter[str]:
    """Count the steps that are run from now on."""
    seen: Counter[str] = Counter()
    world.before_step = lambda step: seen.update([step])
    return seen


def test_many_functions_publish_what_one_does(tmp_path: Path) -> None:
    world = fill(World(tmp_path / "a"))
    seen = steps(world)
    machine = world.machine()
    answer = machine.run({"build": "b", "accept": False})
    assert answer["outcome"] == "published"
    assert seen == {"plan": 1, "encode": 14, "publish": 1}
    assert answer["outcomes"] == []
    assert world.published() == world.alone(tmp_path / "b")
    assert len(world.published()) == ITEMS + 1
    assert list(world.artefacts.list("work/")) == []
    assert read_head(world.artefacts).head.lease is None
    assert machine.counts.children == 14
    assert machine.counts.largest < 1_000


def test_few_views_are_encoded_by_who_publishes(tmp_path: Path) -> None:
    world = fill(World(tmp_path), 10)
    seen = steps(world)
    assert world.start()["outcome"] == "published"
    assert seen == {"plan": 1, "publish": 1}
    assert world.start("again")["outcome"] == "unchanged"


def test_what_comes_while_shards_are_encoded_is_published_too(tmp_path: Path) -> None:
    world = fill(World(tmp_path / "a"))

    def change(step: str) -> None:
        if step == "encode":
            world.put("new", price=1)
            world.put("item-0001", b"another picture", price=2)
            world.catalogue.delete(image_key("item-0003", "1.jpg"))

    world.before_step = change
    assert world.start()["outcome"] == "published"
    assert world.published() == world.alone(tmp_path / "b")
    assert "new" in world.published()


@pytest.mark.parametrize("seed", range(16))
def test_whatever_goes_wrong_the_snapshot_is_that_of_one_machine(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    odds = Misfortune(*(random.choice((0.0, 0.05, 0.2)) for _ in range(5)))
    world = fill(World(tmp_path / "a", random=random, misfortune=odds))
    outcomes: list[str] = []
    while not SAID.intersection(outcomes) and len(outcomes) < MOST_EXECUTIONS:
        outcomes.append(attempt(world, len(outcomes)))
    assert {*outcomes[:-1]} <= {DIED, "LostShardsError"}
    assert outcomes[-1] in SAID
    assert {attempt(world, number) for number in range(100, 103)} <= {"unchanged", DIED}
    assert world.published() == world.alone(tmp_path / "b")


def attempt(world: World, number: int) -> str:
    """Give the outcome of an execution, or the error that it failed with."""
    try:
        return str(world.start(f"build-{number}")["outcome"])
    except StateError as error:
        return error.error


@pytest.mark.parametrize("seed", range(8))
def test_who_loses_the_lease_publishes_nothing_and_the_next_goes_on(tmp_path: Path, seed: int) -> None:
    world = fill(World(tmp_path / "a", random=Random(seed), misfortune=Misfortune(robbed=0.1, twice=0.1, late=0.1)))
    outcomes = [world.start(f"build-{number}")["outcome"] for number in range(6)]
    world.misfortune = Misfortune()
    outcomes.append(world.start("last")["outcome"])
    assert set(outcomes) <= {"published", "unchanged", "superseded", "busy"}
    assert world.published() == world.alone(tmp_path / "b")


def test_another_rebuild_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    planned = world.invoke({"step": "plan", "build": "first", "accept": False})
    assert planned["outcome"] == "planned"
    seen = steps(world)
    assert world.start("second")["outcome"] == "busy"
    assert seen == {"plan": 1}
    assert read_head(world.artefacts).head.lease is not None


def test_a_shard_that_fails_for_ever_is_named_and_loses_no_other(tmp_path: Path) -> None:
    healthy, deadly = DigestEncoder(), DigestEncoder(lambda data: data == b"deadly")
    world = fill(World(tmp_path / "a", encoder=healthy))
    assert world.start("before")["outcome"] == "published"
    live = read_head(world.artefacts).head.snapshot
    world.encoder = deadly
    for number in range(50):
        world.put(f"new-{number:02}", b"deadly" if number == 33 else None)
    with pytest.raises(
        StateError, match=r"1 shards could not be encoded.*images/new-26/.* to images/new-35/"
    ) as raised:
        world.start("worse")
    assert raised.value.error == "LostShardsError"
    assert DIED in raised.value.cause
    head = read_head(world.artefacts).head
    assert (head.snapshot, head.lease) == (live, None)
    assert len(list(world.artefacts.list(f"work/{ENCODER}/"))) == 5  # of 6: pictures that are none are tried again
    world.put("new-33", b"harmless")
    before = deadly.encoded
    assert world.start("better")["outcome"] == "published"
    assert deadly.encoded - before <= 10 + 1  # the lost shard, and the canary picture
    assert world.published() == world.alone(tmp_path / "b")
    assert list(world.artefacts.list(PLANS)) != []  # until collection finds that nobody goes on with it


def test_throttles_are_waited_out(tmp_path: Path) -> None:
    world = fill(World(tmp_path / "a", random=Random(5), misfortune=Misfortune(throttled=0.9)))
    machine = world.machine()
    assert machine.run({"build": "b", "accept": False})["outcome"] == "published"
    assert machine.counts.retried.total() > 50
    world.misfortune = Misfortune()
    assert world.published() == world.alone(tmp_path / "b")


def test_a_list_that_cannot_be_read_ends_the_rebuild_and_its_lease(tmp_path: Path) -> None:
    world = fill(World(tmp_path))

    def lose(step: str) -> None:
        if step == "plan":
            return
        world.before_step = lambda _: None

    world.before_step = lose
    machine = world.machine()
    machine._read = lambda *_: b"["
    with pytest.raises(StateError) as raised:
        machine.run({"build": "b", "accept": False})
    assert raised.value.error == "States.ItemReaderFailed"
    assert read_head(world.artefacts).head.lease is None


def test_without_an_encoder_nothing_is_tried_twice(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    world.artefacts.delete("head.json")
    seen = steps(world)
    with pytest.raises(StateError) as raised:
        world.start()
    assert raised.value.error == "NotReadyError"
    assert seen == {"plan": 1, "give_up": 1}


def test_who_publishes_goes_on_in_another_run_when_time_is_short(tmp_path: Path) -> None:
    world = fill(World(tmp_path, misfortune=Misfortune(hurried=1.0)), 10)
    seen = steps(world)
    assert world.start()["outcome"] == "published"
    assert seen["plan"] > 1
    assert seen["publish"] == 2
