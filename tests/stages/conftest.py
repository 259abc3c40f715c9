"""A generated image and what the pipeline makes of it."""

from __future__ import annotations

import pytest

from superdsm_nb.automation import create_config
from superdsm_nb.config import Config
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.synthetic import generate

from support import naive


@pytest.fixture(scope="module")
def sample():
    if naive.COMPILED:
        return generate(seed=3, shape=(160, 160), nuclei=6, radius=15.0)
    return generate(seed=12, shape=(64, 72), nuclei=2, radius=12.0)


@pytest.fixture(scope="module")
def processed(sample):
    pipeline = create_default_pipeline()
    config, _ = create_config(pipeline, Config({"AF_scale": 10.6}), sample.image)
    return pipeline, config, *pipeline.process_image(sample.image, config)
