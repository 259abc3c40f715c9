"""Records of tiles: what is read is what was written, and damage is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.errors import StoredResultError
from superdsm_nb.tiles.piece import FoundCluster, FoundObject, Piece
from superdsm_nb.tiles.records import Parts, Record
from superdsm_nb.tiles.result import Accepted, LabelMap

from support import naive


def random_object(rng, offset=None):
    mask = rng.random(rng.integers(1, 9, 2)) < 0.6
    mask[0, 0] = True
    offset = tuple(rng.integers(0, 10**9, 2).tolist()) if offset is None else offset
    return FoundObject(offset, mask, *rng.random(4).tolist(), bool(rng.integers(2)), float(rng.random()))


@naive.settings_for(40)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_record_is_read_as_it_was_written(seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    objects = [random_object(rng) for _ in range(rng.integers(0, 6))]
    clusters = [FoundCluster((7, 3), 4, 2, 1.5, 1.25)] * int(rng.integers(0, 3))
    labels = rng.integers(0, 2, (4, 5)).astype(np.int32)
    parts = Parts.of(labels, [(slice(0, 4), slice(0, 5))], (slice(8, 12), slice(0, 5))) if seed % 2 else None
    path = tmp_path_factory.mktemp("record") / "tile.npz"

    Record.of(Piece(clusters, objects), parts).save(path)
    found = Record.load(path)

    assert found.objects.boxes.tolist() == [[*each.offset, *each.mask.shape] for each in objects]
    for number, item in enumerate(objects):
        np.testing.assert_array_equal(found.objects.mask(number), item.mask)
        expected = item.low, item.high, item.mean, item.brightness, item.on_boundary, item.energy
        assert tuple(found.objects.values[number]) == expected
        assert found.objects.areas[number] == item.mask.sum()
        assert tuple(found.objects.firsts[number] - item.offset) == tuple(np.argwhere(item.mask)[0])
    assert found.clusters.tolist() == [[7, 3, 4, 2, 1.5, 1.25]] * len(clusters)
    assert (found.parts is None) == (parts is None)
    if parts is not None:
        np.testing.assert_array_equal(found.parts.right, labels[:, -1])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\x80\x04."])
def test_a_damaged_record_is_named(tmp_path, content):
    path = tmp_path / "tile-0-0.npz"
    path.write_bytes(content)
    with pytest.raises(StoredResultError, match=r"tile-0-0\.npz is damaged: delete it, and run again\."):
        Record.load(path)


def test_a_record_that_holds_objects_of_python_is_damaged(tmp_path):
    path = tmp_path / "tile-0-0.npz"
    np.savez(path, clusters=np.array([{}], object))
    with pytest.raises(StoredResultError, match="is damaged"):
        Record.load(path)


@naive.settings_for(30)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_part_of_a_label_map_is_that_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    records, boxes, places = [], [], []
    expected = np.zeros((40, 50), np.int64)
    for number in range(3):
        objects = []
        for _ in range(rng.integers(0, 5)):
            row, col = 8 * int(rng.integers(0, 4)), 10 * int(rng.integers(0, 4))
            if expected[row : row + 9, col : col + 9].any():
                continue
            item = random_object(rng, (row, col))
            height, width = item.mask.shape
            boxes.append((row, col, height, width))
            places.append((number, len(objects)))
            objects.append(item)
            expected[row : row + height, col : col + width][item.mask] = len(boxes)
        records.append(Record.of(Piece((), objects), None))
    accepted = Accepted(
        np.array(boxes, np.int64).reshape(-1, 4), np.zeros(0, np.int64), np.array(places, np.int64), {}
    )
    labels = LabelMap(accepted.placed, accepted.dtype, records.__getitem__)
    rows = slice(int(rng.integers(0, 20)), int(rng.integers(20, 41)))
    cols = slice(int(rng.integers(0, 25)), int(rng.integers(25, 51)))

    np.testing.assert_array_equal(labels.read(rows, cols), expected[rows, cols])
    np.testing.assert_array_equal(labels.read(slice(0, 40), slice(0, 50)), expected)
