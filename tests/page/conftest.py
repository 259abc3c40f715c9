"""An image whose page is asked."""

from __future__ import annotations

import pytest

from superdsm_nb import imsave
from superdsm_nb.synthetic import generate


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """A file with a few clustered nuclei."""
    path = tmp_path_factory.mktemp("images") / "my cells.tif"
    imsave(path, generate(seed=3, shape=(128, 150), nuclei=8, radius=12).image)
    return path
