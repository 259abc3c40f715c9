"""What the automatic method finds does not depend on the unit of the intensities, on defects, or on the view.

Each test changes an image and expects at least 97 % of the objects, apart from those near the border of the
image or near the change itself, to keep their outlines (IoU of at least 0.9). ``benchmarks/invariance.py``
measures the same on more images, and prints figures.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import resize

import superdsm_nb
from superdsm_nb.events import ignore
from superdsm_nb.io import imread
from superdsm_nb.metrics.overlaps import count_overlaps
from superdsm_nb.render import rasterize_labels
from superdsm_nb.synthetic import generate

from support.published import image_names, image_path

SAME_OUTLINE = 0.9  # IoU
STAYING = 0.97  # share of the objects
CLOSE = 1.5  # radii; objects that are nearer to the border or to the change are not compared
FRAME = 100  # pixels
ARRANGEMENTS = {
    "sparse": {"seed": 0},
    "crowded": {"seed": 1, "shape": (320, 320), "nuclei": 36, "clustering": 1.0},
}
REAL = {"BBBC039": 0, "DSB2018": 40, "Huh7": 0}  # which image of the set


class Segmented:
    """An image with its segmentation."""

    def __init__(self, image):
        self.image = image
        self.labels = segment(image)
        self.radius = math.sqrt(np.median(np.bincount(self.labels.ravel())[1:]) / math.pi)

    def staying(self, labels, touched=None):
        """Share of the objects that have the same outline in another label map of the same frame."""
        is_edge = np.pad(
            np.zeros(self.image.shape, bool) if touched is None else touched, 1, constant_values=True
        )
        away = ndimage.distance_transform_edt(~is_edge)[1:-1, 1:-1]
        numbers = np.arange(1, self.labels.max() + 1)
        compared = ndimage.minimum(away, self.labels, numbers) > CLOSE * self.radius
        assert compared.sum() >= 5
        found = count_overlaps(self.labels, np.ascontiguousarray(labels))
        best = np.zeros(numbers.size)
        np.maximum.at(best, found.rows, found.iou)
        return np.mean(best[compared] >= SAME_OUTLINE)


def segment(image):
    return superdsm_nb.segment(np.ascontiguousarray(image), preset="automatic", emit=ignore)


@pytest.fixture(scope="module")
def sparse():
    return Segmented(generate(**ARRANGEMENTS["sparse"]).image)


@pytest.fixture(scope="module")
def crowded():
    return Segmented(generate(**ARRANGEMENTS["crowded"]).image)


@pytest.fixture(scope="module", params=REAL)
def real(request):
    return Segmented(imread(image_path(request.param, image_names(request.param)[REAL[request.param]])))


INTENSITIES = {
    "a constant added to 16-bit numbers": lambda image: image.astype(np.uint16) + np.uint16(1000),
    "a constant added": lambda image: image + 0.37 * image.max(),
    "a large constant subtracted": lambda image: image - 5.0 * image.max(),
    "16-bit numbers multiplied": lambda image: (
        image.astype(np.uint16) * np.uint16(min(3, 65535 // int(image.max())))
    ),
    "divided by 1000": lambda image: 0.001 * image,
    "a million times as much": lambda image: 1e6 * image,
}
VIEWS = {
    "upside down": np.flipud,
    "mirrored": np.fliplr,
    "transposed": np.transpose,
}


@pytest.mark.parametrize("change", INTENSITIES.values(), ids=INTENSITIES)
def test_the_unit_and_the_offset_of_the_intensities_do_not_matter(crowded, change):
    assert crowded.staying(segment(change(crowded.image))) >= STAYING


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_the_view_does_not_matter(crowded, view):
    assert crowded.staying(view(segment(view(crowded.image)))) >= STAYING


@pytest.mark.parametrize("value", [65535, "10 x the maximum", 0], ids=str)
def test_a_defective_pixel_does_not_matter(crowded, value):
    assert crowded.staying(*with_defect(crowded.image, value)) >= STAYING


def with_defect(image, value):
    """Labels of the image with one pixel of another value, and where that is."""
    touched = np.zeros(image.shape, bool)
    touched[image.shape[0] // 2, image.shape[1] // 2] = True
    value = 10.0 * image.max() if isinstance(value, str) else value
    return segment(np.where(touched, value, image)), touched


@pytest.mark.parametrize("grey", ["black", "background", "mid-grey"])
def test_a_frame_does_not_matter_at_all(crowded, grey):
    assert crowded.staying(in_frame(crowded.image, grey)) == 1


def test_results_of_an_image_in_a_frame_are_drawn_where_they_are(sparse):
    whole = superdsm_nb.analyze(sparse.image, emit=ignore)
    framed = superdsm_nb.analyze(np.pad(sparse.image, ((30, 50), (70, 20))), emit=ignore)
    inside = (slice(30, -50), slice(70, -20))

    assert framed.scale == whole.scale
    for name in ("atoms", "clusters", "y"):
        drawn, expected = (each.data_at_image_size[name] for each in (framed, whole))
        np.testing.assert_allclose(drawn[inside], expected, atol=1e-9)
        assert (np.delete(drawn, range(30, drawn.shape[0] - 50), axis=0) <= 0).all()
    moved = [(row + 30, col + 70) for row, col in whole.data_at_image_size["seeds"]]
    np.testing.assert_allclose(framed.data_at_image_size["seeds"], moved)
    first, second = (rasterize_labels(each.data, objects="cover") for each in (framed, whole))
    np.testing.assert_array_equal(first[inside], second)


def in_frame(image, grey):
    """Labels of the image in a frame of one value, without those of the frame."""
    values = {
        "black": 0,
        "background": np.percentile(image, 5),
        "mid-grey": (int(image.min()) + int(image.max())) / 2,
    }
    framed = np.pad(image.astype(np.float64), FRAME, constant_values=values[grey])
    return segment(framed)[FRAME:-FRAME, FRAME:-FRAME]


@pytest.mark.parametrize("factor", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_enlarging_does_not_matter_where_nuclei_are_sparse(sparse, factor):
    shape = [factor * size for size in sparse.image.shape]
    larger = resize(sparse.image.astype(np.float64), shape, order=1)

    assert sparse.staying(segment(larger)[factor // 2 :: factor, factor // 2 :: factor]) >= STAYING


def test_half_of_an_image_gives_the_same_objects_where_nuclei_are_sparse(sparse):
    half = sparse.image.shape[1] // 2
    touched = np.zeros(sparse.image.shape, bool)
    touched[:, half:] = True

    labels = segment(sparse.image[:, :half])

    assert sparse.staying(np.pad(labels, ((0, 0), (0, half))), touched) >= STAYING


def test_a_very_bright_nucleus_in_a_corner_does_not_matter_where_nuclei_are_sparse(sparse):
    height, width = sparse.image.shape
    row, col = np.ogrid[:height, :width]
    away = 2 * sparse.radius
    disk = np.hypot(row - (height - away), col - (width - away)) < sparse.radius
    light = ndimage.gaussian_filter(disk.astype(np.float64), 1.5)
    height_of_nuclei = np.percentile(sparse.image, 99) - np.percentile(sparse.image, 5)

    labels = segment(sparse.image + 10 * height_of_nuclei * light)

    assert sparse.staying(labels, light > 1e-3) >= STAYING


@pytest.mark.published
@pytest.mark.parametrize("change", INTENSITIES.values(), ids=INTENSITIES)
def test_the_unit_and_the_offset_of_real_intensities_do_not_matter(real, change):
    assert real.staying(segment(change(real.image))) >= STAYING


@pytest.mark.published
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_the_view_of_a_real_image_does_not_matter(real, view):
    assert real.staying(view(segment(view(real.image)))) >= STAYING


@pytest.mark.published
@pytest.mark.parametrize("value", [65535, "10 x the maximum", 0], ids=str)
def test_a_defective_pixel_of_a_real_image_does_not_matter(real, value):
    assert real.staying(*with_defect(real.image, value)) >= STAYING
