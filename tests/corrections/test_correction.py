"""Corrections are values that can be written down and read back."""

from __future__ import annotations

import json
import math

import pytest

from superdsm_nb.corrections import Correction, corrections_of
from superdsm_nb.errors import CorrectionError

GOOD = (
    Correction("merge", ((1, 2), (3, 4.5))),
    Correction("split", ((1, 2),), rank=2),
    Correction("delete", ((0, 0), (5, 5))),
    Correction("keep", ((7, 8),)),
)


def test_written_corrections_are_read_back():
    written = json.dumps([each.to_plain() for each in GOOD])
    assert corrections_of(json.loads(written)) == GOOD


@pytest.mark.parametrize(
    "entries",
    [
        None,
        "merge",
        {"kind": "merge"},
        ["merge"],
        [{"kind": "merge"}],
        [{"kind": "merge", "points": [[1, 2]]}],
        [{"kind": "merge", "points": [[1, 2], [3]]}],
        [{"kind": "split", "points": [[1, 2], [3, 4]]}],
        [{"kind": "split", "points": [[1, 2]], "rank": -1}],
        [{"kind": "split", "points": [[1, 2]], "rank": 1.5}],
        [{"kind": "split", "points": [[1, 2]], "rank": True}],
        [{"kind": "delete", "points": []}],
        [{"kind": "delete", "points": [["a", 2]]}],
        [{"kind": "delete", "points": [[math.nan, 2]]}],
        [{"kind": "delete", "points": [[1, math.inf]]}],
        [{"kind": "delete", "points": [[1, 10**400]]}],
        [{"kind": "delete", "points": [None]}],
        [{"kind": "delete", "points": "12"}],
        [{"kind": "delete", "points": ["12"]}],
        [{"kind": "delete", "points": [[1, 2]], "label": 3}],
        [{"kind": ["delete"], "points": [[1, 2]]}],
        [{"kind": "grow", "points": [[1, 2]]}],
    ],
)
def test_anything_else_is_refused(entries):
    with pytest.raises(CorrectionError):
        corrections_of(entries)
