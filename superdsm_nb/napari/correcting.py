"""Corrections by hand, of the nuclei that are picked."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..results.result import Segmentation
from ..session import Session
from .picking import Picking
from .results import Results
from .work import Work

COLUMNS = 3
HOW = "Click a nucleus to pick it, shift-click to pick more."


class Correcting(QWidget):
    """Buttons that merge, split, delete and keep what is picked.

    Emits `begun` with what it does.

    Parameters
    ----------
    work : Work
        Has the session that is corrected.
    results : Results
        What has been found.
    picking : Picking
        What is picked.
    """

    begun = Signal(str)

    def __init__(self, work: Work, results: Results, picking: Picking) -> None:
        super().__init__()
        self._work, self._results, self._picking = work, results, picking
        self.hint = QLabel(HOW)
        self.hint.setWordWrap(True)
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.merge = _button("Merge", "Make one nucleus of those that are picked and touch", self._merge)
        self.split = _button("Split", "Take the best other combination of the pieces", self._split)
        self.other = _button("Next best", "Not this split: take the next combination", self._split_otherwise)
        self.delete = _button("Delete", "Leave what is picked out of the result", self._delete)
        self.keep = _button("Keep", "Keep what was discarded: show it and click it first", self._keep)
        self.undo = _button("Undo", "Take back the last correction", self._undo)
        grid = QGridLayout()
        grid.setSpacing(4)
        buttons = (self.merge, self.split, self.other, self.delete, self.keep, self.undo)
        for number, button in enumerate(buttons):
            grid.addWidget(button, number // COLUMNS, number % COLUMNS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.hint)
        layout.addLayout(grid)
        picking.changed.connect(self.show_state)
        results.changed.connect(self.show_state)
        self.show_state()

    def show_state(self) -> None:
        """Enable what can be done now."""
        view, session = self._results.view, self._work.session
        labels, last = self._picking.labels, self._picking.last
        is_current = (
            session is not None
            and view is not None
            and self._results.result is not None
            and (last is None or last.position == view.position)
        )
        made = session.corrections if session is not None else ()
        discarded = self._results.discarded_at(last) if last is not None else None
        self.merge.setEnabled(is_current and len(labels) > 1)
        self.split.setEnabled(is_current and len(labels) == 1)
        self.other.setEnabled(is_current and bool(made) and made[-1].kind == "split")
        self.delete.setEnabled(is_current and bool(labels))
        self.keep.setEnabled(is_current and discarded is not None)
        self.undo.setEnabled(is_current and bool(made))
        told = []
        if labels:
            told.append(f"Picked: {', '.join(map(str, labels))}.")
        if made:
            told.append(f"{len(made)} corrected by hand.")
        self.hint.setText(" ".join(told) or HOW)

    def _merge(self) -> None:
        labels = tuple(self._picking.labels)
        self._do("Merging", lambda session: session.merge(*labels))

    def _split(self) -> None:
        label = self._picking.labels[0]
        self._do("Splitting", lambda session: session.split(label))

    def _split_otherwise(self) -> None:
        self._do("Splitting in another way", lambda session: session.split_otherwise())

    def _delete(self) -> None:
        labels = tuple(self._picking.labels)
        self._do("Deleting", lambda session: session.delete(*labels))

    def _keep(self) -> None:
        last = self._picking.last
        assert last is not None, "the button is enabled for a place only"
        event = self._results.discarded_at(last)
        assert event is not None, "and only where something was discarded"
        row, col = (last.row, last.col) if event.row is None or event.col is None else (event.row, event.col)
        self._do("Keeping", lambda session: session.keep(row, col))

    def _undo(self) -> None:
        self._do("Undoing", lambda session: session.undo())

    def _do(self, what: str, action: Callable[[Session], Segmentation]) -> None:
        self._work.perform(action)
        self.begun.emit(what)


def _button(text: str, tip: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(action)
    return button
