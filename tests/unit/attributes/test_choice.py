from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.attributes import Sample, study
from tonari.attributes.choice import choose_default, choose_form, choose_strength, compare
from tonari.attributes.crossfit import MIXTURE_FORMS, PLAIN_FORMS, HeldOutScores, leave_out, score_held_out
from tonari.attributes.discriminant import Form
from unit.attributes.samples import blobs, sample_of

COUNT = 400
TRUTH = np.arange(COUNT) % 2
FORM = Form(0.5, 0.0)


def margins(size: float, wrong: int, wrong_by: float = 1.0, start: int = 0) -> NDArray[np.float64]:
    """Score two classes: apart by ``size`` for the right one, by ``wrong_by`` for the other in ``wrong`` rows."""
    apart = np.where((np.arange(COUNT) >= start) & (np.arange(COUNT) < start + wrong), -wrong_by, size)
    return np.stack([np.where(code == TRUTH, apart, 0.0) for code in range(2)], axis=1)


def held_out(scores: dict[Form, NDArray[np.float64]], group: NDArray[np.int64] | None = None) -> HeldOutScores:
    belongs = np.eye(2, dtype=bool)[TRUTH]
    return HeldOutScores(belongs, np.ones(COUNT), np.arange(COUNT) if group is None else group, COUNT, scores)


def test_a_difference_has_the_error_of_its_groups() -> None:
    random = np.random.default_rng(0)
    gain = random.standard_normal(COUNT)
    alone = held_out({})
    pairs = replace(alone, group=np.arange(COUNT) // 2)
    doubled = np.repeat(gain[::2], 2)

    mean, error = compare(alone, gain, np.zeros(COUNT))
    _, error_of_pairs = compare(pairs, doubled, np.zeros(COUNT))

    assert mean == pytest.approx(gain.mean())
    assert error == pytest.approx(gain.std() / np.sqrt(COUNT))
    assert error_of_pairs == pytest.approx(gain[::2].std() / np.sqrt(COUNT / 2))


def test_of_forms_that_are_about_as_often_right_the_likeliest_is_chosen() -> None:
    scores = {form: margins(1.0, 80) for form in PLAIN_FORMS}
    likely, lucky, wrong = PLAIN_FORMS[0], PLAIN_FORMS[7], PLAIN_FORMS[13]
    scores[likely] = margins(4.0, 81, start=100)
    scores[lucky] = margins(1.0, 79)
    scores[wrong] = margins(9.0, 110, 0.01)

    assert choose_form(held_out(scores), several=False) == likely
    without = {**scores, likely: margins(1.0, 80)}
    assert choose_form(held_out(without), several=False) != wrong


def test_scores_of_all_forms_are_never_held_at_once() -> None:
    random = np.random.default_rng(6)
    features, codes = blobs(random, 100, 20, 8, 1.0)
    sample = sample_of(features, codes.tolist(), 100)
    folds = tuple(leave_out(sample, several=False))
    tracemalloc.start()
    try:
        choose_form(score_held_out(sample, folds, 100, several=False), several=False)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    of_one_form = len(sample) * 100 * np.dtype(np.float32).itemsize
    assert most < len(PLAIN_FORMS) * of_one_form


def test_subclasses_are_taken_where_they_are_surely_likelier() -> None:
    scores = {form: margins(1.0, 80) for form in (*PLAIN_FORMS, *MIXTURE_FORMS)}

    assert choose_form(held_out(scores), several=False).subclasses == "classes"
    assert choose_form(held_out({**scores, MIXTURE_FORMS[2]: margins(5.0, 60)}), several=False) == MIXTURE_FORMS[2]


@pytest.mark.parametrize(
    ("way", "chosen"),
    [
        ([(80, 1.0), (80, 1.0)], None),
        ([(70, 2.0), (60, 3.0), (90, 1.0), (90, 1.0)], 1),
        ([(90, 1.0), (90, 1.0), (10, 9.0)], None),
    ],
)
def test_refinement_goes_on_while_labels_become_likelier(way: list[tuple[int, float]], chosen: int | None) -> None:
    """The third way never comes to its best: nobody waits for more than two strengths that gain nothing."""
    found = held_out({FORM: margins(1.0, 80)})
    refined = [(replace(FORM, strength=10.0 - place), margins(size, wrong)) for place, (wrong, size) in enumerate(way)]

    form, scores = choose_strength(found, FORM, refined, several=False)

    expected = (FORM, found.scores[FORM]) if chosen is None else refined[chosen]
    assert form == expected[0]
    assert np.array_equal(scores, expected[1])


MORE_OFTEN = "The vote of the nearest items is right more often"
NOT_SURELY = "The vote of the nearest items is not surely better"
AT_LEAST = "It is right at least as often as the vote of the nearest items"


@pytest.mark.parametrize(
    ("discriminant", "vote", "default", "reason"),
    [
        (100, 60, "vote", f"{MORE_OFTEN} on held-out items: 0.85 against 0.75."),
        (84, 80, "discriminant", f"{NOT_SURELY} on held-out items: 0.80 against 0.79."),
        (60, 80, "discriminant", f"{AT_LEAST} on held-out items: 0.85 against 0.80."),
    ],
)
def test_the_vote_is_the_default_only_where_it_is_surely_better(
    discriminant: int, vote: int, default: str, reason: str
) -> None:
    found = choose_default(held_out({}), margins(1.0, discriminant), margins(1.0, vote, start=200))

    assert found == (default, reason)


def test_a_lead_that_comes_from_one_group_is_not_sure() -> None:
    group = np.where(np.arange(COUNT) < 120, 0, np.arange(COUNT))

    assert choose_default(held_out({}), margins(1, 120), margins(1, 80))[0] == "vote"
    assert choose_default(held_out({}, group), margins(1, 120), margins(1, 80))[0] == "discriminant"


def islands(seed: int) -> Sample:
    """Many small islands, each of a class by lot: what lies near is alike, but no plane parts the classes."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((80, 6))
    island = np.repeat(np.arange(80), 15)
    features = centres[island] + 0.1 * random.standard_normal((len(island), 6))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    order = random.permutation(len(island))
    return sample_of(features[order], random.integers(0, 3, 80)[island][order].tolist(), 3)


def test_labels_that_do_not_follow_looks_are_left_to_the_vote() -> None:
    found = study(islands(0), ("a", "b", "c"), several=False)

    assert found.model.default == found.quality.default == "vote"
    assert found.model.reason == found.quality.reason
    assert found.model.reason.startswith("The vote of the nearest items is right more often on held-out items: ")
    assert found.quality.methods["vote"].accuracy > found.quality.methods["discriminant"].accuracy + 0.1


def test_labels_that_follow_looks_are_not() -> None:
    features, codes = blobs(np.random.default_rng(0), 3, 200, 12, 0.15)

    found = study(sample_of(features, codes.tolist(), 3), ("a", "b", "c"), several=False)

    assert found.model.default == "discriminant"
    assert found.model.reason.startswith("It is right at least as often")


@pytest.mark.parametrize(
    ("codes", "reason"), [([0] * 150, "There is only one class."), ([0, 1] * 10, "Fewer than 30 items")]
)
def test_where_nothing_can_be_compared_the_reason_says_so(codes: list[int], reason: str) -> None:
    features = np.random.default_rng(0).standard_normal((len(codes), 4))

    found = study(sample_of(features, codes, 1 + max(codes)), ("a", "b")[: 1 + max(codes)], several=False)

    assert found.model.default == "discriminant"
    assert found.model.reason.startswith(reason)
