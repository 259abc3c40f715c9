"""Settings found on one image are a task that gives the same results for the folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from superdsm_nb import Session, imread, imsave
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.config import Config
from superdsm_nb.errors import TaskError
from superdsm_nb.io import Source
from superdsm_nb.synthetic import generate
from superdsm_nb.tuning import save_task, settings_of

from support import naive
from support.command_line import in_a_process


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for seed, path in enumerate(paths):
        imsave(path, generate(seed=seed, shape=(128, 128), nuclei=6, radius=12).image)
    return paths


def test_only_what_differs_from_the_defaults_is_kept():
    changes = {"diameter": 31.0, "postprocess/min_area": 0.1, "postprocess/min_brightness": 0.3}

    assert settings_of(Config({**changes, "diameter": None})).entries == {
        "preset": "automatic",
        "postprocess": {"min_brightness": 0.3},
    }
    assert settings_of(Config(changes))["diameter"] == 31


def test_what_would_follow_from_the_size_is_kept_even_if_it_equals_the_declared_default():
    given = Config({"AF_scale": 10.0, "dsm/alpha": 0.5, "postprocess/max_boundary_eccentricity": np.inf})

    assert settings_of(given).entries == {"preset": "published", "AF_scale": 10.0, "dsm": {"alpha": 0.5}}


def test_infinite_values_and_parts_of_files_are_written_so_that_they_can_be_read(tmp_path, images):
    config = Config({"AF_scale": 10, "dsm/smooth_amount": np.inf})
    path = save_task(tmp_path, config, images, Source(images[0], channel=1, plane="max"))

    (task,) = find_tasks(tmp_path)
    fields = json.loads(path.read_text())
    assert (fields["channel"], fields["plane"]) == (1, "max")
    assert "time" not in fields
    assert task.config["dsm/smooth_amount"] == np.inf


def test_nothing_is_overwritten(tmp_path, images):
    (tmp_path / "task.json").write_text("{}")

    with pytest.raises(TaskError, match="already exists"):
        save_task(tmp_path, Config(), images)

    assert (tmp_path / "task.json").read_text() == "{}"


@naive.compiled_only
@pytest.mark.parametrize(
    "changes",
    [
        {"global-energy-minimization/object_cost": 0.6, "diameter": 24.5},
        {"AF_scale": 8.0, "global-energy-minimization/AF_beta": 0.3},
    ],
    ids=["automatic", "published"],
)
def test_the_task_gives_the_results_of_the_session(tmp_path, images, changes):
    session = Session(Source(images[1]).load(), changes)
    save_task(tmp_path, session.config, [images[1]])

    done = in_a_process("batch", tmp_path, "--run")

    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(imread(tmp_path / "segmentation" / "b.png"), session.result.labels)
    assert (tmp_path / "segmentation" / "a.png").exists()
