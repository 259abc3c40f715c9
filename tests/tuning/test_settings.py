"""The command line that is shown does the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from superdsm_nb import Session, imread, imsave
from superdsm_nb.config import Config
from superdsm_nb.io import Source
from superdsm_nb.synthetic import generate
from superdsm_nb.tuning import command_for

from support import naive
from support.command_line import in_a_process

CHANGES = [
    {},
    {"diameter": 24.123456789, "postprocess/min_area": 0.3},
    {
        "AF_scale": 8.1,
        "postprocess/max_boundary_eccentricity": None,
        "c2f-region-analysis/min_atom_radius": 4,
    },
]


@naive.compiled_only
@pytest.mark.parametrize("changes", CHANGES, ids=["defaults", "automatic", "published"])
def test_the_command_gives_the_result_of_the_session(tmp_path, changes, monkeypatch):
    path = tmp_path / "it's a cell.tif"
    imsave(path, generate(seed=1, shape=(128, 128), nuclei=6, radius=12).image)
    source = Source(path)
    session = Session(source.load(), changes)
    monkeypatch.chdir(tmp_path)

    program, *words = shlex.split(command_for(source, session.config))
    done = in_a_process(*words)

    assert program == "superdsm-nb"
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(imread(tmp_path / "it's a cell.labels.tif"), session.result.labels)


def test_parts_of_files_and_infinite_values_are_named():
    source = Source(Path("a.tif"), channel="CD4+", plane="max", time=3, scene=0)
    config = Config({"preset": "published", "dsm/smooth_amount": np.inf})

    assert command_for(source, config) == (
        "superdsm-nb segment a.tif -o a.labels.tif --scene 0 --channel CD4+ --plane max --time 3 "
        "--preset published --set 'dsm/smooth_amount=\"Infinity\"'"
    )
