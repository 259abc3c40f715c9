"""The robust estimation of the scale, and what is said of an estimate at the end of its range."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import superdsm_nb
from superdsm_nb.automation import scale
from superdsm_nb.automation.scale import PUBLISHED_EXCESS, estimate_scale_robustly, midmean, scale_warnings
from superdsm_nb.errors import ScaleEstimationError
from superdsm_nb.io import imread
from superdsm_nb.kernels.blobs import suppress_overlapping
from superdsm_nb.synthetic import generate

from support import naive
from support.published import image_names, image_path

MIDDLE, SMALL = (20, 14) if naive.COMPILED else (7, 10)  # pixels


def nuclei(radius, seed=0):
    """An image of nuclei of about this radius, a dozen of radii wide."""
    side = int(18 * radius)
    return generate(seed=seed, shape=(side, side), nuclei=12, radius=radius, clustering=0).image.astype(float)


def moved(image, changed):
    """By which fraction the estimate moves."""
    return abs(estimate_scale_robustly(changed) / estimate_scale_robustly(image) - 1)


@pytest.mark.parametrize("radius", [7, 12, 25, 60] if naive.COMPILED else [7])
def test_the_robust_estimate_is_the_radius_of_the_nuclei(radius):
    estimate = estimate_scale_robustly(nuclei(radius)) / PUBLISHED_EXCESS * math.sqrt(2)

    assert estimate == pytest.approx(radius, rel=0.2)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image[::-1],
        lambda image: image[:, ::-1],
        lambda image: image.T,
        lambda image: 0.37 * image + 5,
        lambda image: image * (1 + 1e-7 * np.random.default_rng(0).standard_normal(image.shape)),
    ],
    ids=["upside down", "mirrored", "transposed", "another unit", "the last bit of single precision"],
)
def test_the_robust_estimate_does_not_depend_on_what_does_not_matter(change):
    image = nuclei(MIDDLE)

    assert moved(image, change(image)) < 1e-5


@pytest.mark.parametrize(("noise", "most"), [(0.05, 0.01), (0.2, 0.02)])
def test_noise_hardly_moves_the_robust_estimate(noise, most):
    image = nuclei(MIDDLE)
    rng = np.random.default_rng(1)

    assert moved(image, image + rng.normal(0, noise * image.std(), image.shape)) < most


def test_a_large_image_is_looked_at_in_windows(monkeypatch):
    image = nuclei(SMALL)
    tiled = np.pad(image, [(0, 2 * size) for size in image.shape], mode="symmetric")
    whole = estimate_scale_robustly(tiled)
    monkeypatch.setattr(scale, "MAX_WINDOWLESS_SIDE", tiled.shape[0] - 1)
    monkeypatch.setattr(scale, "WINDOW", image.shape[0])

    assert estimate_scale_robustly(tiled) == pytest.approx(whole, rel=0.1)
    assert next(scale._windows((500, 756))) == (slice(0, 500), slice(0, image.shape[1]))
    assert len(list(scale._windows(tiled.shape))) == 9


@pytest.mark.published
@pytest.mark.parametrize("dataset", ["U2OS", "NIH3T3", "BBBC039"])
def test_the_robust_estimate_of_real_images_stays_where_it_is(dataset):
    rng = np.random.default_rng(2)
    for name in image_names(dataset)[:3]:
        image = imread(image_path(dataset, name)).astype(float)
        assert moved(image, image[::-1, ::-1]) < 1e-4
        assert moved(image, image[1:, 1:]) < 0.03
        assert moved(image, image + rng.normal(0, 0.05 * image.std(), image.shape)) < 0.01


@pytest.mark.parametrize("image", [np.zeros((30, 30)), np.eye(3)])
def test_without_a_blob_there_is_no_robust_estimate(image):
    with pytest.raises(ScaleEstimationError, match="5 to 190 pixels"):
        estimate_scale_robustly(image)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), min_size=1, max_size=20))
@settings(deadline=None)
def test_the_midmean_is_that_of_each_value_repeated_by_its_weight(pairs):
    values, weights = zip(*pairs, strict=True)
    repeated = np.sort(np.repeat(values, 4 * np.array(weights)))
    quarter = repeated.size // 4

    found = midmean(np.array(values, float), np.array(weights, float))

    assert found == pytest.approx(repeated[quarter:-quarter].mean(), rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 8)), max_size=12))
@settings(deadline=None)
def test_blobs_that_are_left_are_apart_and_every_other_is_within_one_before_it(blobs):
    rows, cols, radii = np.array(blobs, float).reshape(-1, 3).T

    left = suppress_overlapping(rows.copy(), cols.copy(), radii.copy())

    def close(i, j):
        return math.hypot(rows[i] - rows[j], cols[i] - cols[j]) < max(radii[i], radii[j])

    for i in range(len(blobs)):
        assert left[i] != any(left[j] and close(i, j) for j in range(i))


def test_a_configuration_chooses_the_estimator():
    image = nuclei(12, seed=3)

    with pytest.warns(UserWarning, match='near the lower limit .* automation/estimator to "robust"'):
        published = superdsm_nb.segment(image, preset="published")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        robust = superdsm_nb.segment(image, {"automation": {"estimator": "robust"}})

    assert 9 <= robust.max() <= 12
    areas = np.bincount(robust.ravel())[1:]
    assert math.sqrt(np.median(areas) / math.pi) == pytest.approx(12, rel=0.15)
    assert published.shape == robust.shape


@pytest.mark.parametrize(
    ("estimator", "estimate", "expected"),
    [
        ("published", 28.28, ["lower limit"]),
        ("published", 42.4, []),
        ("published", 141.4, ["upper limit"]),
        ("robust", 5.4, ["lower limit"]),
        ("robust", 28.3, []),
        ("robust", 200.0, ["upper limit"]),
    ],
)
def test_an_estimate_at_the_end_of_its_range_is_doubted(estimator, estimate, expected):
    found = list(scale_warnings(estimator, estimate))

    assert [
        text for text in ("lower limit", "upper limit") if any(text in doubt for doubt in found)
    ] == expected
    assert all("diameter" in warning for warning in found)
    assert sum("robust" in doubt for doubt in found) == (estimate == 28.28)


def test_the_blobs_of_a_blurred_grid_are_measured_between_the_radii():
    grid = np.zeros((200, 200))
    grid[20::40, 20::40] = 1
    # A wider blob is measured as wider, even where both are nearest to the same radius looked at.
    found = [estimate_scale_robustly(ndimage.gaussian_filter(grid, sigma)) for sigma in (5.0, 5.2, 5.4, 5.6)]

    assert all(0.005 < later / earlier - 1 < 0.1 for earlier, later in itertools.pairwise(found))
