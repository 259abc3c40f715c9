"""The widget segments what is in view, and again whenever a setting changes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from superdsm_nb import analyze
from superdsm_nb.events import ignore

COST = "global-energy-minimization/object_cost"


def test_segmenting_adds_the_labels_of_a_fresh_run(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei, name="cells")
    widget = open_widget()
    ended(widget, widget.run.click)
    assert [type(layer).__name__ for layer in viewer.layers] == ["Image", "Labels"]
    expected = analyze(nuclei, preset="automatic", emit=ignore)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected.labels)
    assert widget.messages.status.text().startswith(f"{expected.object_count} nuclei, proven optimal")


def test_dragging_a_slider_changes_the_labels_as_a_fresh_run_would(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    ended(widget, widget.run.click)
    row = widget.settings.row(COST)
    for position in (900, 100, 700, 1000):
        ended(widget, lambda position=position: row.slider.setValue(position))
    assert float(row.edit.text()) == row.value
    expected = analyze(nuclei, {COST: row.value}, preset="automatic", emit=ignore)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected.labels)
    ended(widget, row.reset.click)
    np.testing.assert_array_equal(
        viewer.layers[-1].data, analyze(nuclei, preset="automatic", emit=ignore).labels
    )


def test_the_first_drag_segments(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    ended(widget, lambda: widget.settings.row(COST).slider.setValue(800))
    assert isinstance(viewer.layers[-1], Labels)


def test_without_live_preview_changes_wait_for_the_button(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    widget.live.setChecked(False)
    widget.settings.row(COST).slider.setValue(900)
    assert not widget.work.is_busy
    ended(widget, widget.run.click)
    assert widget.results.result.config[COST] == widget.settings.row(COST).value


def test_a_wrong_value_is_told_and_the_next_one_counts(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    row = widget.settings.row("postprocess/min_area")
    row.edit.setText("-2")
    row.edit.editingFinished.emit()
    assert "min_area" in widget.messages.lines[0]
    row.reset.click()
    ended(widget, widget.run.click)
    row.edit.setText("-3")
    ended(widget, row.edit.editingFinished.emit)
    assert "min_area" in widget.messages.lines[0]
    row.edit.setText("0,2")
    ended(widget, row.edit.editingFinished.emit)
    assert widget.results.result.config["postprocess/min_area"] == 0.2
    assert widget.messages.lines == []
    row.edit.setText("nonsense")
    row.edit.editingFinished.emit()
    assert row.edit.text() == "0.2"


def test_the_diameter_is_estimated(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    widget.live.setChecked(False)
    ended(widget, widget.estimate)
    diameter = widget.settings.row("diameter").value
    expected = analyze(nuclei, preset="automatic", emit=ignore).scale * 2 * np.sqrt(2)
    assert diameter == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("kind", "vertices"),
    [("line", [[5, 5], [5, 17]]), ("ellipse", [[0, 0], [0, 12], [12, 12], [12, 0]])],
)
def test_the_diameter_is_that_of_what_is_drawn(viewer, open_widget, nuclei, kind, vertices):
    image = viewer.add_image(nuclei, scale=(0.5, 0.5), units=("um", "um"))
    widget = open_widget()
    widget.live.setChecked(False)
    widget.draw()
    widget.draw()
    assert len(viewer.layers) == 2
    assert viewer.layers[-1].units == image.units
    viewer.layers[-1].add(np.array(vertices), shape_type=kind)
    assert widget.settings.row("diameter").value == pytest.approx(24)


@pytest.mark.slow
def test_the_published_method_has_settings_of_its_own(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    widget.live.setChecked(False)
    widget.choosing.method.setCurrentIndex(1)
    widget.settings.set_diameter(24)
    ended(widget, widget.run.click)
    expected = analyze(nuclei, diameter=24, preset="published", emit=ignore)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected.labels)


def test_without_an_image_the_widget_says_what_to_do(open_widget):
    widget = open_widget()
    assert not widget.run.isEnabled()
    widget.segment()
    assert "Open an image first" in widget.messages.status.text()


def test_a_constant_image_is_told_not_raised(viewer, open_widget, ended):
    viewer.add_image(np.zeros((40, 50)))
    widget = open_widget()
    ended(widget, widget.run.click)
    assert "constant" in widget.messages.lines[0]
    assert len(viewer.layers) == 1


def test_an_image_that_somebody_has_changed_is_segmented_anew(viewer, open_widget, ended, nuclei):
    data = nuclei.copy()
    viewer.add_image(data)
    widget = open_widget()
    ended(widget, widget.run.click)
    data[:] = data[:, ::-1].copy()
    ended(widget, widget.run.click)
    expected = analyze(nuclei[:, ::-1], preset="automatic", emit=ignore).labels
    np.testing.assert_array_equal(viewer.layers[-1].data, expected)


def test_every_setting_of_the_declarations_has_a_row(open_widget):
    from superdsm_nb.tuning import advanced_controls, main_controls

    widget = open_widget()
    for preset, settings in widget.settings_of.items():
        controls = [*main_controls(preset), *advanced_controls(preset)]
        assert [row.control for row in settings.rows] == controls
        assert all(row.control.help in row.toolTip() for row in settings.rows)
        assert not settings.folded.content.isVisibleTo(settings)
        assert settings.values == {"preset": preset}


def test_nothing_is_cut_off_in_a_narrow_dock(viewer, open_widget, nuclei, qtbot):
    viewer.add_image(nuclei)
    widget = open_widget()
    for settings in widget.settings_of.values():
        settings.folded.heading.setChecked(True)
    assert widget.minimumSizeHint().width() <= 300
    content = widget.sections.parentWidget()
    assert content.minimumSizeHint().width() <= 290


def test_settings_that_belong_together_move_together(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei)
    widget = open_widget()
    ended(widget, widget.run.click)
    row = widget.settings.row("preprocess/min_local_contrast")
    ((key, ratio),) = row.control.linked
    ended(widget, lambda: row.slider.setValue(300))
    assert widget.settings.row(key).value == pytest.approx(row.value * ratio)
    assert widget.results.result.config[key] == pytest.approx(row.value * ratio)
    ended(widget, row.reset.click)
    assert widget.results.result.config[key] == widget.settings.row(key).control.default
    widget.settings.row(key).edit.setText("0.5")
    ended(widget, widget.settings.row(key).edit.editingFinished.emit)
    assert widget.results.result.config[key] == 0.5
