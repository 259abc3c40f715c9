"""The friendly function on generated images: quality, determinism, special cases."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import superdsm_nb
from superdsm_nb.metrics import score
from superdsm_nb.parallel import ordered_map
from superdsm_nb.synthetic import generate

CONFIG = {"AF_scale": 11.3, "global-energy-minimization": {"AF_beta": 1.0}}


@pytest.fixture(scope="module")
def sample():
    return generate(seed=0, shape=(256, 256), nuclei=14)


@pytest.fixture(scope="module")
def labels(sample):
    return superdsm_nb.segment(sample.image, CONFIG)


def test_clustered_nuclei_are_found_and_outlined(sample, labels):
    result = score(labels, sample.labels)

    assert result.dice > 0.93
    assert result.seg > 0.75
    assert result.ap50 > 0.85


@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_the_label_map_does_not_depend_on_the_number_of_threads(sample, labels, threads, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", threads)

    assert np.array_equal(superdsm_nb.segment(sample.image, CONFIG), labels)


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


def blas_threads(_=None):
    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]


def held_open():
    """A caller of `ordered_map` on a thread of its own, inside until it is told to leave."""
    entered, leave = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        leave.wait(10)

    caller = threading.Thread(target=ordered_map, args=(hold, [0]))
    caller.start()
    assert entered.wait(10)
    return caller, leave


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_blas_has_one_thread_while_any_of_several_callers_is_inside_and_all_afterwards(first_to_leave):
    before = blas_threads()
    ordered_map(blas_threads, [0])  # a caller that is gone has no say
    callers = [held_open(), held_open()]
    both_inside = ordered_map(blas_threads, [0])[0]

    seen = []
    for caller, leave in (callers[first_to_leave], callers[1 - first_to_leave]):
        seen.append(blas_threads())
        leave.set()
        caller.join()

    assert both_inside == [1] * len(before)
    assert seen == [[1] * len(before)] * 2
    assert blas_threads() == before


def test_the_faster_pruning_finds_the_same_nuclei_here(sample, labels):
    config = {"AF_scale": 11.3, "global-energy-minimization": {"AF_beta": 1.0, "pruning": "isbi24"}}

    assert score(superdsm_nb.segment(sample.image, config), labels.astype(int)).ap75 == 1


def test_a_single_thread_count_that_is_none_is_refused(sample, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "many")

    with pytest.raises(superdsm_nb.errors.ConfigError, match="SUPERDSM_NB_NUM_THREADS"):
        superdsm_nb.segment(sample.image, CONFIG)


MODULES = [
    module.name
    for module in pkgutil.walk_packages(superdsm_nb.__path__, "superdsm_nb.")
    if module.name != "superdsm_nb.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert result.failed == 0
