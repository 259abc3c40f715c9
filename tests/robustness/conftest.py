"""Places with caches of compiled kernels."""

from __future__ import annotations

import hashlib
import shutil

import pytest

import superdsm_nb
from superdsm_nb.kernels._cache import folders
from superdsm_nb.synthetic import generate

from support.kernelcaches import CALL, Place


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    for folder in (made.home, made.cache, made.package / "kernels"):
        if folder.is_dir():
            folder.chmod(0o755)  # or it could not be removed


@pytest.fixture(scope="module")
def normal():
    """The digest of the label map of `SEGMENT`, with everything compiled for it in the normal cache."""
    labels = superdsm_nb.segment(generate(36, (48, 64), 2, 9.0).image, {"AF_scale": 11})
    return hashlib.sha256(labels.tobytes()).hexdigest()


@pytest.fixture
def filled(place, normal):
    """A place whose cache has all that `SEGMENT` needs: kernels of the same text, wherever they are."""
    for name in ("_helper.py", "_probe.py"):
        (place.package / "kernels" / name).unlink()
    target = place.cache / folders()[0].name
    for folder in reversed(folders()):
        if folder.is_dir():
            shutil.copytree(folder, target, dirs_exist_ok=True)
    return place


@pytest.fixture(scope="module")
def cache_of_the_probe(tmp_path_factory):
    first = Place(tmp_path_factory.mktemp("first"))
    assert first.run(CALL) == ("1011", 0, 1)
    return first.cache


@pytest.fixture
def compiled(place, cache_of_the_probe):
    """A place whose cache has the probe."""
    shutil.copytree(cache_of_the_probe, place.cache)
    return place
