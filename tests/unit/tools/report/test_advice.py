from __future__ import annotations

import pytest

from tonari.contract.findings import AttributeQuality, MethodQuality
from tonari_tools.report.advice import advise


def advice(threshold: float, precision: float, support: float = 0.0) -> str:
    figures = MethodQuality(
        held_out=300,
        accuracy=0.8,
        macro_f1=0.8,
        calibration_error=0.02,
        coverage=0.6 if threshold <= 1 else 0.0,
        threshold=threshold,
        precision=precision,
        reliability=(),
        curve=(),
        confusion=(),
        support=support,
    )
    return " ".join(advise(AttributeQuality(False, ("a", "b"), (200, 100), {"discriminant": figures})))


@pytest.mark.parametrize(("precision", "least"), [(0.8, "9"), (0.9, "18"), (0.99, "186")])
def test_it_says_what_a_threshold_would_take(precision: float, least: str) -> None:
    said = advice(2.0, precision)

    assert "Never sure enough" in said
    assert f"at least {least} held-out answers that are all right" in said


def test_nothing_shows_that_a_value_is_never_wrong() -> None:
    said = advice(2.0, 1.0)

    assert "Never sure enough" in said
    assert "No number of items" in said
    assert "inf" not in said


def test_it_says_what_a_threshold_rests_on() -> None:
    said = advice(0.7, 0.9, 123.4)

    assert "at least 0.70" in said
    assert "123 independent held-out answers" in said
    assert "Never" not in said
