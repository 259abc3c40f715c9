"""Corrections that the page asks for are those of a session, of the result that the user saw."""

from __future__ import annotations

import json

import numpy as np
import pytest

from superdsm_nb import Session
from superdsm_nb.errors import CorrectionError
from superdsm_nb.io import Source
from superdsm_nb.page.correcting import correction_of

from support import naive
from support.deskpages import DeskPage

WRONG = [
    {},
    {"what": "explode", "labels": [1]},
    {"what": "merge", "labels": [1]},
    {"what": "merge", "labels": "12"},
    {"what": "split", "labels": [1, 2]},
    {"what": "split", "labels": [1.5]},
    {"what": "split", "labels": [True]},
    {"what": "delete", "labels": []},
    {"what": "keep", "position": [1]},
    {"what": ["merge"], "labels": [1, 2]},
]


@pytest.mark.parametrize("given", WRONG, ids=map(str, WRONG))
def test_what_is_no_correction_is_refused(given):
    with pytest.raises(CorrectionError, match="There is no correction"):
        correction_of(given)


@pytest.fixture
def page(image):
    with DeskPage.settled_at(Source(image).load()) as made:
        yield made


def correct(page, version, **what):
    answer = page.post("/correct", {"version": version, **what})
    assert answer.status == 200, answer.body
    return page.settled(json.loads(answer.body)["asked"])


def largest(result):
    return max(result.rows, key=lambda row: row["area"])["label"]


@naive.compiled_only
def test_corrections_are_those_of_a_session(page, image):
    session = Session(Source(image).load())
    before = session.result
    label = next(each for each in range(1, before.object_count + 1) if is_divisible(image, each))

    correct(page, 1, what="split", labels=[label])
    np.testing.assert_array_equal(page.labels(), session.split(label).labels)
    assert page.json("/result")["corrections"] == ["split"]
    correct(page, 2, what="undo")
    np.testing.assert_array_equal(page.labels(), before.labels)
    correct(page, 3, what="delete", labels=[largest(before)])
    session.undo()
    np.testing.assert_array_equal(page.labels(), session.delete(largest(before)).labels)
    assert "corrections" in json.dumps(page.desk.newest[1].provenance)


def is_divisible(image, label):
    try:
        Session(Source(image).load()).split(label)
    except CorrectionError:
        return False
    return True


@naive.compiled_only
def test_a_discarded_object_is_kept_where_it_is_shown(page):
    page.post("/change", {"postprocess/min_area": 0.9})
    page.settled(1)
    shown = page.json("/discarded")["objects"]
    count = page.desk.newest[1].object_count

    correct(page, 2, what="keep", position=shown[0]["position"])

    assert page.desk.newest[1].object_count == count + 1
    assert shown[0] not in page.json("/discarded")["objects"]


@naive.compiled_only
def test_labels_of_an_older_result_are_refused(page):
    before = page.labels()
    page.post("/change", {"postprocess/min_area": 0.2})
    state = correct(page, 1, what="delete", labels=[1])

    assert state.messages[-1] == ("error", "The segmentation has changed meanwhile: select again.")
    assert (page.labels() > 0).sum() <= (before > 0).sum()
    assert page.json("/result")["corrections"] == []


def test_nothing_is_corrected_before_there_is_a_result(image):
    answer = DeskPage(Source(image).load()).post("/correct", {"what": "undo"})

    assert answer.status == 409
    assert "no result yet" in json.loads(answer.body)["error"]
