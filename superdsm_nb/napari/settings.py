"""All settings of a method: the main ones in plain words, the others folded away."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..config import Preset
from ..tuning import advanced_controls, main_controls
from .controlrows import ControlRow, NumberRow, row_for, settings_of
from .section import Section

MEASURED = "measured"
DIAMETER, PIXELS = "diameter", "Diameter (pixels)"
ESTIMATE = "Measure the diameter of a typical nucleus in the image"
DRAW = "Draw lines across nuclei, or circles around them: the diameter is the median"


class Settings(QWidget):
    """The settings of one method.

    Emits `changed` when a setting changes, and `estimate` and `draw` for the buttons.

    Parameters
    ----------
    preset : {"automatic", "published"}
        The method.
    """

    changed = Signal()
    estimate = Signal()
    draw = Signal()

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset = preset
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.main = [
            row_for(control, MEASURED if control.key == DIAMETER else "none")
            for control in main_controls(preset)
        ]
        for row in self.main:
            layout.addWidget(row)
            if row.control.key == DIAMETER:
                row.label.setText(PIXELS)
                layout.addLayout(self._ways_to_measure())
        self.advanced = [row_for(control) for control in advanced_controls(preset)]
        self.folded = Section("Advanced settings", is_open=False)
        for section, rows in groupby(self.advanced, lambda row: row.control.section):
            heading = QLabel((section or "general").replace("-", " ").capitalize())
            heading.setStyleSheet("QLabel { font-style: italic; padding-top: 6px; }")
            self.folded.body.addWidget(heading)
            for row in rows:
                self.folded.body.addWidget(row)
        layout.addWidget(self.folded)
        for row in self.rows:
            row.changed.connect(partial(self._take, row))

    def _ways_to_measure(self) -> QHBoxLayout:
        layout = QHBoxLayout()
        layout.setSpacing(4)
        for text, tip, signal in (("Estimate", ESTIMATE, self.estimate), ("Draw", DRAW, self.draw)):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(signal)
            layout.addWidget(button)
        return layout

    def _take(self, row: ControlRow) -> None:
        """Let settings move along that belong to one that has changed, and tell."""
        for key, ratio in row.control.linked:
            other = self.row(key)
            is_default = row.value == row.control.default
            other.set_value(other.control.default if is_default else row.value * ratio)
        self.changed.emit()

    @property
    def rows(self) -> list[ControlRow]:
        """All rows."""
        return [*self.main, *self.advanced]

    def row(self, key: str) -> ControlRow:
        """Return the row of a setting, by its full name."""
        return next(row for row in self.rows if row.control.key == key)

    @property
    def values(self) -> dict[str, Any]:
        """All settings that differ from the defaults, and the method."""
        return {"preset": self.preset, **settings_of(self.rows)}

    @property
    def changes(self) -> dict[str, Any]:
        """The same as changes of a session that may have any others: None for what is at its default."""
        found: dict[str, Any] = {"preset": self.preset}
        for row in self.rows:
            found |= row.control.changes(None if row.value == row.control.default else row.value)
        return found

    def set_diameter(self, diameter: float) -> None:
        """Set the diameter (pixels), and emit `changed`."""
        self.row(DIAMETER).set_value(float(f"{diameter:.3g}"), tell=True)

    def show_measured(self, diameter: float) -> None:
        """Show which diameter was measured, as long as none is set."""
        row = self.row(DIAMETER)
        assert isinstance(row, NumberRow), "a diameter is a number"
        if row.value is None:
            row.show_instead(diameter)

    def set_back(self) -> None:
        """Set everything back to the defaults, and emit `changed`."""
        for row in self.rows:
            row.set_value(row.control.default)
        self.changed.emit()
