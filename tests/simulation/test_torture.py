"""What ``make torture`` does by the thousand, done a few times; and that each scene shows what its name says."""

from __future__ import annotations

from types import ModuleType

import pytest

from torture import crashes, engines, seeds


@pytest.mark.parametrize("part", [seeds, engines])
def test_a_few_worlds_hold(part: ModuleType) -> None:
    (figure,) = part.run(0.001, 0, print)
    assert (figure.tried, figure.failed) == (10, 0), figure.note


def test_a_few_crash_points_hold() -> None:
    figures = list(crashes.run(0.01, 0, print))
    assert len(figures) == len(crashes.SCENES)
    assert sum(figure.tried for figure in figures) > 20
    assert [figure.note for figure in figures if figure.failed] == []


@pytest.mark.parametrize("scene", crashes.SCENES, ids=lambda scene: scene.name)
def test_a_scene_shows_what_its_name_says(scene: crashes.Scene) -> None:
    what, prefix = scene.shows
    assert [key for did, key in crashes.calls(scene, 0) if did == what and key.startswith(prefix)]
