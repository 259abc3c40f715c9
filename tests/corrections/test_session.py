"""Objects are merged, split, deleted and kept by hand; the rest of the result stays."""

from __future__ import annotations

import itertools
import json
import threading

import numpy as np
import pytest

from superdsm_nb import Drawing, Session, analyze
from superdsm_nb.corrections import Correction, corrections_of
from superdsm_nb.corrections.positions import atom_at, point_in
from superdsm_nb.errors import Cancelled, CorrectionError
from superdsm_nb.events import StageStarted, Warned, ignore
from superdsm_nb.pipeline import pipeline_of
from superdsm_nb.synthetic import generate

from support import naive

pytestmark = naive.compiled_only
OBJECT_COST = "global-energy-minimization/object_cost"
PRESETS = {
    "automatic": {"diameter": 24, OBJECT_COST: 0.05},
    "published": {"AF_scale": 6.0, "global-energy-minimization/AF_beta": 0.02},
}


@pytest.fixture(scope="module")
def image():
    return generate(seed=5, shape=(140, 170), nuclei=14, radius=12).image


@pytest.fixture(params=PRESETS)
def session(request, image):
    return Session(image, PRESETS[request.param], preset=request.param)


def fresh(session, image):
    """The result of a run that is given the corrections."""
    return analyze(image, session.config, corrections=session.corrections, emit=ignore)


def equal(found, expected):
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert repr(found.rows) == repr(expected.rows)
    assert found.discarded == expected.discarded
    assert found.performance == expected.performance
    assert found.provenance == expected.provenance


def touching(result):
    """Two labels whose objects have atoms that touch."""
    graph = result.data["adjacencies"]
    for (a, (first,)), (b, (second,)) in itertools.combinations(enumerate(result.footprints, 1), 2):
        if any(not graph[atom].isdisjoint(second) for atom in first):
            return a, b
    raise AssertionError("no objects touch")


def masks(result, without=()):
    """The objects as sets of pixels, without some labels."""
    return {
        frozenset(np.flatnonzero(result.labels == label).tolist())
        for label in range(1, result.object_count + 1)
        if label not in without
    }


def atoms_of(result):
    return [footprint for items in result.footprints for footprint in items]


def test_a_merged_pair_is_one_object_and_undo_takes_it_back(session, image):
    before = session.result
    a, b = touching(before)
    first, second = before.footprints[a - 1][0], before.footprints[b - 1][0]
    merged = session.merge(a, b)
    assert first | second in atoms_of(merged)
    assert first not in atoms_of(merged)
    assert second not in atoms_of(merged)
    assert set(atoms_of(merged)) - {first | second} == set(atoms_of(before)) - {first, second}
    equal(merged, fresh(session, image))
    equal(session.undo(), before)
    assert session.corrections == ()
    assert session.undo().object_count == before.object_count


def test_the_certificate_says_what_is_no_longer_optimal(session):
    before = session.result
    assert before.performance.gap == 0
    merged = session.merge(*touching(before))
    report = merged.performance
    assert report.cost > before.performance.cost
    assert report.lower_bound == before.performance.lower_bound
    assert report.gap > 0
    assert report.proven_cluster_count < len(report.clusters)
    assert merged.provenance["cover"]["gap"] == report.gap
    assert sum(each.gap > 0 for each in report.clusters) == 1


def test_a_split_offers_one_combination_after_the_other(session, image):
    session.merge(*touching(session.result))
    merged = session.result
    label = next(
        label
        for label, (atoms,) in enumerate(merged.footprints, 1)
        if atoms not in {item.footprint for item in merged.data["decisions"].optimum.solution}
    )
    (atoms,) = merged.footprints[label - 1]
    seen, costs = [], []
    found = session.split(label)
    while True:
        parts = frozenset(item.footprint for item in found.data["cover"].solution if item.footprint <= atoms)
        assert frozenset().union(*parts) == atoms
        assert sum(map(len, parts)) == len(atoms)
        assert parts not in seen
        seen.append(parts)
        costs.append(found.performance.cost)
        equal(found, fresh(session, image))
        try:
            found = session.split_otherwise()
        except CorrectionError:
            break
    assert len(seen) > 1 or len(atoms) == 2
    assert costs == sorted(costs)
    assert session.corrections[-1].rank == len(seen) - 1
    with pytest.raises(CorrectionError, match="no further way"):
        session.split_otherwise()


def test_a_deleted_object_is_gone_and_the_others_stay(session, image):
    before = session.result
    found = session.delete(2)
    assert masks(found) == masks(before, {2})
    assert [event.reason for event in found.discarded].count("it was deleted by hand") == 1
    assert found.performance == before.performance
    equal(found, fresh(session, image))
    back = session.keep(*next((e.row, e.col) for e in found.discarded if "by hand" in e.reason))
    assert masks(back) == masks(before)
    equal(back, fresh(session, image))


@pytest.mark.parametrize("preset", PRESETS)
def test_what_would_be_discarded_is_kept(image, preset):
    limit = {"automatic": "postprocess/min_area", "published": "postprocess/min_contrast"}[preset]
    strict = {"automatic": 0.9, "published": 7.0}[preset]
    session = Session(image, {**PRESETS[preset], limit: strict}, preset=preset)
    before = session.result
    event = before.discarded[-1]
    found = session.keep(event.row + 1, event.col - 1)
    assert found.object_count == before.object_count + 1
    assert masks(before) < masks(found)
    assert event not in found.discarded
    equal(found, fresh(session, image))


