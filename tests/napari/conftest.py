"""The plug-in in a viewer; it is tested where napari and a display are (see .ci/run)."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest

HAS_NAPARI = find_spec("napari") is not None and find_spec("pytestqt") is not None
HAS_DISPLAY = sys.platform != "linux" or "DISPLAY" in os.environ
if not (HAS_NAPARI and HAS_DISPLAY):
    collect_ignore_glob = ["*.py"]

TIMEOUT = 120_000  # milliseconds; only a bound for what never ends


@pytest.fixture(scope="session")
def nuclei():
    """A small image of a few nuclei, some of which touch."""
    from superdsm_nb.synthetic import generate

    return generate(seed=3, shape=(128, 150), nuclei=8, radius=12, clustering=0.8).image


@pytest.fixture
def viewer(make_napari_viewer):
    """A viewer that is not shown."""
    return make_napari_viewer()


@pytest.fixture
def open_widget(viewer):
    """Open the widget, as often as it is called; all are shut down at the end."""
    from superdsm_nb.napari.widget import SegmentNuclei

    opened = []

    def add():
        widget = SegmentNuclei(viewer)
        viewer.window.add_dock_widget(widget, name=f"Segment nuclei {len(opened)}", area="right")
        opened.append(widget)
        return widget

    yield add
    for widget in opened:
        widget.shut()


@pytest.fixture
def ended(qtbot):
    """Do something with a widget, and wait until all that it has begun has ended."""

    def wait(widget, action):
        with qtbot.waitSignal(widget.work.ended, timeout=TIMEOUT) as waited:
            action()
        qtbot.waitUntil(lambda: not widget.work.is_busy, timeout=TIMEOUT)
        qtbot.waitUntil(lambda: not widget.cancel.isEnabled(), timeout=TIMEOUT)
        return waited.args[0]

    return wait
