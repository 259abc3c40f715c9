"""What the automatic method finds in generated images, without any setting."""

from __future__ import annotations

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.events import ignore
from superdsm_nb.metrics import score
from superdsm_nb.metrics.overlaps import count_overlaps
from superdsm_nb.synthetic import generate

FOUND, ADDED = 0.98, 0.01  # shares of the nuclei
SAME_OBJECT = 0.5  # IoU
NOISES = {
    "little": {"gain": 1.0, "read_noise": 3.0},
    "usual": {},
    "strong": {"gain": 40.0, "read_noise": 100.0},
}
QUICK = (6, 16, 30)  # radii


def segment(image):
    return superdsm_nb.segment(image, preset="automatic", emit=ignore)


def spread(radius, seed, **noise):
    """Separate nuclei of a radius, on a quarter of the area."""
    side = int(np.clip(12 * radius, 256, 1400))
    count = int(np.clip(0.25 * side**2 / (np.pi * radius**2), 8, 40))
    return generate(seed, (side, side), count, radius, clustering=0, **noise)


@pytest.mark.parametrize(
    "radius",
    [
        pytest.param(radius, marks=() if radius in QUICK else pytest.mark.slow)
        for radius in (4, 6, 10, 16, 30, 60, 100, 150)
    ],
)
@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_nuclei_of_every_size_are_found_whatever_the_noise(radius, noise):
    image, truth = spread(radius, 0, **noise)

    overlaps = count_overlaps(segment(image), truth)

    matches = np.count_nonzero(overlaps.iou > SAME_OBJECT)
    nuclei = overlaps.truth_sizes.size
    assert matches >= FOUND * nuclei
    assert overlaps.predicted_sizes.size - matches <= ADDED * nuclei


def test_most_nuclei_of_a_dense_crowd_are_found():
    image, truth = generate(seed=3, shape=(512, 512), nuclei=120, radius=16, clustering=1.0)

    assert score(segment(image), truth).ap50 >= 0.9
