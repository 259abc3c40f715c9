"""The table of the nuclei is sorted as numbers, and in step with the viewer."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from superdsm_nb.napari.table import Table


def cells(table, column=0):
    sorted_rows = table.sorted
    return [
        sorted_rows.data(sorted_rows.index(number, column), Qt.ItemDataRole.DisplayRole)
        for number in range(sorted_rows.rowCount())
    ]


@pytest.fixture
def table(qtbot):
    table = Table()
    qtbot.addWidget(table)
    rows = [
        {"label": 2, "area": 100, "contrast": float("nan"), "cluster": float("nan")},
        {"label": 10, "area": 9, "contrast": 1.23456, "cluster": float("nan")},
        {"label": 1, "area": 25, "contrast": 3.0, "cluster": float("nan")},
    ]
    table.show_rows(rows)
    return table


def test_columns_are_sorted_as_numbers(table):
    assert cells(table) == ["1", "2", "10"]
    table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert cells(table, 1) == ["100", "25", "9"]


def test_columns_without_values_are_left_out(table):
    header = [table.model.headerData(n, Qt.Orientation.Horizontal) for n in range(table.model.columnCount())]
    assert header == ["Label", "Area px^2", "Contrast"]
    assert cells(table, 2) == ["3", "", "1.235"]


def test_a_click_on_a_row_shows_the_nucleus_and_a_picked_one_its_row(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei, scale=(2, 2))
    widget = open_widget()
    ended(widget, widget.run.click)
    widget.show_table()
    widget.show_table()
    table = widget.table
    table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    table.view.clicked.emit(table.sorted.index(0, 1))
    largest = max(widget.results.rows, key=lambda row: row["area"])
    assert widget.picking.labels == [largest["label"]]
    centre = (2 * largest["centroid-0"], 2 * largest["centroid-1"])
    assert viewer.camera.center[-2:] == pytest.approx(centre)
    other = min(widget.results.rows, key=lambda row: row["area"])
    widget.picking.pick(widget.results.place_of(other))
    (index,) = table.view.selectionModel().selectedRows()
    assert cells(table)[index.row()] == str(other["label"])
