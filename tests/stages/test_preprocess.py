"""The offset that is subtracted from the intensities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from superdsm_nb import filters, parallel
from superdsm_nb.config import Config
from superdsm_nb.preprocess import Preprocessing, local_offset


def test_the_preprocessing_has_no_seams(monkeypatch):
    g = np.random.default_rng(3).random((90, 70)) ** 6
    whole = Preprocessing()
    data = {"g_raw": g}
    whole(data, Config())
    monkeypatch.setattr(parallel, "STRIP", 50)
    monkeypatch.setattr(filters, "OVERLAP", 0)
    strips = {"g_raw": g}
    Preprocessing()(strips, Config())

    np.testing.assert_array_equal(strips["y"], data["y"])


def offset_oracle(g, sigma2, clip):
    """The clipped local offset, statement by statement as the method defines it."""
    original = ndimage.gaussian_filter(g, sigma2)
    limit = clip * g.std()
    clipped = ndimage.gaussian_filter(np.clip(g, 0, limit), sigma2)
    distance = ndimage.distance_transform_edt(g <= limit)
    w = np.maximum(0, sigma2 - distance)
    w = (w / w.max()) ** 2
    return (1 - w) * clipped + w * original


def test_the_offset_is_the_clipped_one_except_near_bright_pixels():
    g = np.random.default_rng(1).random((80, 90)) * 0.2
    g[30:34, 40:44] = 1.0

    np.testing.assert_allclose(local_offset(g, 12.0, 3.0), offset_oracle(g, 12.0, 3.0), atol=1e-12)


@pytest.mark.parametrize("clip", [math.inf, 50.0])
def test_without_pixels_above_the_clip_the_offset_is_a_plain_local_mean(clip):
    g = np.random.default_rng(2).random((50, 60))

    np.testing.assert_allclose(local_offset(g, 10.0, clip), ndimage.gaussian_filter(g, 10.0), atol=1e-12)


def test_an_exactly_flat_background_is_no_foreground():
    g = np.zeros((90, 100))
    g[40:60, 30:55] = 1.0
    data = {"g_raw": g}

    Preprocessing()(data, Config({"preprocess": {"sigma2": 11}}))

    flat = ndimage.distance_transform_edt(g == 0) > 4 * (11 + math.sqrt(2)) + 2
    assert flat.any()
    assert not (data["y"][flat] > 0).any()


def test_the_offset_is_raised_to_the_mean_if_asked():
    g = np.random.default_rng(3).random((50, 60)) ** 6
    data = {"g_raw": g}

    Preprocessing()(data, Config({"preprocess": {"sigma2": 5, "lower_clip_mean": True}}))

    expected = np.maximum(local_offset(g, 5, 3.0), g.mean())
    np.testing.assert_allclose(data["y"], ndimage.gaussian_filter(g, math.sqrt(2)) - expected, atol=1e-12)
