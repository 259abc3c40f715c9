"""The synthetic images keep what their docstring promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from superdsm_nb.errors import ConfigError
from superdsm_nb.synthetic import generate
from superdsm_nb.synthetic.nuclei import keep_largest_components

few = settings(deadline=None, max_examples=12, database=None)
seeds = st.integers(0, 2**32 - 1)


def touching_pairs(labels):
    """Return the pairs of labels with 4-connected contact."""
    first = np.concatenate([labels[1:].ravel(), labels[:, 1:].ravel()])
    second = np.concatenate([labels[:-1].ravel(), labels[:, :-1].ravel()])
    contact = (first != second) & (first > 0) & (second > 0)
    pairs = zip(first[contact].tolist(), second[contact].tolist(), strict=True)
    return {tuple(sorted(pair)) for pair in pairs}


def empty_field(**kwargs):
    """Return an image with nothing but an even background, the shot noise and the offset."""
    flat = {"unevenness": 0.0, "illumination": 0.0, "read_noise": 0.0, "gain": 4.0}
    return generate(nuclei=0, shape=(64, 64), radius=8, **{**flat, **kwargs}).image.astype(float)


@few
@given(seed=seeds)
def test_the_same_seed_gives_the_same_bytes(seed):
    first, second = (generate(seed, (64, 72), nuclei=6, radius=8) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.labels.tobytes() == second.labels.tobytes()


@few
@given(seed=seeds)
def test_another_seed_gives_another_image_and_another_truth(seed):
    first, second = (generate(s, (64, 72), nuclei=6, radius=8) for s in (seed, seed + 1))
    assert (first.image != second.image).any()
    assert (first.labels != second.labels).any()


@few
@given(seed=seeds, height=st.integers(32, 90), width=st.integers(32, 90), nuclei=st.integers(0, 12))
def test_types_shapes_and_the_number_of_nuclei_are_as_asked(seed, height, width, nuclei):
    image, labels = generate(seed, (height, width), nuclei=nuclei, radius=7)
    assert image.shape == labels.shape == (height, width)
    assert image.dtype == np.uint16
    assert labels.dtype == np.int32
    assert min(nuclei, 1) <= labels.max() <= nuclei


def assert_labels_are_sound(labels):
    """Check that labels are consecutive and each is one 4-connected piece of at least 30 px."""
    assert np.unique(labels[labels > 0]).tolist() == list(range(1, labels.max() + 1))
    for label in range(1, labels.max() + 1):
        assert ndi.label(labels == label)[1] == 1
        assert (labels == label).sum() >= 30


@few
@given(seed=seeds, clustering=st.floats(0, 1), overlap=st.floats(0, 0.4))
def test_labels_are_consecutive_and_each_is_one_piece_of_a_sensible_size(seed, clustering, overlap):
    assert_labels_are_sound(generate(seed, (96, 96), 25, 7, clustering, overlap=overlap).labels)


def test_labels_are_sound_also_where_crowding_cuts_nuclei_in_pieces_and_covers_them():
    extreme = {"overlap": 0.4, "deformation": 0.15, "axis_ratio": 3.0, "radius_spread": 0.3}
    for seed in range(24):  # about a fifth of these seeds cut a label, a third leave one below 30 px
        assert_labels_are_sound(generate(seed, (96, 96), 25, 6, 1.0, **extreme).labels)


def test_a_roomy_image_holds_every_nucleus_asked_for_and_the_border_cuts_some():
    labels = generate(seed=0, shape=(320, 320), nuclei=40, radius=10).labels
    assert labels.max() == 40
    assert np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).any()


def test_an_overfull_image_leaves_nuclei_out_instead_of_failing():
    labels = generate(seed=0, shape=(48, 48), nuclei=30, radius=10, clustering=0.0).labels
    assert 1 <= labels.max() < 30


def test_the_median_size_of_the_nuclei_follows_the_radius():
    for radius in (6.0, 12.0):
        labels = generate(3, (400, 400), nuclei=40, radius=radius, clustering=0.0, radius_spread=0.1).labels
        assert np.median(np.bincount(labels.ravel())[1:]) == pytest.approx(np.pi * radius**2, rel=0.15)


@few
@given(seed=seeds)
def test_every_nucleus_is_brighter_than_the_background_around_it(seed):
    image, labels = generate(seed, (128, 128), nuclei=10, radius=9)
    background = image[labels == 0]
    means = ndi.mean(image, labels, np.arange(1, labels.max() + 1))
    assert means.min() > 1.3 * np.median(background)
    assert image[labels > 0].mean() > 2 * background.mean()


def test_nuclei_differ_in_brightness_only_if_they_are_asked_to():
    def spread(value):
        image, labels = generate(
            2, (256, 256), nuclei=30, radius=9, clustering=0.0, brightness_spread=value, illumination=0.0
        )
        means = ndi.median(image, labels, np.arange(1, labels.max() + 1))
        return means.max() / means.min()

    assert spread(0.0) < 1.4
    assert spread(0.3) > 2


@few
@given(seed=seeds)
def test_nuclei_that_are_not_clustered_keep_clear_of_each_other(seed):
    labels = generate(seed, (160, 160), nuclei=20, radius=8, clustering=0.0).labels
    assert not touching_pairs(labels)


@few
@given(seed=seeds)
def test_more_clustering_makes_more_touching_pairs(seed):
    few_pairs, many_pairs = (
        len(touching_pairs(generate(seed, (200, 200), nuclei=20, radius=8, clustering=c).labels))
        for c in (0.0, 0.9)
    )
    assert many_pairs >= few_pairs + 12


def test_light_adds_up_where_nuclei_overlap():
    plain = {
        "texture": 0.0,
        "nucleoli": 0.0,
        "brightness_spread": 0.0,
        "blur": 0.0,
        "glow": 0.0,
        "illumination": 0.0,
    }
    brightest = {}
    for overlap in (0.0, 0.4):
        image = generate(
            0, (128, 128), 12, 10, 0.9, overlap=overlap, background=0.0, gain=0.1, read_noise=0.0, **plain
        ).image
        brightest[overlap] = int(image.max()) - 100
    assert brightest[0.0] == pytest.approx(2000, rel=0.1)
    assert brightest[0.4] == pytest.approx(4000, rel=0.1)


def test_texture_and_nucleoli_make_the_inside_of_nuclei_uneven():
    def unevenness(**kwargs):
        plain = {"texture": 0.0, "nucleoli": 0.0, "gain": 0.1, "read_noise": 0.0, "unevenness": 0.0}
        image, labels = generate(1, (128, 128), 8, 12, 0.0, **{**plain, **kwargs})
        depth = np.where(ndi.distance_transform_edt(labels > 0) > 5, labels, 0)
        index = np.arange(1, labels.max() + 1)
        return np.median(ndi.standard_deviation(image, depth, index) / ndi.mean(image, depth, index))

    assert unevenness() < 0.03
    assert unevenness(texture=0.3) > 0.08
    assert unevenness(nucleoli=5.0) > 0.04


def test_axis_ratio_and_deformation_decide_how_far_nuclei_are_from_discs():
    def farthest_point(**kwargs):
        round_ = {
            "axis_ratio": 1.0,
            "deformation": 0.0,
            "radius_spread": 0.0,
            "nuclei": 10,
            "clustering": 0.0,
        }
        labels = generate(1, (256, 256), radius=12, **{**round_, **kwargs}).labels
        cut = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        reach = []
        for label in np.setdiff1d(labels, np.append(cut, 0)):
            y, x = np.nonzero(labels == label)
            reach.append(np.hypot(y - y.mean(), x - x.mean()).max())
        return max(reach) / 12

    assert farthest_point() < 1.08
    assert farthest_point(axis_ratio=3.0) > 1.4
    assert farthest_point(deformation=0.1) > 1.12


def test_glow_surrounds_the_nuclei():
    def light_beside_nuclei(glow):
        image, labels = generate(1, (128, 128), 6, 10, 0.0, glow=glow, unevenness=0.0)
        distance = ndi.distance_transform_edt(labels == 0)
        return image[(distance > 8) & (distance < 12)].mean()

    assert light_beside_nuclei(0.3) > light_beside_nuclei(0.0) + 40


def test_two_equal_overlapping_discs_share_the_overlap_equally():
    discs = {"radius_spread": 0.0, "axis_ratio": 1.0, "deformation": 0.0, "overlap": 0.4}
    compared = 0
    for seed in range(12):
        labels = generate(seed, (128, 128), 2, 12, 1.0, **discs).labels
        if not np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).any():
            first, second = np.bincount(labels.ravel())[1:]
            assert first == pytest.approx(second, rel=0.04)
            compared += 1
    assert compared >= 5


def test_a_nucleus_of_which_the_border_would_hide_too_much_is_placed_elsewhere():
    for seed in range(40):
        assert generate(seed, (128, 128), 20, 4, 0.0, radius_spread=0.0).labels.max() == 20


def test_nuclei_too_small_to_be_seen_are_left_out():
    for seed in range(8):
        labels = generate(seed, (64, 64), 20, 4, 0.9, radius_spread=0.5).labels
        assert_labels_are_sound(labels)
        assert labels.max() < 20


def test_the_blur_softens_the_edges():
    sharp, soft = (
        generate(1, (96, 96), 5, 10, texture=0.0, read_noise=0.0, gain=0.1, blur=b).image.astype(float)
        for b in (0.0, 3.0)
    )
    assert np.abs(np.diff(sharp)).max() > 2 * np.abs(np.diff(soft)).max()


@few
@given(seed=seeds)
def test_the_background_is_even_or_uneven_as_asked(seed):
    def range_of_smoothed(unevenness):
        return np.ptp(ndi.gaussian_filter(empty_field(seed=seed, unevenness=unevenness), 8))

    assert range_of_smoothed(0.0) < 15
    assert range_of_smoothed(0.5) > 80


@few
@given(seed=seeds)
def test_uneven_illumination_scales_the_background_too(seed):
    even, uneven = (ndi.gaussian_filter(empty_field(seed=seed, illumination=i), 8) for i in (0.0, 0.5))
    assert np.ptp(uneven) > 4 * np.ptp(even)


@few
@given(seed=seeds, background=st.floats(200, 8000))
def test_the_variance_of_the_shot_noise_is_the_signal_times_the_gain(seed, background):
    image = empty_field(seed=seed, background=background)
    assert image.mean() - 100 == pytest.approx(background, rel=0.05)
    assert image.var() == pytest.approx(4.0 * background, rel=0.2)


def test_without_light_there_is_only_the_offset_and_the_read_noise():
    image = empty_field(background=0.0, read_noise=10.0, offset=500.0)
    assert image.mean() == pytest.approx(500, abs=1)
    assert image.std() == pytest.approx(10, rel=0.1)


def test_what_is_too_bright_for_the_camera_is_clipped():
    assert (empty_field(background=1e6) == 65535).all()


def test_a_label_cut_in_pieces_keeps_the_biggest_and_its_surroundings_take_the_others():
    owner = np.zeros((9, 12), np.int32)
    owner[1:8, 1:6] = 1
    owner[1:8, 6:11] = 2
    owner[4, 8] = 1  # enclosed by 2
    owner[0, 11] = 1  # in the background
    expected = owner.copy()
    expected[4, 8], expected[0, 11] = 2, 0
    np.testing.assert_array_equal(keep_largest_components(owner), expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", None),
        ("seed", 1.5),
        ("shape", (64,)),
        ("shape", (64, 8)),
        ("shape", (64.0, 64)),
        ("shape", 64),
        ("nuclei", -1),
        ("nuclei", 2.5),
        ("nuclei", True),
        ("radius", 1.0),
        ("radius", 33.0),
        ("radius", float("nan")),
        ("radius", "8"),
        ("radius_spread", -0.1),
        ("axis_ratio", 0.9),
        ("deformation", 0.5),
        ("clustering", 1.1),
        ("clustering", True),
        ("overlap", -0.1),
        ("brightness", 0.0),
        ("brightness_spread", float("inf")),
        ("texture", -1),
        ("nucleoli", -1),
        ("blur", -1.0),
        ("glow", 2.0),
        ("background", -1.0),
        ("unevenness", 1.5),
        ("illumination", 1.0),
        ("gain", 0.0),
        ("read_noise", -1.0),
        ("offset", 1e6),
    ],
)
def test_a_bad_argument_is_refused_by_its_name(name, value):
    arguments = {"shape": (64, 64), "nuclei": 3, "radius": 8.0, name: value}
    with pytest.raises(ConfigError, match=f"^{name} must be .*\\.$"):
        generate(**arguments)
