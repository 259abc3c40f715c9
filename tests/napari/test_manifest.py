"""What napari finds in the manifest."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from npe2 import PluginManifest

import superdsm_nb

MANIFEST = Path(superdsm_nb.__file__).parent / "napari" / "napari.yaml"


def test_the_manifest_is_valid_and_everything_in_it_exists():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == distribution("superdsm_nb").metadata["Name"]


def test_napari_finds_it():
    entries = distribution("superdsm_nb").entry_points.select(group="napari.manifest")
    assert [entry.value for entry in entries] == ["superdsm_nb.napari:napari.yaml"]


def test_the_widget_from_the_menu_works_with_what_plug_ins_may_use(viewer, ended):
    viewer.open_sample("superdsm_nb", "nuclei")
    _, widget = viewer.window.add_plugin_dock_widget("superdsm_nb", "Segment nuclei")
    ended(widget, widget.run.click)
    widget.show_table()
    widget.picking.look_at(widget.results.place_of(widget.results.rows[0]))
    ended(widget, widget.correcting.delete.click)
    widget.shows_discarded.setChecked(True)
    assert [layer.name for layer in viewer.layers][:2] == ["sample", "nuclei: sample"]
    widget.shut()


def test_samples_open(viewer):
    for key, ndim in (("nuclei", 2), ("series", 3)):
        (layer,) = viewer.open_sample("superdsm_nb", key)
        assert layer.ndim == ndim
        assert str(layer.units[-1]) == "micrometer"
        assert np.ptp(layer.contrast_limits) > 0


def test_the_package_loads_neither_napari_nor_qt():
    code = (
        "import sys, superdsm_nb.cli, superdsm_nb.session, superdsm_nb.stack, superdsm_nb.tuning\n"
        "sys.exit(any(name.split('.')[0] in ('napari', 'qtpy', 'PySide6') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
