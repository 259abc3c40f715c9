"""The table of the nuclei: sortable, and in step with the nuclei that are picked in the viewer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView, QVBoxLayout, QWidget

from ..results.names import name_of
from ..results.tables import AXIS_COLUMNS

FIRST = ("label", "area", "area_um2", "equivalent_diameter_area", "intensity_mean", "contrast", "energy")
SORTED_BY = Qt.ItemDataRole.UserRole

Rows = Sequence[Mapping[str, Any]]


class RowsModel(QAbstractTableModel):
    """Rows of measurements, as a table of Qt.

    Parameters
    ----------
    parent : QObject, optional
        Owner.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: Rows = ()
        self.columns: list[str] = []

    def show(self, rows: Rows) -> None:
        """Show other rows, without columns of which nothing is known."""
        self.beginResetModel()
        self.rows = rows
        names = list(dict.fromkeys(name for row in rows for name in row))
        first = [name for name in (*AXIS_COLUMNS, *FIRST) if name in names]
        ordered = first + [name for name in names if name not in first]
        self.columns = [name for name in ordered if any(_is_known(row.get(name)) for row in rows)]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - the name in Qt
        """Count the nuclei."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Count the measurements."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        """Return the text of a cell, or the value that it is sorted by."""
        if role not in (Qt.ItemDataRole.DisplayRole, SORTED_BY):
            return None
        value = self.rows[index.row()].get(self.columns[index.column()])
        if role == SORTED_BY:
            return value if _is_known(value) else -math.inf
        if not _is_known(value):
            return ""
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401
        """Return the readable name of a column; its own name as a hint."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        texts = {
            Qt.ItemDataRole.DisplayRole: name_of(column).readable.capitalize()
            if column in (*AXIS_COLUMNS, "label")
            else name_of(column).readable,
            Qt.ItemDataRole.ToolTipRole: column,
        }
        return texts.get(Qt.ItemDataRole(role))


class Table(QWidget):
    """The nuclei of an image, a row for each.

    Emits `chosen` with the row that the user has clicked.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.model = RowsModel(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORTED_BY)
        self.view = QTableView()
        self.view.setModel(self.sorted)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.verticalHeader().hide()
        self.view.clicked.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)

    def show_rows(self, rows: Rows) -> None:
        """Show the measurements of a result."""
        has_columns = bool(self.model.columns)
        self.model.show(rows)
        if not has_columns:
            self.view.resizeColumnsToContents()

    def select(self, label: int, position: Mapping[str, int]) -> None:
        """Select the row of a nucleus of a plane, without emitting `chosen`."""
        for number, row in enumerate(self.model.rows):
            place = {axis: row[axis] for axis in AXIS_COLUMNS if axis in row}
            if row["label"] == label and place == dict(position):
                index = self.sorted.mapFromSource(self.model.index(number, 0))
                self.view.selectRow(index.row())
                self.view.scrollTo(index)
                return
        self.view.clearSelection()

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self.model.rows[self.sorted.mapToSource(index).row()])


def _is_known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
