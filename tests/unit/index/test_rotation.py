"""Rotations: what they keep, and what is estimated of the rest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.index.rotation import Rotation, estimate_cosines, learn_basis, mix
from tonari.index.vectors import from_fixed, to_fixed
from unit.index.samples import clusters, directions, unit_rows


def flat(rows: int, dimensions: int, kept: int, noise: float) -> NDArray[np.int16]:
    """Vectors that lie near a subspace, around a mean that is not 0."""
    random = np.random.default_rng(1)
    basis = np.linalg.qr(random.standard_normal((dimensions, kept)))[0]
    inside = (random.standard_normal((rows, kept)) + 1) @ basis.T
    return to_fixed(unit_rows(inside + noise * random.standard_normal((rows, dimensions))))


def test_a_basis_is_orthonormal_and_the_best_direction_comes_first() -> None:
    fixed = flat(800, 60, 8, 0.05)
    basis = learn_basis(from_fixed(fixed), 12)
    assert basis.shape == (60, 12)
    assert basis.dtype == np.float32
    assert basis.T @ basis == pytest.approx(np.eye(12), abs=1e-5)
    kept = np.square(from_fixed(fixed) @ basis).mean(axis=0)
    assert (np.diff(kept) <= 1e-6).all()


def test_no_other_directions_keep_inner_products_better() -> None:
    fixed = flat(800, 60, 8, 0.3)
    whole, turned = from_fixed(fixed), from_fixed(fixed) @ learn_basis(from_fixed(fixed), 8)
    centred = whole - whole.mean(axis=0)
    rivals = [np.linalg.svd(centred, full_matrices=False)[2][:8].T, np.linalg.qr(whole[:8].T)[0]]
    right = whole @ whole.T
    lost = [np.square(right - one @ one.T).sum() for one in (turned, *(whole @ rival for rival in rivals))]
    assert lost[0] < min(lost[1:])


def test_all_directions_change_no_angle() -> None:
    fixed = clusters(np.random.default_rng(2), 300, 24)
    whole, rotation = from_fixed(fixed), Rotation(learn_basis(from_fixed(fixed), 24))
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    turned, length = rotation.turn(whole)
    assert length == pytest.approx(np.ones(300), abs=1e-5)
    assert turned @ turned.T == pytest.approx(whole @ whole.T, abs=1e-5)
    assert rotation.turn_back(turned) == pytest.approx(whole, abs=1e-5)


def test_vectors_within_the_directions_come_back() -> None:
    rotation = Rotation(learn_basis(from_fixed(flat(800, 60, 8, 0.0)), 8))
    whole = from_fixed(flat(800, 60, 8, 0.0))
    assert rotation.turn_back(rotation.turn(whole)[0]) == pytest.approx(whole, abs=1e-3)


@pytest.mark.parametrize("rows", [1, 50])
def test_copies_of_one_vector(rows: int) -> None:
    fixed = np.repeat(to_fixed(directions(np.random.default_rng(3), 1, 40)), rows, axis=0)
    turned, length = Rotation(learn_basis(from_fixed(fixed), 10)).turn(from_fixed(fixed))
    assert np.isfinite(turned).all()
    assert length == pytest.approx(np.ones(rows), abs=1e-3)
    assert np.abs(turned[:, 0]) == pytest.approx(np.ones(rows), abs=1e-3)


def test_a_vector_of_which_nothing_is_left_has_length_one_still() -> None:
    rotation = Rotation(np.eye(6, 3, dtype=np.float32))
    turned, length = rotation.turn(np.eye(6, dtype=np.float32)[3:])
    assert length.tolist() == [0, 0, 0]
    assert turned.tolist() == [[1, 0, 0]] * 3


def test_estimates_are_right_for_copies_and_without_bias_for_neighbours() -> None:
    fixed = flat(4000, 80, 30, 0.25)
    whole = from_fixed(fixed) / np.linalg.norm(from_fixed(fixed), axis=1, keepdims=True)
    turned, length = Rotation(learn_basis(from_fixed(fixed), 24)).turn(whole)
    cosines = turned[:100] @ turned.T
    estimates = estimate_cosines(cosines, length, length[:100, None])
    assert estimates[np.arange(100), np.arange(100)] == pytest.approx(np.ones(100), abs=1e-5)
    near = np.argsort(-cosines, axis=1)[:, 1:21]
    right = np.take_along_axis(whole[:100] @ whole.T, near, axis=1)
    guessed, plain = (np.take_along_axis(one, near, axis=1) for one in (estimates, cosines))
    assert abs((guessed - right).mean()) < 0.02
    assert np.abs(guessed - right).mean() < 0.3 * np.abs(plain - right).mean()


def test_mixed_directions_keep_the_same_and_spread_it_evenly() -> None:
    fixed = flat(800, 60, 8, 0.1)
    basis = learn_basis(from_fixed(fixed), 12)
    mixed = mix(basis)
    whole = from_fixed(fixed)
    assert mixed.T @ mixed == pytest.approx(np.eye(12), abs=1e-5)
    assert (whole @ mixed) @ (whole @ mixed).T == pytest.approx((whole @ basis) @ (whole @ basis).T, abs=1e-5)
    assert np.square(whole @ mixed).mean(axis=0).max() < 0.5 * np.square(whole @ basis).mean(axis=0).max()
    assert np.array_equal(mixed, mix(basis))