def test_corrections_survive_other_settings(session, image):
    a, b = touching(session.result)
    session.merge(a, b)
    session.delete(1)
    for change in (
        {"postprocess/enabled": False},
        {"postprocess/enabled": True},
        {"global-energy-minimization/enabled": True},
        {"preset": session.config["preset"], "postprocess/enabled": None},
    ):
        equal(session.update(change), fresh(session, image))
    other = {"automatic": {"diameter": 20}, "published": {"AF_scale": 7.0}}[session.result.preset]
    equal(session.update(other), fresh(session, image))
    assert len(session.corrections) == 2


def test_only_the_last_stage_runs_after_a_correction(session):
    started = []
    session.update()
    session._emit = lambda event: isinstance(event, StageStarted) and started.append(event.name)
    session.delete(1)
    assert started == ["postprocess"]


def test_what_cannot_be_corrected_is_refused_and_changes_nothing(session):
    result = session.result
    apart = max(range(2, result.object_count + 1), key=lambda label: distance(result, 1, label))
    single = next((n for n, (atoms,) in enumerate(result.footprints, 1) if len(atoms) == 1), None)
    wrong = [
        (lambda: session.merge(1, apart), "do not touch"),
        (lambda: session.merge(1, 1), "one object already"),
        (lambda: session.merge(1), "has 1 points"),
        (lambda: session.merge(1, result.object_count + 1), "no object"),
        (lambda: session.delete(0), "no object 0"),
        (session.delete, "has 0 points"),
        (lambda: session.split(-1), "no object -1"),
        (session.split_otherwise, "not a split"),
    ]
    if single is not None:
        wrong.append((lambda: session.split(single), "single part"))
    if not result.discarded:
        wrong.append((lambda: session.keep(1, 1), "No object was discarded"))
    for act, message in wrong:
        with pytest.raises(CorrectionError, match=message):
            act()
        assert session.update() is result
        assert session.corrections == ()


def test_a_label_that_shows_several_objects_is_not_split(image):
    session = Session(image, PRESETS["automatic"], drawing=Drawing(dilate=6, merge_overlap_threshold=0.0))
    label = next(n for n, items in enumerate(session.result.footprints, 1) if len(items) > 1)
    with pytest.raises(CorrectionError, match="several objects"):
        session.split(label)


def distance(result, a, b):
    first, second = (np.argwhere(result.labels == label).mean(axis=0) for label in (a, b))
    return np.hypot(*(first - second))


def test_a_correction_that_does_not_fit_is_left_out_with_a_warning(image):
    events = []
    corrections = corrections_of([{"kind": "delete", "points": [[1e6, 3]]}])
    found = analyze(image, {"diameter": 24}, corrections=corrections, emit=events.append)
    assert [str(event) for event in events if isinstance(event, Warned)] == [
        "the correction delete at row 1e+06, column 3 is left out: There is no object at row 1e+06, column 3"
    ]
    assert found.corrections == ()
    assert found.provenance["corrections"] == []


def test_provenance_tells_how_to_do_it_again(session, image):
    session.merge(*touching(session.result))
    found = session.delete(1)
    entries = json.loads(json.dumps(found.provenance))["corrections"]
    again = Session(image, session.config, corrections=corrections_of(entries))
    equal(again.result, found)


def test_a_session_that_is_cancelled_keeps_its_corrections(session):
    session.delete(1)
    before = session.corrections
    session._emit = lambda event: session.cancel()
    with pytest.raises(Exception, match="cancelled"):
        session.delete(1)
    assert session.corrections == before


@pytest.mark.parametrize("preset", PRESETS)
def test_every_atom_is_found_at_its_point(image, preset):
    data = analyze(image, PRESETS[preset], preset=preset, emit=ignore).data
    count = int(data["atoms"].max())
    assert count > 5
    for atom in range(1, count + 1):
        assert atom_at(data, point_in(data, {atom})) == atom
    assert atom_at(data, (-1, 5)) == 0
    assert atom_at(data, (0, 1e300)) == 0


def test_known_unions_are_measured_as_the_search_has_measured_them(session):
    result = session.result
    stage = pipeline_of(session.config["preset"]).stages[3]
    settings = stage.settings(result.config.copy())
    known = result.data["cover"].solution
    again = stage.objects_of(result.data, settings, [item.footprint for item in known])
    for old, new in zip(known, again, strict=True):
        assert (new.energy, new.fg_offset, new.on_boundary) == (old.energy, old.fg_offset, old.on_boundary)
        np.testing.assert_array_equal(new.fg_fragment, old.fg_fragment)


def test_a_cancelled_change_of_the_method_leaves_the_method(image):
    is_cancelling = threading.Event()

    def cancel(event):
        if is_cancelling.is_set() and isinstance(event, StageStarted):
            session.cancel()

    session = Session(image, PRESETS["automatic"], emit=cancel)
    before = session.result
    session.delete(1)
    is_cancelling.set()
    with pytest.raises(Cancelled):
        session.update({"diameter": None, "preset": "published", OBJECT_COST: None})
    is_cancelling.clear()
    equal(session.undo(), before)


@pytest.mark.parametrize("point", [(-1.0, -1.0), (1e9, 5.0), (1e308, -1e308)])
def test_a_point_outside_the_image_is_left_out_with_a_warning(session, image, point):
    told = []
    far = Correction("delete", (point,))
    found = analyze(image, session.config, corrections=[far], emit=told.append)
    assert found.corrections == ()
    assert any(isinstance(each, Warned) and "is left out" in each.text for each in told)
