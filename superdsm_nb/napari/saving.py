"""Saving what was found, and the settings it was found with, also for a whole folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..config import Config
from ..errors import ConfigError, SuperDSMError
from ..results.outputs import write_outputs
from .folder import prepare, run_folder
from .readers import read_task
from .results import Results
from .work import Work
from .writers import WRITERS

FILES = {
    "seg": ("Labels ...", "Label map", ".tif", "A TIFF file in which every nucleus has its own number"),
    "rois": ("ROIs ...", "Regions", ".zip", "Regions for the ROI Manager of ImageJ and Fiji"),
    "geojson": ("GeoJSON ...", "Outlines", ".geojson", "Outlines and measurements for QuPath"),
    "csv": ("Table ...", "Table", ".csv", "A row for each nucleus"),
}
SETTINGS = "Save the settings as the task.json of a folder of images"
RUN = "Segment all images of a folder with these settings, on all processors"
LOAD = "Open the images and the nuclei of a folder that was segmented"
COLUMNS = 2


class Saving(QWidget):
    """Buttons that save.

    Emits `told` with what was saved, `failed` with an error, and `begun` when a folder is run.

    Parameters
    ----------
    work : Work
        Runs folders.
    results : Results
        What has been found.
    settings : callable
        Gives all settings that differ from the defaults.
    """

    told = Signal(str)
    failed = Signal(object)
    begun = Signal(str)

    def __init__(self, work: Work, results: Results, settings: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._work, self._results, self._settings = work, results, settings
        self.files = {
            kind: _button(text, tip, partial(self._ask_for_file, kind))
            for kind, (text, _, _, tip) in FILES.items()
        }
        self.settings = _button("Settings ...", SETTINGS, lambda: self._ask_for_folder(self.save_settings))
        self.run = _button("Run on a folder ...", RUN, lambda: self._ask_for_folder(self.run_on))
        self.load = _button("Open a folder ...", LOAD, lambda: self._ask_for_folder(self.open_folder))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for heading, buttons in (
            ("The nuclei of this image", list(self.files.values())),
            ("These settings for many images", [self.settings, self.load, self.run]),
        ):
            layout.addWidget(QLabel(heading))
            grid = QGridLayout()
            grid.setSpacing(4)
            for number, button in enumerate(buttons):
                is_wide = number == len(buttons) - 1 and len(buttons) % COLUMNS == 1
                grid.addWidget(button, number // COLUMNS, number % COLUMNS, 1, COLUMNS if is_wide else 1)
            layout.addLayout(grid)
        results.changed.connect(self.show_state)
        self.show_state()

    def show_state(self) -> None:
        """Enable what can be saved."""
        for button in self.files.values():
            button.setEnabled(self._results.layer is not None)

    def save(self, kind: str, path: Path) -> None:
        """Save the nuclei.

        Parameters
        ----------
        kind : str
            One of `FILES`.
        path : Path
            The file; its suffix is added if it has none.
        """
        path = path if path.suffix else path.with_suffix(FILES[kind][2])
        try:
            remark = self._write(kind, path)
        except SuperDSMError as error:
            self.failed.emit(error)
            return
        self.told.emit(f"Saved {path.name}{remark}.")

    def save_settings(self, folder: Path) -> None:
        """Save the settings as the task of a folder."""
        try:
            path = prepare(folder, Config(self._settings()))
        except SuperDSMError as error:
            self.failed.emit(error)
            return
        self.told.emit(f"Saved {path}: superdsm-nb batch runs it.")

    def run_on(self, folder: Path) -> None:
        """Segment the images of a folder with the settings, in the background."""
        if self._work.is_busy:
            self.failed.emit(ConfigError("Something else is running: wait, or cancel it."))
            return
        try:
            prepare(folder, Config(self._settings()))
        except SuperDSMError as error:
            self.failed.emit(error)
            return
        self._work.run(lambda emit: run_folder(folder, emit))
        self.begun.emit("Segmenting the folder")

    def open_folder(self, folder: Path) -> None:
        """Open the results of a folder as layers."""
        try:
            found = read_task(str(folder))
        except SuperDSMError as error:
            self.failed.emit(error)
            return
        viewer = self._results.viewer
        for data, options, kind in found:
            add = viewer.add_image if kind == "image" else viewer.add_labels
            add(data, **options)
        self.told.emit(f"Opened {folder.name}.")

    def _write(self, kind: str, path: Path) -> str:
        """Write a file; return what else is to be told."""
        layer, view, planes = self._results.layer, self._results.view, self._results.planes
        if layer is None or view is None:
            raise ConfigError("The layer with the nuclei is gone: segment the image again.")
        if self._is_painted():
            WRITERS[kind](
                str(path), layer.data, {"scale": layer.scale, "units": layer.units, "name": layer.name}
            )
            return ", as it was painted by hand: without energies and settings"
        found = planes.for_files(FILES) if planes is not None else self._results.result
        if found is None:
            raise ConfigError("There is no result to save: segment the image first.")
        write_outputs(found, {kind: path})
        row, col = view.rows[0], view.cols[0]
        return f", whose first pixel is that of row {row}, column {col}" if row or col else ""

    def _is_painted(self) -> bool:
        """Whether somebody has changed the labels in the viewer."""
        layer, view, planes = self._results.layer, self._results.view, self._results.planes
        assert layer is not None, "there is a layer to save"
        assert view is not None, "of a view"
        if planes is None:
            result = self._results.result
            return result is not None and not np.array_equal(
                layer.data, result.labels.reshape(layer.data.shape)
            )
        return any(
            not np.array_equal(layer.data[position], _or_nothing(planes.labels(position), view.shape))
            for position in np.ndindex(view.outer)
        )

    def _ask_for_file(self, kind: str) -> None:
        _, noun, suffix, _ = FILES[kind]
        name, _ = QFileDialog.getSaveFileName(
            self, f"Save {noun.lower()}", f"nuclei{suffix}", f"{noun} (*{suffix})"
        )
        if name:
            self.save(kind, Path(name))

    def _ask_for_folder(self, action: Callable[[Path], None]) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of images")
        if name:
            action(Path(name))


def _or_nothing(labels: Any, shape: tuple[int, int]) -> Any:  # noqa: ANN401 - arrays
    return np.zeros(shape, np.uint16) if labels is None else labels


def _button(text: str, tip: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)

    def press(is_checked: bool = False) -> None:
        action()

    button.clicked.connect(press)
    return button
