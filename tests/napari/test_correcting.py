"""Nuclei are picked in the viewer and corrected by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from superdsm_nb import Session

OBJECT_COST = "global-energy-minimization/object_cost"


@pytest.fixture
def widget(viewer, open_widget, ended, nuclei):
    viewer.add_image(nuclei, scale=(0.5, 0.5), translate=(3, 4))
    widget = open_widget()
    ended(widget, widget.run.click)
    return widget


def click(viewer, world, modifiers=(), way=0):
    """Press the mouse in the viewer, and release it."""
    event = SimpleNamespace(
        type="mouse_press", pos=(50, 50), position=world, modifiers=modifiers, dims_displayed=[0, 1]
    )
    step = viewer.mouse_drag_callbacks[-1](viewer, event)
    next(step)
    event.type, event.pos = "mouse_release", (50 + way, 50)
    assert next(step, "over") == "over"


def point(widget, label):
    """A point of the viewer inside a nucleus."""
    row = next(row for row in widget.results.rows if row["label"] == label)
    place = widget.results.place_of(row)
    return widget.results.layer.data_to_world((place.row, place.col))


def touching(widget):
    """Two labels that touch."""
    labels = widget.results.layer.data.astype(int)
    found = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    row, col = np.argwhere(found)[0]
    return int(labels[row, col]), int(labels[row, col + 1])


def test_a_click_picks_and_another_with_shift_picks_more(viewer, widget):
    click(viewer, point(widget, 2))
    assert widget.picking.labels == [2]
    click(viewer, point(widget, 3), modifiers=("Shift",))
    assert widget.picking.labels == [2, 3]
    picked = viewer.layers[-1].data
    np.testing.assert_array_equal(picked > 0, np.isin(widget.results.layer.data, [2, 3]))
    click(viewer, point(widget, 2), modifiers=("Shift",))
    assert widget.picking.labels == [3]
    click(viewer, point(widget, 1), way=40)  # dragged
    assert widget.picking.labels == [3]
    click(viewer, (3, 4))  # background
    assert widget.picking.labels == []
    assert not viewer.layers[-1].data.any()


def test_merging_splitting_deleting_and_undoing(viewer, widget, ended, nuclei):
    fresh = Session(nuclei, preset="automatic")
    buttons = widget.correcting
    assert not any(button.isEnabled() for button in (buttons.merge, buttons.split, buttons.undo))
    pair = touching(widget)
    click(viewer, point(widget, pair[0]))
    assert buttons.split.isEnabled()
    assert not buttons.merge.isEnabled()
    click(viewer, point(widget, pair[1]), modifiers=("Shift",))
    ended(widget, buttons.merge.click)
    np.testing.assert_array_equal(widget.results.layer.data, fresh.merge(*pair).labels)
    assert "from the optimum" in widget.messages.status.text()
    (merged,) = widget.picking.labels
    ended(widget, buttons.split.click)
    np.testing.assert_array_equal(widget.results.layer.data, fresh.split(merged).labels)
    ended(widget, buttons.delete.click)
    assert widget.results.result.provenance["corrections"][-1]["kind"] == "delete"
    for _ in range(3):
        ended(widget, buttons.undo.click)
    assert not buttons.undo.isEnabled()
    np.testing.assert_array_equal(
        widget.results.layer.data, Session(nuclei, preset="automatic").result.labels
    )


def test_corrections_outlive_a_slider_and_a_second_run(viewer, widget, ended):
    click(viewer, point(widget, 1))
    ended(widget, widget.correcting.delete.click)
    ended(widget, lambda: widget.settings.row("postprocess/min_area").slider.setValue(150))
    assert [each.kind for each in widget.results.result.corrections] == ["delete"]
    widget.work.forget()
    ended(widget, widget.run.click)
    assert [each.kind for each in widget.results.result.corrections] == ["delete"]


def test_what_does_not_work_is_told(viewer, widget, ended):
    before = widget.results.layer.data.copy()
    footprints = widget.results.result.footprints
    alone = next(label for label, each in enumerate(footprints, 1) if sum(map(len, each)) == 1)
    click(viewer, point(widget, alone))
    ended(widget, widget.correcting.split.click)
    assert widget.messages.lines
    np.testing.assert_array_equal(widget.results.layer.data, before)
    assert not widget.correcting.undo.isEnabled()


def test_what_was_discarded_is_shown_explained_and_kept(viewer, widget, ended):
    ended(widget, lambda: widget.settings.row("postprocess/min_area").slider.setValue(900))
    before = widget.results.result.object_count
    event = next(each for each in widget.results.result.discarded if each.row is not None)
    place = widget.results.layer.data_to_world((event.row, event.col))
    assert widget.results.explain(widget.results.place(place)) == ""
    widget.shows_discarded.setChecked(True)
    assert [layer.metadata["superdsm_nb"]["role"] for layer in viewer.layers[1:]] == ["nuclei", "discarded"]
    assert widget.results.explain(widget.results.place(place)).startswith(f"Discarded: {event.reason}")
    click(viewer, place)
    assert widget.correcting.keep.isEnabled()
    ended(widget, widget.correcting.keep.click)
    assert widget.results.result.object_count == before + 1
    widget.shows_discarded.setChecked(False)
    assert len(viewer.layers) == 2


def test_the_nucleus_under_the_mouse_is_explained(viewer, widget):
    event = SimpleNamespace(position=point(widget, 2))
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, event)
    text = widget.about.text()
    assert text.startswith("Nucleus 2: ")
    assert all(word in text for word in ("px²", "energy", "contrast", "piece"))
    event.position = (3, 4)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, event)
    assert text != widget.about.text()
    status = widget.results.layer.get_status(point(widget, 2), world=True)
    assert "energy" in str(status)
