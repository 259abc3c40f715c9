"""What is saved is what is shown, and it can be opened again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import roifile
import tifffile

from superdsm_nb import imread
from superdsm_nb.errors import TaskError
from superdsm_nb.io import imsave
from superdsm_nb.synthetic import generate


@pytest.fixture
def widget(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei, name="cells", scale=(0.5, 0.25), units=("um", "um"))
    widget = open_widget()
    ended(widget, widget.run.click)
    return widget


@pytest.fixture
def folder(tmp_path):
    """A folder of images of one size."""
    for seed in (1, 2, 3):
        image = generate(seed=seed, shape=(96, 110), nuclei=5, radius=12).image
        imsave(tmp_path / "images" / f"cells{seed}.tif", image)
    return tmp_path / "images"


def test_every_kind_of_file_holds_the_nuclei(widget, tmp_path):
    labels = widget.results.layer.data
    for kind in ("seg", "rois", "geojson", "csv"):
        widget.saving.save(kind, tmp_path / "nuclei")
    np.testing.assert_array_equal(imread(tmp_path / "nuclei.tif"), labels)
    with tifffile.TiffFile(tmp_path / "nuclei.tif") as tiff:
        provenance = json.loads(tiff.pages.first.description)
    assert provenance["image"] == "cells"
    assert provenance["pixel_size_micrometers"] == [0.5, 0.25]
    assert len(roifile.roiread(tmp_path / "nuclei.zip")) == labels.max()
    outlines = json.loads((tmp_path / "nuclei.geojson").read_text())
    assert len(outlines["features"]) == labels.max()
    table = (tmp_path / "nuclei.csv").read_text().splitlines()
    assert len(table) == labels.max() + 1
    assert table[1].startswith("cells,1,")
    assert widget.messages.status.text() == "Saved nuclei.csv."


def test_corrections_are_told_in_the_file(widget, ended, tmp_path):
    widget.picking.pick(widget.results.place_of(widget.results.rows[0]))
    ended(widget, widget.correcting.delete.click)
    widget.saving.save("geojson", tmp_path / "nuclei.geojson")
    provenance = json.loads((tmp_path / "nuclei.geojson").read_text())["provenance"]
    assert [each["kind"] for each in provenance["corrections"]] == ["delete"]


def test_what_was_painted_by_hand_is_saved_as_it_is_and_told(widget, tmp_path):
    layer = widget.results.layer
    layer.data[:20, :20] = 99
    for kind in ("seg", "csv", "rois", "geojson"):
        widget.saving.save(kind, tmp_path / "painted")
        assert "painted by hand" in widget.messages.status.text()
    np.testing.assert_array_equal(imread(tmp_path / "painted.tif"), layer.data)
    assert ",99," in (tmp_path / "painted.csv").read_text()


def test_a_file_that_cannot_be_written_is_told(widget, tmp_path):
    (tmp_path / "folder").write_text("")
    widget.saving.save("csv", tmp_path / "folder" / "nuclei.csv")
    assert "is not a folder" in widget.messages.lines[0]


def test_what_was_saved_is_opened_with_its_scale(viewer, widget, tmp_path):
    widget.saving.save("seg", tmp_path / "nuclei.tif")
    (layer,) = viewer.open(tmp_path / "nuclei.tif", plugin="superdsm_nb")
    np.testing.assert_array_equal(layer.data, widget.results.layer.data)
    np.testing.assert_allclose(layer.scale, (0.5, 0.25))
    assert type(layer).__name__ == "Labels"


def test_files_of_others_are_left_to_others(tmp_path, nuclei):
    from superdsm_nb.napari.readers import label_reader, task_reader

    tifffile.imwrite(tmp_path / "other.tif", nuclei)
    imsave(tmp_path / "sample.tif", nuclei, {"software": "superdsm_nb 1", "generator": "synthetic"})
    imsave(tmp_path / "overlay.tif", np.zeros((4, 5, 3), np.uint8), {"software": "superdsm_nb 1"})
    (tmp_path / "broken.tif").write_bytes(b"II*\0nothing")
    for name in ("other.tif", "sample.tif", "overlay.tif", "broken.tif", "missing.tif", "text.txt"):
        assert label_reader(str(tmp_path / name)) is None
    assert label_reader([str(tmp_path / "other.tif")]) is None
    assert task_reader(str(tmp_path)) is None


@pytest.mark.parametrize("suffix", [".tif", ".zip", ".geojson", ".csv"])
def test_napari_saves_labels_of_any_layer(viewer, tmp_path, suffix):
    labels = np.zeros((3, 20, 30), np.uint16)
    labels[1, 2:9, 3:12] = 4
    layer = viewer.add_labels(labels, scale=(1, 0.5, 0.5), units=("pixel", "um", "um"))
    (path,) = layer.save(tmp_path / f"mine{suffix}", plugin="superdsm_nb")
    content = (tmp_path / f"mine{suffix}").read_bytes()
    if suffix == ".tif":
        np.testing.assert_array_equal(tifffile.imread(path), labels)
    elif suffix == ".csv":
        header, row = content.decode().splitlines()
        found = dict(zip(header.split(","), row.split(","), strict=True))
        assert (found["plane"], found["label"], found["area"]) == ("1", "4", "63")
        assert float(found["area_um2"]) == pytest.approx(63 / 4)
    else:
        assert len(content) > 50


def test_a_folder_is_run_with_the_settings_and_opened(viewer, widget, ended, folder):
    widget.live.setChecked(False)
    widget.settings.set_diameter(24)
    ended(widget, lambda: widget.saving.run_on(folder))
    assert "in 3 images: open the folder" in widget.messages.status.text(), widget.messages.lines
    assert json.loads((folder / "task.json").read_text())["config"]["diameter"] == 24
    widget.saving.open_folder(folder)
    image, labels = viewer.layers[-2:]
    assert image.data.shape == labels.data.shape == (3, 96, 110)
    for number in range(3):
        np.testing.assert_array_equal(image.data[number], imread(folder / f"cells{number + 1}.tif"))
        np.testing.assert_array_equal(
            labels.data[number], imread(folder / "segmentation" / f"cells{number + 1}.png")
        )
    ended(widget, lambda: widget.saving.run_on(folder))  # the same settings: nothing is left to do
    widget.settings.set_diameter(30)
    widget.saving.run_on(folder)
    assert "has other settings" in widget.messages.lines[0]


def test_a_folder_that_is_cancelled_keeps_what_is_finished(widget, qtbot, folder):
    seen = []

    def stop(mail):
        seen.append(mail)
        widget.cancel.click()

    widget.work.told.connect(stop)
    with qtbot.waitSignal(widget.work.ended, timeout=120_000) as waited:
        widget.saving.run_on(folder)
    assert type(waited.args[0]).__name__ == "Cancelled"
    assert seen
    assert widget.run.isEnabled()


@pytest.mark.slow
def test_images_of_several_sizes_are_opened_one_by_one(viewer, widget, ended, folder):
    imsave(folder / "larger.tif", generate(seed=9, shape=(120, 130), nuclei=5, radius=12).image)
    ended(widget, lambda: widget.saving.run_on(folder))
    before = len(viewer.layers)
    viewer.open(folder, plugin="superdsm_nb")
    assert len(viewer.layers) == before + 8


def test_what_cannot_be_run_or_opened_is_told(widget, tmp_path, folder):
    from superdsm_nb.napari.readers import read_task

    widget.saving.run_on(tmp_path)
    assert "no image" in widget.messages.lines[0]
    widget.saving.save_settings(folder)
    assert "Saved" in widget.messages.status.text()
    with pytest.raises(TaskError, match="run the task first"):
        read_task(str(folder))
    widget.saving.open_folder(folder)
    assert "run the task first" in widget.messages.lines[0]
