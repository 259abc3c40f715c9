"""The same image and configuration give the same label map: in every process, and with every BLAS."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from support import naive

pytestmark = pytest.mark.slow
ROBUST = {"automation": {"estimator": "robust"}}
IMAGE, CONFIGS = (
    ("seed=5, shape=(420, 460), nuclei=16, radius=28", [{}, ROBUST])
    if naive.COMPILED
    else ("seed=5, shape=(90, 90), nuclei=3", [{"AF_scale": 11}, ROBUST])
)
SCRIPT = f"""
import hashlib, json
from threadpoolctl import threadpool_info
import superdsm_nb
from superdsm_nb.synthetic import generate

image = generate({IMAGE}).image
digests = [
    hashlib.sha256(superdsm_nb.segment(image, config).tobytes()).hexdigest() for config in {CONFIGS}
]
architectures = [str(blas.get("architecture")) for blas in threadpool_info()]
print(json.dumps(dict(digests=digests, architectures=architectures)))
"""


def segmented(**environment):
    """What a process of its own finds: digests of two label maps, and which processors its BLAS is for."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def usual():
    return segmented()


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "SUPERDSM_NB_NUM_THREADS": "1"},
        {"PYTHONHASHSEED": "2", "SUPERDSM_NB_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
    ],
    ids=["one thread", "four threads"],
)
def test_another_process_finds_the_same(usual, environment):
    assert segmented(**environment)["digests"] == usual["digests"]


@pytest.mark.parametrize("architecture", ["Nehalem", "Sandybridge", "Haswell"])
def test_a_blas_for_another_processor_finds_the_same(usual, architecture):
    other = segmented(OPENBLAS_CORETYPE=architecture)

    assert other["digests"] == usual["digests"]
    if platform.machine() == "x86_64":  # elsewhere there are no such processors to choose from
        assert architecture in other["architectures"]
