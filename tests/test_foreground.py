"""The foreground that a user gives, in all the forms it may have."""

from __future__ import annotations

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.errors import ConfigError, ImageError
from superdsm_nb.foreground import signed_foreground
from superdsm_nb.io import imsave

MASK = np.array([[False, True, True], [False, False, True]])


@pytest.mark.parametrize(
    "given",
    [
        MASK,
        MASK.astype(np.uint8),
        MASK.astype(np.int64),
        MASK.astype(np.float32),
        MASK * np.uint8(255),
        MASK * np.uint16(65535),
        np.where(MASK, 0.5, -0.5),
    ],
)
def test_masks_and_probabilities_become_the_same_signed_map(given):
    result = signed_foreground(given, MASK.shape)

    np.testing.assert_array_equal(result, MASK - 0.5)
    assert result.dtype == np.float64


def test_probabilities_are_positive_above_one_half():
    np.testing.assert_allclose(signed_foreground([[0.5, 0.75, 0.2]], (1, 3)), [[0, 0.25, -0.3]])
    np.testing.assert_allclose(signed_foreground(np.uint8([[51, 255]]), (1, 2)), [[-0.3, 0.5]])


def test_a_map_with_negative_values_is_kept():
    np.testing.assert_array_equal(signed_foreground(np.int32([[-3, 0, 7]]), (1, 3)), [[-3, 0, 7]])


@pytest.mark.parametrize("value", [0.0, 1.0, -2.0])
def test_a_constant_is_allowed(value):
    assert signed_foreground(np.full((2, 3), value), (2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((3, 2)), "is 3 x 2, but the image is 2 x 3"),
        (np.zeros((2, 3, 3)), "is 2 x 3 x 3, but the image is 2 x 3"),
        (1.0, "is a single number, but"),
        (np.full((2, 3), np.nan), "NaN or infinite"),
        (np.full((2, 3), -np.inf), "NaN or infinite"),
        (np.full((2, 3), 7.0), "values up to 7 and none below 0"),
        (np.full((2, 3), 7, np.int32), "values of type int32 up to 7"),
        (np.full((2, 3), "x"), "must hold numbers"),
    ],
)
def test_what_is_no_foreground_of_the_image_is_refused(given, words):
    with pytest.raises(ImageError, match=words):
        signed_foreground(given, (2, 3))


def test_the_foreground_decides_where_objects_are(sample):
    result = superdsm_nb.analyze(sample.image, foreground=sample.labels == 1)

    assert result.preset == "automatic"
    assert result.object_count == 1
    assert result.data["foreground"].dtype == np.float64
    assert (result.labels[sample.labels > 1] == 1).mean() < 0.1
    assert len(result.provenance["foreground_sha256"]) == 64
    assert superdsm_nb.segment(sample.image, foreground=sample.labels == 1).max() == 1


def test_the_foreground_may_be_a_file(image_path, tmp_path, sample):
    imsave(tmp_path / "mask.png", (sample.labels > 0) * np.uint8(255))

    result = superdsm_nb.segment_file(image_path, foreground=tmp_path / "mask.png")

    np.testing.assert_array_equal(
        result.labels, superdsm_nb.segment(sample.image, foreground=sample.labels > 0)
    )


def test_a_foreground_of_another_size_is_refused_and_the_image_named(image_path):
    with pytest.raises(ImageError, match=r"cells\.tif: The foreground is 3 x 3"):
        superdsm_nb.segment_file(image_path, foreground=np.eye(3))


def test_the_published_method_cannot_use_a_foreground(sample):
    with pytest.raises(ConfigError, match="A foreground is given"):
        superdsm_nb.segment(sample.image, preset="published", foreground=sample.labels > 0)
