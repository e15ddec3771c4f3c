"""Whatever artefact is damaged, wherever it lies: nobody dies, no answer is wrong, and a whole state answers."""

from __future__ import annotations

import pytest

from damage.child_reader import World, build_world
from torture.flips import trial


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("world"))


def outcomes(world: World, place: str, trials: int) -> dict[str, tuple[int, int]]:
    said: list[str] = []
    figures = {figure.fault: (figure.tried, figure.failed) for figure in trial(world, place, trials, 7, said.append)}
    assert said == []
    return figures


def test_a_cold_reader_fetches_what_is_damaged_in_its_cache(world: World) -> None:
    assert outcomes(world, "cache, cold", 16) == {"any other file damaged, cache, cold": (16, 0)}


def test_a_warm_reader_survives_damage_of_what_it_has_mapped(world: World) -> None:
    assert outcomes(world, "cache, warm", 16) == {"any other file damaged, cache, warm": (16, 0)}


def test_a_warm_reader_keeps_its_state_where_the_next_is_damaged(world: World) -> None:
    assert outcomes(world, "bucket, warm", 11) == {
        "any other file damaged, bucket, warm": (10, 0),
        "the head damaged, bucket, warm": (1, 0),
    }


def test_a_cold_reader_answers_from_the_state_before(world: World) -> None:
    assert outcomes(world, "bucket, cold", 11) == {
        "any other file damaged, bucket, cold": (10, 0),
        "the head damaged, bucket, cold": (1, 0),
    }
