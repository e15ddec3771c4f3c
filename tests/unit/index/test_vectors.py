from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tonari.errors import InvalidVectorError
from tonari.index.vectors import UNIT, from_fixed, quantise, to_fixed, unit, unit_rows

SEEDS = st.integers(0, 1 << 32)


# --- embeddings as they are kept


def test_what_is_kept_is_kept_for_good() -> None:
    """Read and kept again, build after build, nothing drifts."""
    every = np.arange(-UNIT, UNIT + 1, dtype=np.int16)

    assert np.array_equal(to_fixed(from_fixed(every)), every)


@given(SEEDS, st.integers(1, 400), st.floats(0, 8))
@settings(max_examples=60, deadline=None)
def test_rounding_moves_no_cosine_by_more_than_it_may(seed: int, dimensions: int, unevenness: float) -> None:
    """However unequal the components are: half a unit each, and a query is of length 1."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((20, dimensions)) * np.exp(unevenness * random.random(dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    moved = np.abs(rows @ (from_fixed(to_fixed(rows)) - rows).T)

    assert moved.max() <= 0.51 / UNIT * np.sqrt(dimensions)


# --- quantise


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6)))
@settings(max_examples=80, deadline=None)
def test_codes(embeddings: NDArray[np.float32]) -> None:
    if not np.isfinite(embeddings).all():
        with pytest.raises(InvalidVectorError, match="NaN or infinity"):
            quantise(embeddings)
        return

    codes, scale = quantise(embeddings)

    assert codes.dtype == np.int8
    assert codes.shape == embeddings.shape
    largest = np.abs(embeddings.astype(np.float64)).max(initial=0)
    assert np.abs(codes).max(initial=0) == (127 if largest else 0)
    assert np.abs(embeddings / (largest or 1) * 127 - codes).max(initial=0) <= 0.5001
    assert np.isfinite(scale)
    assert scale == pytest.approx(127 / largest if largest else 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("value", ["tiny", "smallest_subnormal", "max"])
def test_codes_of_extremes(dtype: type[np.floating], value: str) -> None:
    embeddings = np.array([[getattr(np.finfo(dtype), value), 0], [0, -getattr(np.finfo(dtype), value)]], dtype)

    assert quantise(embeddings)[0].tolist() == [[127, 0], [0, -127]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_no_codes_of_what_is_not_finite(wrong: float, dtype: type[np.floating]) -> None:
    with pytest.raises(InvalidVectorError, match="NaN or infinity"):
        quantise(np.array([[1, 0], [0, wrong]], dtype))


def test_codes_of_many_rows_share_one_scale() -> None:
    rows = np.full((20_000, 2), 0.5, np.float16)
    rows[-1] = 1

    codes, scale = quantise(rows)

    assert (codes[:-1] == 64).all()
    assert codes[-1].tolist() == [127, 127]
    assert scale == 127


# --- unit


@given(hnp.arrays(np.float64, 5))
@settings(max_examples=80, deadline=None)
def test_unit(vector: NDArray[np.float64]) -> None:
    assume(np.isfinite(vector).all() and vector.any())

    found = unit(vector, 5)

    assert found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found / np.abs(found).max(), vector / np.abs(vector).max(), atol=1e-6)


@pytest.mark.parametrize("value", [5e-324, 1e-300, 1e-40, 1e40, 1e308, 1.7976931348623157e308])
def test_unit_of_extremes(value: float) -> None:
    np.testing.assert_allclose(unit(np.array([value, -value, 0, 0]), 4), [0.5**0.5, -(0.5**0.5), 0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("vector", "says"),
    [
        ([1.0, np.nan], "NaN or infinity"),
        ([1.0, np.inf], "NaN or infinity"),
        ([-np.inf, 1.0], "NaN or infinity"),
        ([0.0, -0.0], "length 0"),
        ([1.0], r"shape \(1,\).*\(2,\)"),
        ([1.0, 2.0, 3.0], r"shape \(3,\).*\(2,\)"),
        ([[1.0, 2.0]], r"shape \(1, 2\).*\(2,\)"),
        ([], r"shape \(0,\)"),
    ],
)
def test_vectors_that_cannot_be_used(vector: list[float], says: str) -> None:
    with pytest.raises(InvalidVectorError, match=says):
        unit(np.array(vector, np.float64), 2)


def test_the_vector_given_stays_as_it_is() -> None:
    vector = np.array([3.0, 4.0])
    unit(vector, 2)

    assert vector.tolist() == [3.0, 4.0]


def test_rows_get_length_1_and_what_has_none_is_named() -> None:
    rows = np.array([[3, 4], [1e-300, 0], [-1e300, 1e300], [0, -2]])

    right = np.array([[0.6, 0.8], [1, 0], [-(0.5**0.5), 0.5**0.5], [0, -1]])
    assert np.allclose(from_fixed(unit_rows(rows)), right, atol=1e-4)
    for wrong in (0.0, np.nan, np.inf):
        rows[1] = wrong
        with pytest.raises(InvalidVectorError, match="Vector 1 has"):
            unit_rows(rows)
