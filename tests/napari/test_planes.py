"""Stacks and series are segmented plane by plane, one or all."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from superdsm_nb import analyze
from superdsm_nb.errors import Cancelled, ImageError
from superdsm_nb.events import ignore
from superdsm_nb.napari.planes import axes_of
from superdsm_nb.synthetic import generate


@pytest.fixture(scope="module")
def series():
    return np.stack([generate(seed=n, shape=(90, 100), nuclei=4, radius=12).image for n in range(3)])


@pytest.fixture
def widget(viewer, open_widget, series):
    viewer.add_image(series, scale=(60, 0.5, 0.5), units=("s", "um", "um"))
    widget = open_widget()
    viewer.dims.set_current_step(0, 1)
    return widget


def test_the_plane_in_view_is_segmented(viewer, widget, ended, series):
    ended(widget, widget.run.click)
    labels = widget.results.layer
    assert labels.data.shape == series.shape
    expected = analyze(series[1], preset="automatic", emit=ignore).labels
    np.testing.assert_array_equal(labels.data[1], expected)
    assert not labels.data[[0, 2]].any()
    np.testing.assert_allclose(labels.scale, (60, 0.5, 0.5))
    viewer.dims.set_current_step(0, 2)
    ended(widget, widget.run.click)
    np.testing.assert_array_equal(labels.data[1], expected)
    assert labels.data[2].any()
    assert {row["time"] for row in widget.results.rows} == {1, 2}


def test_all_planes_are_segmented_and_saved(viewer, widget, ended, series, tmp_path):
    assert widget.run_all.isVisibleTo(widget)
    ended(widget, widget.run_all.click)
    for plane, labels in zip(series, widget.results.layer.data, strict=True):
        np.testing.assert_array_equal(labels, analyze(plane, preset="automatic", emit=ignore).labels)
    assert "in 3 planes" in widget.messages.status.text()
    for kind in ("seg", "rois", "geojson", "csv"):
        widget.saving.save(kind, tmp_path / "series")
        assert widget.messages.status.text().startswith("Saved"), widget.messages.lines
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "series.tif"), widget.results.layer.data)
    assert (tmp_path / "series.csv").read_text().startswith("image,time,label")
    (layer,) = viewer.open(tmp_path / "series.tif", plugin="superdsm_nb")
    assert layer.data.shape == series.shape
    row = widget.results.rows[-1]
    widget.picking.look_at(widget.results.place_of(row))
    assert viewer.dims.point[0] == 120
    assert "Nucleus" in widget.results.explain(widget.results.place_of(row))


def test_corrections_of_a_plane_stay_with_it(viewer, widget, ended):
    ended(widget, widget.run.click)
    count = widget.results.result.object_count
    widget.picking.pick(widget.results.place_of(widget.results.rows[0]))
    ended(widget, widget.correcting.delete.click)
    for step in (2, 1):
        viewer.dims.set_current_step(0, step)
        ended(widget, widget.run.click)
    assert widget.results.result.object_count == count - 1


def test_all_planes_can_be_cancelled(widget, qtbot):
    widget.work.told.connect(lambda mail: widget.cancel.click())
    with qtbot.waitSignal(widget.work.ended, timeout=60_000) as waited:
        widget.run_all.click()
    assert isinstance(waited.args[0], Cancelled)
    assert widget.results.layer is None


@pytest.mark.parametrize(
    ("labels", "units", "expected"),
    [
        (("t", "z", "y", "x"), None, "TZ"),
        (("c", "time", "y", "x"), None, "CT"),
        (None, ("s", "um", "um", "um"), "TZ"),
        (None, ("um", "s", "um", "um"), "ZT"),
        (None, None, "TZ"),
    ],
)
def test_axes_are_named_by_their_labels_or_units(labels, units, expected):
    layer = Image(np.zeros((2, 3, 8, 9)), axis_labels=labels, units=units)
    assert "".join(letter for letter, _ in axes_of(layer)) == expected


def test_axes_of_one_place_do_not_count_and_more_than_three_are_refused():
    assert axes_of(Image(np.zeros((1, 2, 8, 9)), axis_labels=("t", "z", "y", "x"))) == [("Z", "plane")]
    with pytest.raises(ImageError, match="4 axes of planes"):
        axes_of(Image(np.zeros((2, 2, 2, 2, 8, 9))))


def test_of_several_resolutions_the_visible_part_is_segmented_where_it_is(viewer, open_widget, ended):
    full = generate(seed=4, shape=(400, 440), nuclei=12, radius=30).image
    half = full.reshape(200, 2, 220, 2).mean(axis=(1, 3))
    image = viewer.add_image([full, half], multiscale=True, scale=(0.5, 0.5))
    image._data_level = 1
    image.corner_pixels = np.array([[10, 20], [189, 199]])
    widget = open_widget()
    assert widget.choosing.visible_only.isChecked()
    widget.live.setChecked(False)
    widget.settings.set_diameter(60)
    ended(widget, widget.run.click)
    labels = widget.results.layer
    expected = analyze(half[10:190, 20:200], preset="automatic", diameter=30, emit=ignore).labels
    np.testing.assert_array_equal(labels.data, expected)
    np.testing.assert_allclose(labels.scale, (1, 1))
    np.testing.assert_allclose(labels.translate, (0.5 * 20.5, 0.5 * 40.5))
