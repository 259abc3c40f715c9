"""What was discarded is drawn on request."""

from __future__ import annotations

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.config import Config
from superdsm_nb.render import contours, rasterize_discarded, render_discarded, render_result_over_image
from superdsm_nb.render.discarded import DISCARDED_COLOR
from superdsm_nb.synthetic import generate

from support import naive

pytestmark = naive.compiled_only


@pytest.fixture(scope="module")
def sample():
    return generate(seed=0, shape=(256, 256), nuclei=14)


@pytest.mark.parametrize(
    "config",
    [{"postprocess/min_area": 0.9, "diameter": 31}, {"AF_scale": 11, "postprocess/min_contrast": 6.0}],
)
def test_every_discarded_object_is_drawn_where_it_was_found(sample, config):
    result = superdsm_nb.analyze(sample.image, config)
    drawn = rasterize_discarded(result.data)
    assert 0 < len(result.discarded) == len(np.unique(drawn)) - 1
    places = {int(drawn[event.row, event.col]) for event in result.discarded}
    assert places == set(range(1, len(result.discarded) + 1))


def test_their_contours_are_orange_over_the_others(sample, tmp_path):
    result = superdsm_nb.analyze(sample.image, {"postprocess/min_area": 0.9}, diameter=31)
    superdsm_nb.write_outputs(result, {"rejects": tmp_path / "a.png", "overlay": tmp_path / "b.png"})
    picture = superdsm_nb.imread(tmp_path / "a.png", histological=True)
    others = superdsm_nb.imread(tmp_path / "b.png", histological=True)
    orange = (picture == DISCARDED_COLOR).all(2)
    np.testing.assert_array_equal(orange, contours(rasterize_discarded(result.data), 2))
    np.testing.assert_array_equal(picture[~orange], others[~orange])


def test_nothing_is_discarded_before_post_processing(sample):
    data, _, _ = superdsm_nb.automation.process_image(
        superdsm_nb.pipeline.pipeline_of("published"),
        Config({"AF_scale": 11}),
        sample.image,
        last_stage="global-energy-minimization",
    )
    assert not rasterize_discarded(data).any()
    picture = render_result_over_image(sample.image, np.zeros(sample.image.shape, int))
    np.testing.assert_array_equal(render_discarded(picture, data), picture)
