"""The label map of tiles is that of the whole image, in every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb import analyze
from superdsm_nb.automatic.window import Canvas
from superdsm_nb.config import Config
from superdsm_nb.events import ignore
from superdsm_nb.image import normalized
from superdsm_nb.io import imread, imsave, save_zarr
from superdsm_nb.tiles import segment_tiles
from superdsm_nb.tiles.piece import Settings

from support import naive
from support.mosaics import differing, mosaic
from support.published import image_names
from support.published import image_path as published_image

pytestmark = pytest.mark.usefixtures("small_is_large")

SETS = ("BBBC039", "U2OS", "NIH3T3", "DSB2018", "HepG2", "Huh7")


def tiled(tmp_path, image, **options):
    """Segment an image in tiles; returns the label map and the result."""
    save_zarr(tmp_path / "image.zarr", image)
    result = segment_tiles(tmp_path / "image.zarr", tmp_path / "labels.zarr", workers=1, **options)
    return imread(tmp_path / "labels.zarr"), result


@pytest.mark.parametrize("tile", [64, 150, 400])
def test_tiles_give_what_the_whole_image_gives(tmp_path, tile):
    image = mosaic()
    whole = analyze(image)

    labels, result = tiled(tmp_path, image, tile=tile)

    assert result.object_count == whole.object_count > 60
    assert differing(labels, whole.labels) == 0
    cover = result.provenance["cover"]
    assert cover["cost"] == pytest.approx(whole.performance.cost, rel=1e-12)
    assert cover["cluster_count"] == cover["proven_cluster_count"] == len(whole.performance.clusters)


def test_labels_do_not_depend_on_the_tiles(tmp_path):
    image = mosaic()

    one, _ = tiled(tmp_path, image, tile=96)
    other, _ = tiled(tmp_path, image, tile=333)

    np.testing.assert_array_equal(one, other)
    firsts = [tuple(np.argwhere(one == label)[0]) for label in range(1, one.max() + 1)]
    assert firsts == sorted(firsts)


def test_a_cluster_may_lie_in_four_tiles_and_reach_far_beyond_them(tmp_path):
    image = mosaic()
    rows, cols = np.indices(image.shape)
    for offset in range(-120, 121, 15):  # a chain of nuclei across the middle of the image
        image[np.hypot(rows - 288 - offset, cols - 288 + offset) < 10] = 15_000
        image[np.hypot(rows - 288 - offset, cols - 288 - offset) < 10] = 15_000
    whole = analyze(image)

    labels, result = tiled(tmp_path, image, tile=72)

    assert differing(labels, whole.labels) == 0
    certificate = result.provenance["tiles"]
    assert certificate["count"] >= 49
    assert 1 <= certificate["clusters_on_their_own"] < certificate["clusters_across"]
    assert certificate["largest_cluster_across"] > 200


@pytest.mark.parametrize("changes", ["frame", "defects", "diameter", "rectangle", "float", "dark"])
def test_special_images_are_no_exceptions(tmp_path, changes):
    image, options = mosaic(), {}
    if changes == "frame":
        image = np.pad(image, ((20, 7), (0, 31)))
    elif changes == "defects":
        rng = np.random.default_rng(1)
        image[tuple(rng.integers(0, 576, (2, 40)))] = 65_535
        image[[150, 150, 0, 575], [149, 150, 0, 575]] = 65_535
    elif changes == "diameter":
        options = {"diameter": 15}
    elif changes == "rectangle":
        image = image[:331, 5:]
    elif changes == "float":
        image = image.astype(np.float32) / 7 - 100
    else:
        image[200:] = image[:200].min()
    whole = analyze(image, **options)

    labels, _ = tiled(tmp_path, image, tile=150, **options)

    assert differing(labels, whole.labels) == 0
    assert labels.max() == whole.object_count


def test_an_image_without_nuclei_has_no_labels_and_a_warning(tmp_path):
    image = np.random.default_rng(0).poisson(100, (400, 500)).astype(np.uint16)
    events = []

    labels, result = tiled(tmp_path, image, tile=150, emit=events.append)

    assert not labels.any()
    assert result.object_count == 0
    assert any("no object was found" in str(event) for event in events)
    assert not analyze(image, emit=ignore).labels.any()


def test_tiff_files_are_read_in_parts(tmp_path):
    image = mosaic()
    imsave(tmp_path / "image.tif", image)

    result = segment_tiles(tmp_path / "image.tif", tmp_path / "labels.zarr", tile=150, workers=1)

    assert differing(imread(result.path), analyze(image).labels) == 0


@pytest.fixture(scope="module")
def whole_and_canvas():
    """The foreground of a whole image, and the same image in parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("superdsm_nb.automatic.sample.LARGE", 100_000)
        patch.setattr("superdsm_nb.automatic.sample.SIDE", 128)
        image = mosaic(4, 4)
        whole = analyze(image, diameter=9)  # enlarged, so that windows do not reach everywhere
    g = normalized(image)
    settings = Settings.of(Config({})).preprocess
    canvas = Canvas(lambda rows, cols: g[rows, cols], g.shape, whole.data["measures"], settings)
    return whole, canvas


@naive.settings_for(20, 60)
@given(data=st.data())
def test_any_window_of_the_foreground_is_that_of_the_whole(whole_and_canvas, data):
    whole, canvas = whole_and_canvas
    window = []
    for size in canvas.canonical_shape:
        start = data.draw(st.integers(0, size - 1))
        window.append(slice(start, data.draw(st.integers(start + 1, min(size, start + 200)))))

    y = canvas.foreground(tuple(window))

    np.testing.assert_array_equal(y, whole.data["y"][tuple(window)])


@pytest.mark.published
@pytest.mark.slow
@pytest.mark.parametrize("dataset", SETS)
def test_mosaics_of_real_images_are_no_exceptions(tmp_path, dataset):
    parts = [imread(published_image(dataset, name)) for name in image_names(dataset)[:9]]
    parts = [parts[at % len(parts)] for at in range(9)]
    side = min(min(part.shape) for part in parts)
    side = min(side, 420)
    parts = [normalized(np.minimum(part[:side, :side], np.percentile(part, 99.9))) for part in parts]
    image = np.vstack([np.hstack(parts[row : row + 3]) for row in (0, 3, 6)])
    image = np.rint(image * 20_000).astype(np.uint16)
    whole = analyze(image)

    labels, result = tiled(tmp_path, image, tile=-(-image.shape[0] // 8))

    assert result.provenance["tiles"]["count"] >= 64
    assert differing(labels, whole.labels) == 0
    assert labels.max() == whole.object_count > 20
    # Nuclei and clusters lie across seams.
    assert result.provenance["tiles"]["clusters_across"] > 5
    assert ndimage.label(labels > 0)[1] > 10
