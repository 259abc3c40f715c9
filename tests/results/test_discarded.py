"""What was found and discarded is told in a table, with the reasons."""

from __future__ import annotations

import csv

import superdsm_nb
from superdsm_nb.events import ObjectDiscarded
from superdsm_nb.io import imsave
from superdsm_nb.results.tables import csv_text, discarded_rows

from support.runs import edit_task
from support.trees import run_tree, write_images, write_task

STRICT = {"AF_scale": 11, "postprocess": {"min_contrast": 1000}}


def _read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_says_where_it_was_why_and_of_which_atoms():
    rows = discarded_rows([ObjectDiscarded("it is dim", 3, 4, (1, 7)), ObjectDiscarded("empty")])

    text = csv_text(["row", "col", "reason", "atoms"], rows)

    assert text.splitlines()[1:] == ["3,4,it is dim,1 7", ",,empty,"]


def test_a_segmentation_keeps_what_was_discarded(sample):
    seen = []
    result = superdsm_nb.analyze(sample.image, STRICT, emit=seen.append)

    assert result.object_count == 0
    assert result.discarded == tuple(each for each in seen if isinstance(each, ObjectDiscarded))
    assert all("contrast" in each.reason for each in result.discarded)
    assert result.discarded


def test_one_file_tells_the_discarded_objects_of_all_images(run, tmp_path, sample):
    for name in ("a", "b"):
        imsave(tmp_path / f"{name}.tif", sample.image)
    images = [tmp_path / f"{name}.tif" for name in ("a", "b")]
    settings = ("--set", "AF_scale=11", "--set", "postprocess/min_contrast=1000")
    outputs = ("-o", tmp_path / "l", "--csv", tmp_path / "t.csv", "--discarded", tmp_path / "d.csv")

    assert run("segment", *images, *settings, *outputs).code == 0

    rows = _read(tmp_path / "d.csv")
    assert {row["image"] for row in rows} == {"a.tif", "b.tif"}
    assert list(rows[0]) == ["image", "row", "col", "reason", "atoms"]
    assert _read(tmp_path / "t.csv") == []


def test_a_task_tells_them_also_if_a_stored_result_is_used_again(tmp_path):
    write_images(tmp_path, ["a"])
    patterns = {"seg_pathpattern": "seg/%s.png", "discarded_pathpattern": "d/%s.csv"}
    places = {"img_pathpattern": "{ROOTDIR}/%s.tif", "file_ids": ["a"]}
    root = write_task(tmp_path, runnable=True, config=STRICT, **places, **patterns)
    run_tree(root)
    first = _read(root / "d" / "a.csv")
    edit_task(root, discarded_pathpattern="again/%s.csv")
    run_tree(root)

    assert first
    assert _read(root / "again" / "a.csv") == first
