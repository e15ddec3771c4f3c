from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.attributes import VOTERS, Grouping, Labels, draw, held_out_vote, labels, vote
from tonari.attributes.crossfit import folds_of
from tonari.attributes.held_out_vote import vote_of_other_folds
from tonari.index.vectors import from_fixed, to_fixed
from unit.attributes.samples import sample_of


@given(st.integers(0, 1 << 32), st.integers(1, 50), st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_a_sample_votes_as_single_items_do(seed: int, views: int, items: int) -> None:
    random = np.random.default_rng(seed)
    item = np.sort(random.integers(0, items, views))
    codes = random.integers(0, 3, items)
    features = random.standard_normal((views, 8))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    sample = sample_of(features, codes[item].tolist(), 3, item.tolist())
    fold = folds_of(sample, sample.part)

    rows, shares = vote_of_other_folds(sample)

    assert rows.tolist() == list(range(views))
    for row, share in zip(rows, shares, strict=True):
        near = {
            int(one): float(max(sample.features[item == one] @ sample.features[row]))
            for one in np.unique(item[fold != fold[row]])
        }
        voters = sorted(near, key=lambda one: -near[one])[:VOTERS]
        said = {one.value: one.score for one in vote(codes[voters, None].tolist(), [near[v] for v in voters])}
        assert share.tolist() == pytest.approx([said.get(code, 0.0) for code in range(3)], abs=1e-4)


def test_who_was_not_sampled_votes_too_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((300, 6))
    fixed = to_fixed((features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32))
    item = np.repeat(np.arange(150), 2).astype(np.int32)
    known = Labels(np.arange(150), random.integers(0, 3, 150), ("a", "b", "c"), several=False)
    grouping = Grouping(np.arange(150), np.arange(150) % 30)
    whole = draw(known, item, fixed, grouping)
    monkeypatch.setattr(labels, "MOST_VIEWS", 120)
    part = draw(known, item, fixed, grouping)
    for module in (labels, held_out_vote):
        monkeypatch.setattr(module, "BLOCK", 50)

    rows, shares = vote_of_other_folds(part)
    all_rows, all_shares = vote_of_other_folds(whole)

    assert whole.rest is None
    assert part.rest is not None
    assert len(part) + len(part.rest) == len(whole) == 300
    of = {tuple(one): share for one, share in zip(whole.features[all_rows].tolist(), all_shares, strict=True)}
    for row, share in zip(part.features[rows].tolist(), shares, strict=True):
        assert share == pytest.approx(of[tuple(row)], abs=1e-6)
    assert np.array_equal(from_fixed(fixed), whole.features)


def test_fewer_are_asked_of_a_large_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sample_of(np.random.default_rng(0).standard_normal((200, 4)), [0] * 200, 1)
    monkeypatch.setattr(held_out_vote, "MOST_COMPARED", 200 * 30)
    monkeypatch.setattr(held_out_vote, "LEAST_ASKED", 10)

    rows, _ = vote_of_other_folds(sample)

    assert len(rows) == 30
    assert np.array_equal(vote_of_other_folds(replace(sample))[0], rows)
