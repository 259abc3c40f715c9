"""A session gives what a fresh run gives, and computes only what depends on a change."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb import Session, analyze
from superdsm_nb.config import STAGE_NAMES
from superdsm_nb.errors import Cancelled, ConfigError, SuperDSMError
from superdsm_nb.events import Progress, StageStarted, ignore
from superdsm_nb.synthetic import generate

from support import naive

pytestmark = naive.compiled_only
CHOICES = {
    "automatic": {
        "diameter": [None, 22, 30],
        "preprocess/min_local_contrast": [None, 0.05, 0.3],
        "global-energy-minimization/object_cost": [None, 0.1, 0.5],
        "global-energy-minimization/max_atoms": [None, 3],
        "postprocess/min_area": [None, 0.5, 0.9],
        "postprocess/outline_height": [None, 0.2],
    },
    "published": {
        "AF_scale": [8.0, 9.5],
        "preprocess/sigma1": [None, 2.0],
        "dsm/AF_alpha": [None, 0.001],
        "c2f-region-analysis/min_atom_radius": [None, 6.0],
        "global-energy-minimization/AF_beta": [None, 0.3],
        "postprocess/min_contrast": [None, 1.8],
    },
}


@pytest.fixture(scope="module")
def image():
    return generate(seed=3, shape=(128, 150), nuclei=8, radius=12).image


def equal(found, expected):
    """Whether two segmentations are the same in every respect that is told."""
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert repr(found.rows) == repr(expected.rows)  # NaN included
    assert found.discarded == expected.discarded
    assert found.config.entries == expected.config.entries
    assert found.performance == expected.performance
    assert found.provenance == expected.provenance


@pytest.mark.parametrize("preset", CHOICES)
@pytest.mark.parametrize("seed", range(3))
def test_every_result_of_a_sequence_of_changes_is_that_of_a_fresh_run(image, preset, seed):
    rng = np.random.default_rng(seed)
    start = {"AF_scale": 8.0} if preset == "published" else {}
    session, settings = Session(image, start, preset=preset), dict(start)
    for _ in range(6):
        names = rng.choice(list(CHOICES[preset]), rng.integers(1, 3), replace=False)
        changes = {name: CHOICES[preset][name][rng.integers(len(CHOICES[preset][name]))] for name in names}
        settings |= changes
        found = session.update(changes)
        given = {name: value for name, value in settings.items() if value is not None}
        equal(found, analyze(image, given, preset=preset, emit=ignore))
        assert session.result is found


def test_a_given_foreground_is_kept(image):
    foreground = image > np.percentile(image, 80)
    session = Session(image, foreground=foreground)
    session.update()
    found = session.update({"global-energy-minimization/object_cost": 0.5})
    config = {"global-energy-minimization/object_cost": 0.5}
    equal(found, analyze(image, config, foreground=foreground, emit=ignore))
    equal(
        session.update(diameter=20), analyze(image, config, foreground=foreground, diameter=20, emit=ignore)
    )


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"preprocess/min_local_contrast": 0.2}, "preprocess"),
        ({"global-energy-minimization": {"object_cost": 0.4}}, "global-energy-minimization"),
        ({"postprocess/min_area": 0.3}, "postprocess"),
        ({"diameter": 25}, "preprocess"),
        ({}, None),
    ],
)
def test_only_stages_that_depend_on_a_change_run(image, change, first):
    started = []
    session = Session(
        image, emit=lambda event: isinstance(event, StageStarted) and started.append(event.name)
    )
    session.update()
    assert started == list(STAGE_NAMES)
    started.clear()
    session.update(change)
    assert started == ([] if first is None else list(STAGE_NAMES[STAGE_NAMES.index(first) :]))


def test_wrong_changes_are_refused_and_change_nothing(image):
    session = Session(image)
    before = session.result
    for wrong in ({"dsm/nothing": 1}, {"postprocess/min_area": -1}, {"AF_scale": 9}, {"dsm/nothing": None}):
        with pytest.raises(ConfigError):
            session.update(wrong)
    assert session.update() is before


def test_another_method_takes_over_when_the_settings_of_the_one_before_are_set_back(image):
    session = Session(image, {"diameter": 24, "postprocess/min_area": 0.2})
    found = session.update({"postprocess/min_area": None, "preset": "published"})
    equal(found, analyze(image, preset="published", diameter=24, emit=ignore))


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_cancelled_update_ends_and_changes_nothing(image, stage):
    session = Session(image, emit=lambda event: event == StageStarted(stage) and session.cancel())
    with pytest.raises(Cancelled, match="was cancelled"):
        session.update()
    session = Session(image)
    before = session.result
    session._emit = lambda event: event == StageStarted(stage) and session.cancel()
    with pytest.raises(Cancelled):
        session.update({"diameter": 30})
    assert session.config.get("diameter") is None
    session._emit = ignore
    assert session.update() is before
    equal(session.update({"diameter": 30}), analyze(image, {"diameter": 30}, emit=ignore))


def test_another_thread_cancels(image):
    busy = threading.Event()
    session = Session(image, emit=lambda event: isinstance(event, Progress) and busy.set())
    threads = [threading.Thread(target=lambda: busy.wait(60) and session.cancel())]
    threads[0].start()
    outcomes = []
    for number in range(50):
        try:
            session.update({"diameter": 20 + number % 2})
        except Cancelled as error:
            outcomes.append(error)
            break
    threads[0].join()
    assert outcomes or busy.is_set()
    equal(session.update({"diameter": 24}), analyze(image, {"diameter": 24}, emit=ignore))


def test_cancelling_nothing_is_no_error(image):
    session = Session(image)
    session.cancel()
    assert session.update().object_count > 0
    session.cancel()


def test_updates_of_several_threads_run_one_after_the_other(image):
    session = Session(image)
    found = {}

    def update(diameter):
        found[diameter] = session.update({"diameter": diameter})

    threads = [threading.Thread(target=update, args=(diameter,)) for diameter in (20, 24, 28)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for diameter, result in found.items():
        equal(result, analyze(image, {"diameter": diameter}, emit=ignore))


@pytest.mark.parametrize("preset", CHOICES)
def test_a_diameter_replaces_the_one_before_and_none_measures_it_again(image, preset):
    session = Session(image, preset=preset, diameter=24)
    for diameter in (20, 22):
        equal(
            session.update(diameter=diameter), analyze(image, preset=preset, diameter=diameter, emit=ignore)
        )
    equal(session.update({"diameter": 24}), analyze(image, preset=preset, diameter=24, emit=ignore))
    with pytest.raises(ConfigError, match="Two diameters"):
        session.update({"diameter": 20}, diameter=22)
    equal(session.update({"diameter": None}), analyze(image, preset=preset, emit=ignore))


def test_the_method_is_changed_as_other_settings_are(image):
    session = Session(image, diameter=24)
    assert session.result.preset == "automatic"
    equal(
        session.update({"preset": "published"}), analyze(image, preset="published", diameter=24, emit=ignore)
    )
    with pytest.raises(ConfigError, match="hyperparameter of the published method"):
        session.update({"preset": "automatic"})
    changes = {"preset": "automatic", "diameter": 24}
    equal(session.update(changes), analyze(image, diameter=24, emit=ignore))
    mask = image > image.mean()
    with pytest.raises(ConfigError, match="which the published method cannot use"):
        Session(image, foreground=mask).update({"preset": "published"})


def test_a_failed_update_keeps_the_last_result(image):
    session = Session(image)
    before = session.result
    with pytest.raises(SuperDSMError):
        session.update(diameter="12um")  # the size of a pixel is not known
    assert session.update() is before
    assert superdsm_nb.Session is Session
