from __future__ import annotations

import numpy as np
import pytest

from networks import noise, small
from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.calibration import best_range, calibrate


def rounded(values, one):
    codes = np.clip(np.rint(values / one.scale) + float(one.zero), 0, 255)
    return (codes - float(one.zero)) * one.scale


def test_a_range_has_zero_in_it_and_reaches_both_ends():
    values = np.linspace(-1, 3, 5000, dtype=np.float32)
    one = best_range(values)
    assert rounded(np.zeros(1), one) == 0
    assert np.abs(rounded(values, one) - values).max() < 4 / 255
    assert best_range(np.linspace(2, 3, 100, dtype=np.float32)).zero == 0


def test_an_outlier_is_clipped_when_that_leaves_less_error():
    values = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    values[0] = 12
    one = best_range(values)
    plain = np.float32((12 - values.min()) / 255)
    whole = np.rint(values / plain) * plain
    assert one.scale < plain
    assert np.square(rounded(values, one) - values).sum() < np.square(whole - values).sum()


def test_zeros_have_a_range():
    one = best_range(np.zeros(10, np.float32))
    assert one.scale > 0
    assert np.isfinite(one.scale)


def test_ranges_are_those_of_the_tensors():
    model, views = small(), noise(8)
    found = calibrate(model, "image", ["Div_2", "Clip_4"], views)
    assert 255 * found["Div_2"].scale == pytest.approx(1, rel=0.05)
    assert 0.5 < 255 * found["Clip_4"].scale <= 6 * 1.001
    assert {int(one.zero) for one in found.values()} == {0}
    assert calibrate(model, "image", ["Div_2", "Clip_4"], views) == found


def test_a_graph_that_fails_says_so():
    with pytest.raises(InvalidEncoderError, match="failed on input"):
        calibrate(small(), "image", ["Div_2"], [np.zeros((2, 2, 3), np.uint8)])
