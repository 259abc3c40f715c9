"""Events: what is said of a computation, apart from how it is shown."""

from __future__ import annotations

import json

import pytest

from superdsm_nb.events import (
    LogLine,
    ObjectDiscarded,
    Progress,
    StageStarted,
    Warned,
    from_plain,
    naming,
    to_plain,
)

REMARKS = [
    LogLine("3 clusters of 5 atoms"),
    ObjectDiscarded("it is on the image border", 12, 7, (1, 4)),
    ObjectDiscarded("its mask is empty", atoms=(2,)),
    Warned("the scale is near its limit", "a.tif"),
]


@pytest.mark.parametrize("remark", REMARKS, ids=str)
def test_a_remark_survives_json(remark):
    assert from_plain(json.loads(json.dumps(to_plain(remark)))) == remark


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"kind": "Event"},
        {"kind": "LogLine"},
        {"kind": "LogLine", "text": "a", "more": 1},
        {"kind": "LogLine", "text": {}},
    ],
)
def test_what_is_no_remark_is_refused(entries):
    with pytest.raises(ValueError, match="there is no such event"):
        from_plain(entries)


def test_a_discarded_object_says_where_it_is_and_why():
    assert str(REMARKS[1]) == "object at row 12, column 7 discarded: it is on the image border"
    assert str(REMARKS[2]) == "object of the atoms [2] discarded: its mask is empty"


def test_every_warning_names_its_image():
    heard = []
    emit = naming("b.tif", naming("a.tif", heard.append))
    for event in (
        Warned("careful"),
        Warned("careful", "c.tif"),
        StageStarted("scale"),
        Progress(1, 2, "fits"),
    ):
        emit(event)
    assert [str(event) for event in heard[:2]] == ["b.tif: careful", "c.tif: careful"]
    assert heard[2:] == [StageStarted("scale"), Progress(1, 2, "fits")]
