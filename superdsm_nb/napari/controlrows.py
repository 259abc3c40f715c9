"""Rows of sliders, switches and choices, made from the declarations of the settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from ..tuning import Control

STEPS = 1000  # of a slider
DIGITS = 3  # of values that a slider gives
EDIT_WIDTH = 64  # pixels
INFINITE, NOTHING = "∞", "none"


class ControlRow(QWidget):
    """What changes one setting.

    Emits `changed` when the user has changed it.

    Parameters
    ----------
    control : Control
        The setting.
    nothing : str
        What is shown where nothing is set.
    """

    changed = Signal()

    def __init__(self, control: Control, nothing: str = NOTHING) -> None:
        super().__init__()
        self.control = control
        self.nothing = nothing
        self.value: Any = control.default
        self.name = control.label[:1].upper() + control.label[1:]
        self.label = QLabel(self.name)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.reset = QToolButton()
        self.reset.setText("↺")
        self.reset.setAutoRaise(True)
        self.reset.setToolTip("Set back to the default")
        self.reset.clicked.connect(lambda: self.set_value(control.default, tell=True))
        unit = f" ({control.unit})" if control.unit else ""
        self.setToolTip(f"<b>{control.key}</b>{unit}<br>{control.help}")

    def set_value(self, value: Any, tell: bool = False) -> None:  # noqa: ANN401 - of the kind of the control
        """Show a value, and emit `changed` if that is asked."""
        self.value = value
        self._show()
        self.reset.setEnabled(value != self.control.default)
        if tell:
            self.changed.emit()

    def _show(self) -> None:
        """Show the value."""
        raise NotImplementedError


class NumberRow(ControlRow):
    """A slider, and the number that it stands at, which can be typed."""

    def __init__(self, control: Control, nothing: str = NOTHING) -> None:
        super().__init__(control, nothing)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setMinimumWidth(60)
        self.edit = QLineEdit()
        self.edit.setFixedWidth(EDIT_WIDTH)
        self.edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.slider.valueChanged.connect(self._slide)
        self.edit.editingFinished.connect(self._type)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 2)
        layout.setHorizontalSpacing(4)
        layout.setVerticalSpacing(0)
        layout.addWidget(self.label, 0, 0)
        layout.addWidget(self.edit, 0, 1)
        layout.addWidget(self.reset, 0, 2)
        layout.addWidget(self.slider, 1, 0, 1, 3)
        self.set_value(control.default)

    def _show(self) -> None:
        self.edit.setText(shown(self.value, self.nothing))
        self._move(math.inf if self.value is None else self.value)

    def show_instead(self, value: float) -> None:
        """Show which value is used where nothing is set."""
        self.edit.setText(f"≈ {shown(value, self.nothing)}")
        self._move(value)

    def _move(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(STEPS * self.control.position(value)))
        self.slider.blockSignals(False)

    def _slide(self, position: int) -> None:
        value = self.control.at(position / STEPS)
        self.set_value(value if self.control.kind == "int" else float(f"{value:.{DIGITS}g}"), tell=True)

    def _type(self) -> None:
        value = parsed(self.edit.text(), self.control)
        if value is _WRONG:
            self._show()
        elif shown(value, self.nothing) != shown(self.value, self.nothing):
            self.set_value(value, tell=True)


class SwitchRow(ControlRow):
    """A switch."""

    def __init__(self, control: Control, nothing: str = NOTHING) -> None:
        super().__init__(control, nothing)
        self.box = QCheckBox(self.name)
        self.box.clicked.connect(lambda is_on: self.set_value(bool(is_on), tell=True))
        _in_line(self, self.box, self.reset)
        self.set_value(control.default)

    def _show(self) -> None:
        self.box.setChecked(bool(self.value))


class ChoiceRow(ControlRow):
    """A choice of several values."""

    def __init__(self, control: Control, nothing: str = NOTHING) -> None:
        super().__init__(control, nothing)
        self.box = QComboBox()
        for choice in control.choices:
            self.box.addItem(nothing if choice is None else str(choice), choice)
        self.box.setMinimumContentsLength(6)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(lambda index: self.set_value(control.choices[index], tell=True))
        _in_line(self, self.label, self.box, self.reset)
        self.set_value(control.default)

    def _show(self) -> None:
        self.box.setCurrentIndex(list(self.control.choices).index(self.value))


def row_for(control: Control, nothing: str = NOTHING) -> ControlRow:
    """Return what changes a setting of this kind."""
    kinds: dict[str, type[ControlRow]] = {"bool": SwitchRow, "choice": ChoiceRow}
    return kinds.get(control.kind, NumberRow)(control, nothing)


def settings_of(rows: Sequence[ControlRow]) -> dict[str, Any]:
    """Return all settings that differ from their defaults."""
    found: dict[str, Any] = {}
    for row in rows:
        if row.value != row.control.default:
            found |= row.control.changes(row.value)
    return {name: value for name, value in found.items() if value is not None}


def shown(value: Any, nothing: str) -> str:  # noqa: ANN401
    """Write a value as it is shown."""
    if value is None:
        return nothing
    return INFINITE if math.isinf(value) else f"{value:.4g}"


_WRONG = object()


def parsed(text: str, control: Control) -> Any:  # noqa: ANN401
    """Read a value that was typed; what is no number stands for nothing, if that is allowed."""
    text = text.strip().replace(",", ".")
    try:
        value = math.inf if text == INFINITE else float(text)
    except ValueError:
        return None if control.is_optional else _WRONG
    if math.isnan(value):
        return _WRONG
    return int(value) if control.kind == "int" and value.is_integer() else value


def _in_line(row: QWidget, *parts: QWidget) -> None:
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 2)
    layout.setSpacing(4)
    for part in parts[:-1]:
        layout.addWidget(part, 1)
    layout.addWidget(parts[-1])
