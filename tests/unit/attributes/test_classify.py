from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tonari.attributes import AttributeModel, Calibration, ClassWeights, by_vote, by_weights
from tonari.attributes.classify import MOST_RANKED
from tonari.attributes.discriminant import Form
from tonari.attributes.probability import Scale

NAMES = tuple(f"c{number:02}" for number in range(12))
ONES = np.ones(12, np.int64)
WEIGHTS = ClassWeights(NAMES, np.eye(12, dtype=np.float32), np.zeros(12, np.float32), ONES, np.arange(12))
SURE = Calibration(Scale(1.0), 0.6, 0.9, 500, 0.8, 0.8, 0.01, 0.7)
KNOWN = AttributeModel(False, WEIGHTS, WEIGHTS, Form(0.5, 0.0), dict.fromkeys(("discriminant", "means", "vote"), SURE))
UNTRIED = replace(KNOWN, calibrations={})


def query(**scores: float) -> np.ndarray:
    return np.array([[scores.get(name, 0.0) for name in NAMES]], np.float32)


def test_the_best_ten_in_order() -> None:
    asked = np.random.default_rng(0).standard_normal((1, 12)).astype(np.float32)

    found = by_weights(asked, KNOWN, "discriminant")

    order = np.argsort(-asked[0])[:MOST_RANKED]
    odds = np.exp(asked[0]) / np.exp(asked[0]).sum()
    assert [one.value for one in found.ranked] == [NAMES[code] for code in order]
    assert [one.score for one in found.ranked] == pytest.approx(odds[order].tolist(), rel=1e-5)


def test_what_is_not_sure_enough_is_withheld() -> None:
    sure, unsure = (by_weights(query(c03=score), KNOWN, "discriminant") for score in (4, 2))

    assert (sure.values, sure.abstained, sure.ranked[0].value) == (("c03",), False, "c03")
    assert (unsure.values, unsure.abstained, unsure.ranked[0].value) == ((), True, "c03")


def test_nobody_abstains_uncalibrated() -> None:
    for method in ("discriminant", "means"):
        found = by_weights(query(c03=0.1), UNTRIED, method)

        assert (found.values, found.abstained, found.calibrated) == (("c03",), False, False)
    assert by_weights(query(c03=0.1), UNTRIED, "means").ranked[0].score == pytest.approx(0.1)


def test_only_some_classes_come_into_question() -> None:
    found = by_weights(query(c03=3, c04=2, c05=2), KNOWN, "discriminant", {"c04", "c05", "unknown"})

    assert [(one.value, round(one.score, 6)) for one in found.ranked] == [("c04", 0.5), ("c05", 0.5)]
    assert (found.calibrated, found.values) == (False, ("c04",))
    assert by_weights(query(c03=3), KNOWN, "discriminant", set()).ranked == ()


def test_several_views_are_averaged() -> None:
    found = by_weights(np.vstack([query(c01=6), query(c01=2)]), UNTRIED, "means")

    assert found.ranked[0].score == pytest.approx(4)


def test_tags_are_given_each_by_itself() -> None:
    tags = replace(KNOWN, several=True)

    found = by_weights(query(c01=5, c07=3, c02=0.1), tags, "discriminant")

    assert found.values == ("c01", "c07")
    assert [round(one.score, 4) for one in found.ranked[:2]] == [0.9933, 0.9526]
    assert by_weights(query(), tags, "discriminant").values == ()
    assert by_weights(query(c01=5), replace(tags, calibrations={}), "discriminant").values == ("c01",)


def test_a_vote_for_a_class_without_weights() -> None:
    found = by_vote([("new",)] * 9, [0.9] * 9, KNOWN, typical=True)

    assert (found.ranked[0].value, found.calibrated, found.method) == ("new", True, "vote")
    assert found.ranked[0].score == pytest.approx(1.01 / (1.01 + 12 * 0.01))
    assert sum(one.score for one in found.ranked) < 1


def test_a_vote_of_others_than_were_tried_is_a_share() -> None:
    found = by_vote([("c01",), ("c02",), ("c01",)], [0.5] * 3, KNOWN, typical=False)

    assert [(one.value, round(one.score, 6)) for one in found.ranked] == [("c01", 0.666667), ("c02", 0.333333)]
    assert (found.calibrated, found.abstained) == (False, False)


def test_nobody_votes() -> None:
    assert by_vote([], [], KNOWN, typical=True).ranked == ()


LEAN = replace(SURE, scale=Scale(1.0, slope=0.9, offset=-0.2, lean=tuple(np.linspace(-2, 2, 12).tolist())))
LEANING = replace(KNOWN, calibrations=dict.fromkeys(("discriminant", "means", "vote"), LEAN))


@pytest.mark.parametrize("best", [0, 5, 11])
def test_calibration_changes_how_sure_a_class_is_but_not_which(best: int) -> None:
    asked = query(**{NAMES[best]: 3, NAMES[4]: 2})

    plain, found = (by_weights(asked, learned, "discriminant") for learned in (KNOWN, LEANING))

    assert [one.value for one in found.ranked[:2]] == [one.value for one in plain.ranked[:2]]
    assert [one.score for one in found.ranked] == sorted((one.score for one in found.ranked), reverse=True)
    assert (found.ranked[0].score > plain.ranked[0].score) is (best == 11)


def test_a_class_keeps_its_lean_among_fewer_classes() -> None:
    asked = query(c10=3, c11=2)
    few = [NAMES[10], NAMES[11], NAMES[3]]

    found = by_weights(asked, LEANING, "discriminant", few)

    taken = LEAN.scale.of([3, 10, 11]).softmax(np.array([0.0, 3.0, 2.0]))
    assert [one.score for one in found.ranked] == pytest.approx(sorted(taken.tolist(), reverse=True))


def test_the_vote_for_a_class_newer_than_the_model_has_no_lean() -> None:
    found = by_vote([("new",), ("new",), ("c11",)], [0.9, 0.9, 0.9], LEANING, typical=True)
    known = by_vote([("c11",), ("c11",), ("new",)], [0.9, 0.9, 0.9], LEANING, typical=True)

    assert [one.value for one in found.ranked[:2]] == ["new", "c11"]
    assert known.ranked[0].score > found.ranked[0].score
