"""The friendly function on generated images: quality, determinism, special cases."""

from __future__ import annotations

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb import parallel
from superdsm_nb.automation import process_image
from superdsm_nb.config import Config
from superdsm_nb.metrics import score
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.render import rasterize_labels
from superdsm_nb.synthetic import generate

from support import naive

CONFIG = {"AF_scale": 11.3, "global-energy-minimization": {"AF_beta": 1.0}}


@pytest.fixture(scope="module")
def sample():
    if naive.COMPILED:
        return generate(seed=0, shape=(256, 256), nuclei=14)
    return generate(seed=5, shape=(64, 72), nuclei=2, radius=12)


@pytest.fixture(scope="module")
def labels(sample):
    return superdsm_nb.segment(sample.image, CONFIG)


def test_clustered_nuclei_are_found_and_outlined(sample, labels):
    result = score(labels, sample.labels)

    assert result.dice > 0.93
    assert result.seg > 0.75
    assert result.ap50 > 0.85


def everything(image, threads, monkeypatch):
    """Every number a run leaves behind, as bytes by name."""
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", str(threads))
    data, _, _ = process_image(create_default_pipeline(), Config(), image)
    numbers = {name: data[name] for name in ("scale", "y", "y_mask", "atoms", "clusters", "seeds")}
    numbers |= {
        "energies": [item.energy for item in data["objects"]],
        "cover": [sorted(item.footprint) for item in data["cover"].solution],
        "cost": data["cover"].costs,
        "contrasts": [item.contrast for item in data["postprocessed_objects"]],
        "labels": rasterize_labels(data),
    }
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else repr(value)
        for name, value in numbers.items()
    }


def test_no_number_depends_on_the_number_of_threads(monkeypatch):
    # Large enough for work in strips, with a scale to estimate and clusters to split.
    if naive.COMPILED:
        image = generate(seed=5, shape=(620, 700), nuclei=24, radius=38).image
        monkeypatch.setattr(parallel, "STRIP", 150_000)
    else:
        image = generate(seed=1, shape=(120, 128), nuclei=2, radius=16).image
        monkeypatch.setattr(parallel, "STRIP", 5000)
    assert image.size > 2 * parallel.STRIP

    one, two, four = (everything(image, threads, monkeypatch) for threads in (1, 2, 4))

    assert one == two == four


def test_the_unit_of_intensity_does_not_matter(sample, labels):
    scaled = sample.image.astype(np.float64) * 0.25 + 7

    assert np.array_equal(superdsm_nb.segment(scaled, CONFIG), labels)


def test_the_image_and_the_configuration_are_left_as_they_were(sample):
    image, config = sample.image.copy(), {"AF_scale": 11.3}

    superdsm_nb.segment(image, config)

    assert np.array_equal(image, sample.image)
    assert config == {"AF_scale": 11.3}


def test_both_solvers_find_the_same_objects(sample, labels):
    config = {**CONFIG, "dsm": {"solver": "trust-exact"}}

    other = superdsm_nb.segment(sample.image, config)

    assert other.max() == labels.max()
    assert (other != labels).mean() < 1e-3


def test_an_image_of_noise_gives_an_empty_label_map_and_a_warning():
    noise = np.random.default_rng(0).random((64, 64))

    with pytest.warns(UserWarning, match="no object was found"):
        labels = superdsm_nb.segment(noise, {"AF_scale": 10})

    assert not labels.any()


def test_a_binary_image_and_a_flat_background_are_segmented(sample):
    binary = superdsm_nb.segment(sample.labels > 0, CONFIG)
    subtracted = superdsm_nb.segment(np.maximum(sample.image.astype(int) - 1000, 0), CONFIG)

    assert score(binary, sample.labels).missed <= 2
    assert score(subtracted, sample.labels).missed <= 2


def test_without_post_processing_the_cover_is_drawn(sample, labels):
    config = {**CONFIG, "postprocess": {"enabled": False}}

    assert superdsm_nb.segment(sample.image, config).max() >= labels.max()


def test_the_faster_pruning_finds_the_same_nuclei_here(sample, labels):
    config = {"AF_scale": 11.3, "global-energy-minimization": {"AF_beta": 1.0, "pruning": "isbi24"}}

    assert score(superdsm_nb.segment(sample.image, config), labels.astype(int)).ap75 == 1


def test_a_single_thread_count_that_is_none_is_refused(sample, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "many")

    with pytest.raises(superdsm_nb.errors.ConfigError, match="SUPERDSM_NB_NUM_THREADS"):
        superdsm_nb.segment(sample.image, CONFIG)
