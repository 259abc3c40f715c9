"""Images without nuclei: nothing is found, and a nucleus in noise is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import superdsm_nb
from superdsm_nb.automatic.emptiness import without_shading
from superdsm_nb.events import ignore
from superdsm_nb.metrics import score
from superdsm_nb.synthetic import generate

SIDE = 256
ROWS, COLS = np.mgrid[:SIDE, :SIDE].astype(float)
FROM_CENTER = np.hypot(ROWS - 120, COLS - 140)


def noise(seed=0, spread=10.0, shape=(SIDE, SIDE)):
    return np.random.default_rng(seed).normal(100, spread, shape)


def clipped(image, spreads=0.0, spread=10.0):
    """As software leaves it that subtracts the background and more."""
    return np.clip(image - 100 - spreads * spread, 0, None).round().astype(np.uint16)


def photons(rate):
    """Count single ones, at a rate per pixel."""
    return np.random.default_rng(3).poisson(rate, (SIDE, SIDE))


EMPTY = {
    "noise": noise(),
    "strong noise in 8 bit": noise(spread=60.0).clip(0, 255).astype(np.uint8),
    "photons": np.random.default_rng(1).poisson(3, (SIDE, SIDE)),
    "few photons": np.random.default_rng(1).poisson(0.3, (SIDE, SIDE)),
    "enlarged noise": ndimage.zoom(noise(shape=(SIDE // 2, SIDE // 2)), 2, order=1),
    "a gradient in noise": noise() + 0.5 * COLS,
    "a steep gradient in noise": noise() + 2 * COLS,
    "vignetting in noise": noise() - (FROM_CENTER / 12) ** 2,
    **{f"noise clipped {t:g} deviations above its mean": clipped(noise(), t) for t in (0, 1, 2)},
    **{f"{rate:g} photons per pixel": photons(rate) for rate in (0.005, 0.02, 0.1)},
    **{f"noise smoothed by {sigma}": ndimage.gaussian_filter(noise(2), sigma) for sigma in (0.5, 1, 2, 3)},
}


def segment(image):
    return superdsm_nb.segment(image, preset="automatic", emit=ignore)


@pytest.mark.parametrize("image", EMPTY.values(), ids=EMPTY)
@pytest.mark.filterwarnings("ignore:.*no object")
def test_an_image_without_nuclei_has_no_objects(image):
    assert segment(image).max() == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sigma", [0, 1])
@pytest.mark.parametrize("shading", [0, 0.3])
def test_a_single_nucleus_in_noise_is_found(seed, sigma, shading):
    disk = np.hypot(ROWS - 100, COLS - 90) < 15
    image = ndimage.gaussian_filter(noise(seed) + 60 * disk + shading * COLS, sigma)

    labels = segment(image)

    assert labels.max() == 1
    assert np.count_nonzero((labels > 0) & disk) > 0.8 * np.count_nonzero((labels > 0) | disk)


@pytest.mark.parametrize(
    "expose",
    [
        *(lambda light, t=t: clipped(noise() + 60 * light, t) for t in (0, 1, 2, 3)),
        *(lambda light, rate=rate: photons(rate + 20 * rate * light) for rate in (0.05, 0.1, 0.5)),
    ],
)
def test_nuclei_are_found_though_most_pixels_have_one_value(expose):
    truth, _ = ndimage.label(np.hypot((ROWS % 64) - 32, (COLS % 64) - 32) < 12)

    labels = segment(expose(ndimage.gaussian_filter((truth > 0).astype(float), 1)))

    assert score(labels, truth).ap50 == 1


@pytest.mark.parametrize(("nuclei", "brightness", "seed"), [(45, 1000, 0), (60, 300, 0), (60, 300, 2)])
def test_a_crowd_that_covers_nearly_everything_is_no_noise(nuclei, brightness, seed):
    image, truth = generate(seed, (150, 150), nuclei, clustering=1.0, brightness=brightness)
    assert segment(image).max() > 0.5 * truth.max()


@pytest.mark.parametrize("spread", [1e-9, 5.0])
def test_a_single_nucleus_that_fills_much_of_the_image_is_no_shading(spread):
    disk = np.hypot(*np.mgrid[-100:100, -100:100]) < 80
    image = ndimage.gaussian_filter(100.0 * disk, 80 / 6) + noise(0, spread, disk.shape)
    assert segment(image).max() == 1


def test_a_foreground_that_is_everywhere_is_divided_all_the_same():
    image = noise(0, shape=(60, 60))
    everything = np.ones(image.shape, bool)
    assert superdsm_nb.segment(image, foreground=everything, emit=ignore).max() >= 1


def test_quadratic_shading_is_subtracted_though_there_are_nuclei():
    shading = 30 + 0.2 * ROWS - 0.1 * COLS + 0.001 * ROWS * COLS - (FROM_CENTER / 20) ** 2
    nuclei = 80.0 * (np.hypot((ROWS % 64) - 32, (COLS % 64) - 32) < 14)

    flat = without_shading(shading + nuclei + noise(spread=1.0) - 100)

    assert np.abs(flat[nuclei == 0]).max() < 6
    assert flat[nuclei > 0].min() > 70
