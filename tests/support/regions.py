"""Random regions and parameters of their fits."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from hypothesis import strategies as st

from superdsm_nb.dsm import Energy, FitParameters
from superdsm_nb.image import Image

from support import naive

LARGEST = 40 if naive.COMPILED else 20
seeds = st.integers(0, 2**32 - 1)
solver_names = st.sampled_from(["newton", "trust-exact"])


@st.composite
def fit_parameters(draw, deformable=True):
    """Draw the weight and the smoothness of the regularisation."""
    return FitParameters(
        alpha=draw(st.floats(1e-3, 5)),
        epsilon=draw(st.floats(1e-2, 5)),
        smooth_amount=4 if deformable else math.inf,
        smooth_subsample=8,
        init=draw(st.sampled_from(["elliptical", "zeros"])),
    )


def offset_intensities(rng, shape):
    """Return bright blobs on a dark background, with noise."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    y = rng.normal(size=shape) * rng.choice([0.03, 0.3])
    for _ in range(rng.integers(1, 4)):
        center = rng.random(2) * shape
        squared = (rows - center[0]) ** 2 + (cols - center[1]) ** 2
        y += np.exp(-squared / (2 * rng.uniform(2, 8) ** 2))
    return (y - 0.4) * rng.choice([0.3, 1.0, 5.0])


@st.composite
def regions(draw, smallest=2, largest=16):
    """Draw a region of arbitrary shape, with holes and ragged edges, anywhere in an image."""
    height, width = draw(st.integers(smallest, largest)), draw(st.integers(smallest, largest))
    rng = np.random.default_rng(draw(seeds))
    mask = rng.random((height, width)) < draw(st.sampled_from([0.4, 0.9, 1.0]))
    mask[0, 0] = True
    return Image.create_from_array(offset_intensities(rng, mask.shape)).get_region(mask)


@st.composite
def large_regions(draw):
    """Draw a region that has deformations at smooth_amount = 4: more than 16 pixels in each direction."""
    region = draw(regions(smallest=18, largest=LARGEST))
    assert Energy(region, FitParameters(smooth_amount=4, smooth_subsample=8)).size > 6
    return region


any_regions = st.one_of(regions(), large_regions())


def solved_by(solver, parameters):
    """Return the parameters with a solver; SciPy's is asked from the ellipse only, elsewhere it may creep."""
    init = parameters.init if solver == "newton" else "elliptical"
    return dataclasses.replace(parameters, solver=solver, init=init)


def tolerance(energy):
    """Return the accuracy to which minima are promised."""
    return 1e-6 * max(1, energy)
