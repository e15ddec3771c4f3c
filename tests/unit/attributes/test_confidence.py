from __future__ import annotations

import numpy as np
import pytest

from tonari.attributes.confidence import Answers, fit_confidence, fit_line


def drawn(seed: int, count: int, classes: int, spread: float, slope: float = 1.0) -> tuple[Answers, np.ndarray]:
    """Answers by a line whose leans have a standard deviation of ``spread``; and the true probability of each."""
    random = np.random.default_rng(seed)
    code = random.integers(0, classes, count)
    x = np.clip(random.standard_normal(count) * 2 + 1, -9, 9)
    lean = random.standard_normal(classes) * spread
    true = 1 / (1 + np.exp(-(slope * x - 0.5 + lean[code])))
    return Answers(x, code, random.random(count) < true, np.ones(count)), true


def test_what_made_the_answers_is_found() -> None:
    answers, true = drawn(0, 20_000, 5, 1.0, 0.6)

    line = fit_line(answers, 5, 1.0)

    assert line.slope == pytest.approx(0.6, abs=0.03)
    assert line.probability(answers.x, answers.code) == pytest.approx(true, abs=0.03)


@pytest.mark.parametrize("classes", [1, 2, 40, 200])
def test_the_line_is_where_the_loss_is_least(classes: int) -> None:
    answers, _ = drawn(1, 500, classes, 1.0)

    line = fit_line(answers, classes, 3.0)

    has, lacks = answers.right.sum(), (~answers.right).sum()
    target = np.where(answers.right, (has + 1) / (has + 2), 1 / (lacks + 2))
    gap = line.probability(answers.x, answers.code) - target
    assert gap @ answers.x + 10 * (line.slope - 1) == pytest.approx(0, abs=0.05)
    assert gap.sum() + 0.1 * line.offset == pytest.approx(0, abs=0.05)
    assert np.bincount(answers.code, gap, classes) + 3 * line.lean == pytest.approx(np.zeros(classes), abs=0.05)


@pytest.mark.parametrize(("spread", "leans"), [(0.0, False), (1.5, True)])
def test_classes_lean_where_held_out_answers_say_so(spread: float, leans: bool) -> None:  # noqa: FBT001
    answers, _ = drawn(2, 2000, 40, spread)
    fresh, true = drawn(2, 2000, 40, spread)

    found = fit_confidence(answers, np.arange(2000), 40)

    assert (float(np.abs(found.line.lean).max()) > 0.7) is leans
    assert np.abs(found.line.probability(fresh.x, fresh.code) - true).mean() < 0.06


def test_an_answer_is_judged_by_a_line_that_has_not_seen_its_group() -> None:
    answers, _ = drawn(3, 600, 1, 0.0)
    group = np.repeat(np.arange(100), 6)
    apart = group % 5 == 2
    answers = Answers(answers.x, answers.code, answers.right & ~apart, answers.weight)

    found = fit_confidence(answers, group, 1)

    others = fit_line(answers.take(~apart), 1, 1.0).probability(answers.x, answers.code)
    all_of_them = found.line.probability(answers.x, answers.code)
    assert found.held_out[apart] == pytest.approx(others[apart], abs=0.03)
    assert np.abs(all_of_them - others)[apart].mean() > 0.06


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("count", [1, 30, 300])
@pytest.mark.parametrize("x", [-9.0, 0.0, 9.0])
def test_no_number_of_answers_makes_certain(right: bool, count: int, x: float) -> None:  # noqa: FBT001
    answers = Answers(np.full(count, x), np.zeros(count, np.int64), np.full(count, right), np.ones(count))

    found = fit_confidence(answers, np.arange(count), 3)

    said = found.line.probability(np.full(1, x), np.zeros(1, np.int64))[0]
    assert 0 < said < 1
    assert np.isfinite([found.line.slope, found.line.offset, *found.line.lean, *found.held_out]).all()
    if count == 300:
        assert (said > 0.97) if right else (said < 0.03)
    assert found.line.slope > 0


def test_weights_count_as_so_many_answers() -> None:
    answers, _ = drawn(4, 400, 3, 1.0)
    weight = np.where(np.arange(400) % 2, 1.0, 3.0)
    again = np.repeat(np.arange(400), weight.astype(int))

    once = fit_line(Answers(answers.x, answers.code, answers.right, weight), 3, 3.0)
    often = fit_line(Answers(answers.x[again], answers.code[again], answers.right[again], np.ones(len(again))), 3, 3.0)

    assert (once.slope, once.offset) == (pytest.approx(often.slope, abs=1e-4), pytest.approx(often.offset, abs=1e-4))
    assert once.lean == pytest.approx(often.lean, abs=1e-4)


def test_scores_that_say_the_opposite_still_rank_upwards() -> None:
    random = np.random.default_rng(5)
    x = random.standard_normal(2000) * 2
    answers = Answers(x, np.zeros(2000, np.int64), random.random(2000) < 1 / (1 + np.exp(x)), np.ones(2000))

    assert fit_line(answers, 1, 1.0).slope > 0
