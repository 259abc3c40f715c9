"""In the container nothing is compiled any more: shown in a folder that is set up as its recipe says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

import superdsm_nb

from support import naive, recipes

STRANGER = 54321  # no user has this number
USE = """
import sys
import numpy as np
import superdsm_nb
from superdsm_nb.cli import main
from superdsm_nb.kernels._cache import KernelCache
from superdsm_nb.synthetic import generate

KernelCache.save_overload = lambda self, *_: print(self._name, "is compiled", file=sys.stderr)
for seed, shape, radius in ((2, (300, 420), 14), (3, (140, 90), 8), (4, (900, 1300), 30)):
    image = generate(seed=seed, shape=shape, radius=radius).image
    for pixels in (image, image.astype(np.float32)):
        result = superdsm_nb.analyze(pixels)
        result.rows
        superdsm_nb.write_outputs(result, dict(seg="a.png", overlay="o.png"))
    superdsm_nb.analyze(image, preset="published").rows
superdsm_nb.imsave("cells.tif", image)
sys.argv = ["superdsm-nb", "segment", "cells.tif", "--out", "labels.png", "--quiet"]
main()
"""


class Container:
    """The folder of an installation, the variables of the container, and an empty folder for results."""

    def __init__(self, folder):
        self.folder = folder / "opt"
        self.data = folder / "data"
        self.data.mkdir()
        packages = self.folder / "lib"
        source = Path(superdsm_nb.__file__).parent
        shutil.copytree(source, packages / "superdsm_nb", ignore=shutil.ignore_patterns("__pycache__"))
        own = {name: text.replace("/opt/superdsm_nb", str(self.folder)) for name, text in VARIABLES.items()}
        others = sysconfig.get_path("purelib"), sysconfig.get_path("platlib")
        self.environment = own | {"PYTHONPATH": os.pathsep.join([str(packages), *others])}

    def run(self, *arguments, through=(), **variables):
        """Run Python with nothing but the variables of the container and the given ones."""
        return subprocess.run(
            [*through, sys.executable, "-W", "ignore", *arguments],
            cwd=self.data,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def content(self):
        return sorted(self.folder.rglob("*"))


VARIABLES = recipes.container_variables()


# A user without name, groups and home, who writes nothing but may read all: Python may be in somebody's home.
AS_A_STRANGER = [
    "setpriv",
    *(f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
]


@pytest.fixture
def container():
    with tempfile.TemporaryDirectory() as name:  # not below a folder that is closed to strangers
        folder = Path(name)
        folder.chmod(0o755)
        yield Container(folder)


@pytest.mark.slow
@naive.compiled_only
def test_nothing_is_compiled_after_warming(container, tmp_path):
    warm = "-c", "from superdsm_nb.cli import main; main()", "warm"
    first = container.run(*warm, HOME=str(tmp_path))
    assert (first.returncode, first.stderr) == (0, "")
    assert "kernels compiled" in first.stdout
    again = container.run(*warm, HOME=str(tmp_path))
    assert "Nothing was left to compile" in again.stdout
    before = container.content()
    assert sum(path.suffix == ".nbc" for path in before) > 80

    assert all(path.stat().st_mode & 0o444 == 0o444 for path in before)  # as files and folders of everybody
    for path in before:
        path.chmod(0o555)
    container.data.chmod(0o777)
    used = container.run("-c", USE, through=AS_A_STRANGER if os.geteuid() == 0 else [])

    assert (used.returncode, used.stderr) == (0, "")
    assert container.content() == before
    assert {path.name for path in container.data.iterdir()} == {"a.png", "o.png", "cells.tif", "labels.png"}
    assert not list(tmp_path.iterdir())
