"""Clusters that lie in several tiles, against the components of the whole foreground."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.tiles.foreground import fits
from superdsm_nb.tiles.joining import clusters_across, left_over
from superdsm_nb.tiles.records import Parts

from support import naive


def plan_of(shape, step, margin=3, reach=2):
    """What joining asks of a plan."""

    def core(tile):
        return tuple(
            slice(number * step, min((number + 1) * step, size))
            for number, size in zip(tile, shape, strict=True)
        )

    def window(tile):
        return tuple(
            slice(max(0, part.start - margin), min(size, part.stop + margin))
            for part, size in zip(core(tile), shape, strict=True)
        )

    grid = tuple(-(-size // step) for size in shape)
    return SimpleNamespace(
        grid=grid,
        core=core,
        window=window,
        reach=reach,
        canonical_shape=shape,
        owner=lambda first: (first[0] // step, first[1] // step),
    )


def parts_of(plan, mask):
    def parts(tile):
        core = plan.core(tile)
        labels, _ = ndimage.label(mask[core], output=np.int32)
        return Parts.of(labels, ndimage.find_objects(labels), core)

    return parts


@naive.settings_for(150)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.2, 0.8),
    step=st.integers(1, 9),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
def test_clusters_across_tiles_are_components_of_the_whole(seed, share, step, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < share
    plan = plan_of(mask.shape, step)

    wholes = clusters_across(plan, parts_of(plan, mask))

    labels, _ = ndimage.label(mask)
    known = {}
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        pixels = np.argwhere(labels == number)
        tiles = {tuple(pixel) for pixel in (pixels // step).tolist()}
        reaches_a_side = any(
            (row % step in (0, step - 1) or row == height - 1)
            or (col % step in (0, step - 1) or col == width - 1)
            for row, col in pixels.tolist()
        )
        if reaches_a_side:
            known[tuple(pixels[0].tolist())] = box, len(tiles)
    assert {whole.first: (whole.box, whole.tiles) for whole in wholes} == known
    assert [whole.first for whole in wholes] == sorted(known)
    lone = {whole.first for whole in left_over(plan, wholes)}
    for first, (box, _) in known.items():
        assert (first in lone) != fits(box, plan.reach, plan.window(plan.owner(first)), mask.shape)
