"""After warming nothing is compiled any more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from superdsm_nb.errors import ConfigError, OutputError
from superdsm_nb.warming import warm

from support import naive

ALONE = """
import os
from pathlib import Path
from superdsm_nb.kernels import _cache

only = Path(os.environ["NUMBA_CACHE_DIR"]) / _cache.FOLDER
_cache.folders = lambda: [only]  # not what others have compiled
"""
WARM = f"{ALONE}\nfrom superdsm_nb.cli import main; main()"
USE = f"""{ALONE}
import sys
import numpy as np
import superdsm_nb
from superdsm_nb.kernels._cache import KernelCache
from superdsm_nb.synthetic import generate

KernelCache.save_overload = lambda self, *_: print(self._name, "is compiled", file=sys.stderr)
for seed, shape, radius in ((2, (300, 420), 14), (3, (140, 90), 8), (4, (900, 1300), 30)):
    image = generate(seed=seed, shape=shape, radius=radius).image
    for pixels in (image, image.astype(np.float32)):
        result = superdsm_nb.analyze(pixels)
        result.rows
        superdsm_nb.write_outputs(result, dict(seg=sys.argv[1] + "/a.png", overlay=sys.argv[1] + "/o.png"))
    superdsm_nb.analyze(image, preset="published").rows
"""


@pytest.mark.slow
@naive.compiled_only
def test_nothing_is_compiled_after_warming(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, "-c", WARM, "warm"]
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "kernels compiled" in first.stdout
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "Nothing was left to compile" in again.stdout
    use = [sys.executable, "-W", "ignore", "-c", USE, str(tmp_path)]
    used = subprocess.run(use, env=environment, capture_output=True, text=True, check=False)
    assert (used.returncode, used.stderr) == (0, "")
    assert len(list(tmp_path.rglob("*.nbc"))) > 80


def test_without_a_folder_there_is_nothing_to_warm(monkeypatch):
    monkeypatch.setattr("superdsm_nb.warming.writable_folder", lambda: None)
    monkeypatch.setattr("numba.config.DISABLE_JIT", 0)
    with pytest.raises(OutputError, match="Set NUMBA_CACHE_DIR"):
        warm()


def test_without_a_compiler_there_is_nothing_to_warm(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    with pytest.raises(ConfigError, match="nothing is compiled"):
        warm()
