"""Sliders follow from the declarations, stay in their ranges, and do what their labels say."""

from __future__ import annotations

import math

import pytest

from superdsm_nb import Session
from superdsm_nb.config import DECLARATIONS_OF, PRESETS, Config
from superdsm_nb.synthetic import generate
from superdsm_nb.tuning import advanced_controls, main_controls

from support import naive

ALL = [(preset, each) for preset in PRESETS for each in (*main_controls(preset), *advanced_controls(preset))]
IDS = [f"{preset} {control.key}" for preset, control in ALL]
NUMBERS = [(preset, each) for preset, each in ALL if each.kind in ("float", "int")]


def check(preset, changes):
    config = Config({key: value for key, value in changes.items() if value is not None})
    DECLARATIONS_OF[preset].check(config.entries)


@pytest.mark.parametrize(("preset", "control"), ALL, ids=IDS)
def test_whatever_a_control_can_be_set_to_is_allowed(preset, control):
    if control.kind == "choice":
        values = control.choices
    elif control.kind == "bool":
        values = (False, True)
    else:
        values = [control.at(position) for position in (0, 0.01, 0.5, 1)]
    for value in (*values, control.default):
        check(preset, control.changes(value))


@pytest.mark.parametrize(("preset", "control"), ALL, ids=IDS)
def test_meaning_and_default_are_those_of_the_declaration(preset, control):
    declared = DECLARATIONS_OF[preset][control.key]
    scaled = DECLARATIONS_OF[preset][control.key.replace("/AF_", "/")]

    assert control.help == scaled.meaning.replace(" (pixels)", "" if scaled is not declared else " (pixels)")
    assert control.default == declared.default
    assert control.is_optional == declared.accepts_none
    if control.default is not None and math.isfinite(control.default if control.kind == "float" else 0):
        assert control.value(Config()) == declared.default


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_that_has_an_effect_has_exactly_one_control(preset):
    keys = [control.key for given, control in ALL if given == preset]
    without = set(DECLARATIONS_OF[preset]) - set(keys)

    assert len(keys) == len(set(keys))
    assert {
        key
        for key in without
        if not key.endswith("/enabled")
        and not DECLARATIONS_OF[preset][key].deprecated
        and DECLARATIONS_OF[preset][key].scaling is None  # their factors have controls
    } <= {"preset", "AF_scale", "histological", "dsm/init"}


@pytest.mark.parametrize(("preset", "control"), NUMBERS)
def test_a_slider_shows_the_value_that_it_sets(preset, control):
    for position in (0, 0.3, 1):
        value = control.at(position)
        assert control.low <= value <= control.high
        assert control.at(control.position(value)) == pytest.approx(value)
    assert (control.position(-math.inf), control.position(math.inf)) == (0, 1)


def test_a_control_moves_what_belongs_to_it_in_proportion():
    (faint,) = [each for each in main_controls("automatic") if "Fainter" in each.label]
    declared = DECLARATIONS_OF["automatic"]

    changes = faint.changes(2 * faint.default)

    assert set(changes) == {"preprocess/min_local_contrast", "postprocess/min_relative_contrast"}
    assert all(value == pytest.approx(2 * declared[key].default) for key, value in changes.items())
    assert set(faint.changes(None).values()) == {None}


def test_a_factor_replaces_the_value_that_would_hide_it():
    (pieces,) = [each for each in main_controls("published") if "pieces" in each.label]

    assert pieces.changes(1.5) == {
        "global-energy-minimization/AF_beta": 1.5,
        "global-energy-minimization/beta": None,
    }


@naive.compiled_only
def test_the_ends_of_the_sliders_are_what_their_labels_say():
    image = generate(seed=3, shape=(128, 150), nuclei=8, radius=12).image
    pieces, outlines = main_controls("automatic")[1:3]
    session = Session(image)

    more, fewer = (session.update(pieces.changes(pieces.at(end))).object_count for end in (0, 1))
    session.update(pieces.changes(None))
    wider, tighter = ((session.update(outlines.changes(outlines.at(end))).labels > 0).sum() for end in (0, 1))

    assert pieces.label.startswith("More / fewer")
    assert more > fewer
    assert outlines.label.startswith("Wider / tighter")
    assert wider > tighter
