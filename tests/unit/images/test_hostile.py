"""A few of the pictures of ``make torture``, encoded in processes of their own."""

from __future__ import annotations

import sys

import pytest

from torture import pictures


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted as Linux does")
def test_hostile_pictures_cost_little_and_break_nothing() -> None:
    figures = list(pictures.run(0.01, 0, lambda _: None))

    assert [(figure.fault, figure.note) for figure in figures if figure.failed] == []
    assert len(figures) == 4
    assert sum(figure.tried for figure in figures) > 20
