"""Names from files never control a terminal, forge a line, or run in a spreadsheet."""

from __future__ import annotations

import csv
import json
import re
import tarfile

import pytest

from superdsm_nb.io import imsave

from support.runs import rows_of
from support.trees import cells, write_task

EVIL = "a\x1b[31m\u202egnp\u2066\r\n\x07\x85\u2028b"
SHOWN = r"a\x1b[31m\u202egnp\u2066\r\n\x07\x85\u2028b"
FORMULA = "=HYPERLINK(1)"
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def evil(tmp_path):
    """A task of images with names that do what names should not do."""
    for name in (EVIL, FORMULA):
        imsave(tmp_path / "images" / f"{name}.tif", cells().image)
    (tmp_path / "images" / f"x{EVIL}.tif").write_bytes(b"no image")
    return write_task(
        tmp_path / "root",
        runnable=True,
        img_pathpattern=f"{tmp_path}/images/%s.tif",
        seg_pathpattern="seg/%s.png",
        csv_pathpattern="csv/%s.csv",
        log_pathpattern="log/%s",
        file_ids=[EVIL, f"x{EVIL}", FORMULA],
        config={"AF_scale": 11, "postprocess": {"min_contrast": 1000}},  # warns that no object was found
    )


def assert_visible(text, name=SHOWN):
    assert not INVISIBLE.search(text), repr(INVISIBLE.search(text))
    assert name in text


@pytest.mark.parametrize("options", [[], ["--run", "--debug"], ["--run", "--debug", "--json"]])
def test_names_are_shown_without_what_cannot_be_seen(run, evil, tmp_path, options):
    outcome = run("batch", evil, "--report", tmp_path / "status.txt", *options)
    shown = outcome.out if "--json" not in options else ""
    assert not INVISIBLE.search(outcome.out)
    if options:
        text = (tmp_path / "status.txt").read_text()
        assert_visible(text)
        assert len(text.splitlines()) == 2
        errors = [line for line in outcome.err.splitlines() if line.startswith(("Error", "Warning"))]
        assert len(errors) >= 2
        assert_visible("\n".join(errors))
    if shown:
        assert_visible(shown)
    for line in outcome.out.splitlines():
        assert "--json" not in options or json.loads(line)


def test_logs_and_the_report_show_names_without_what_cannot_be_seen(run, evil):
    run("batch", evil, "--run", "--debug", "--quiet")
    with tarfile.open(evil / "log" / f"x{EVIL}.tgz") as archive:
        text = archive.extractfile(archive.getmembers()[0]).read().decode()
    assert_visible(text)
    assert text.splitlines()[1] == f"image x{SHOWN}.tif"
    assert_visible((evil / "report.html").read_text())


def test_segment_and_score_show_names_without_what_cannot_be_seen(run, tmp_path):
    for folder in ("p", "t"):
        imsave(tmp_path / folder / f"{EVIL}.png", cells().labels.astype("uint16"))
    assert_visible(run("score", tmp_path / "p", tmp_path / "t").out)
    assert_visible(run("segment", tmp_path / "p", "-o", tmp_path / "out").err + SHOWN)
    imsave(tmp_path / "i" / f"{EVIL}.tif", cells().image)
    assert_visible(run("segment", tmp_path / "i", "-o", tmp_path / "out").out)


def test_no_cell_of_a_table_is_a_formula(run, evil):
    folder = evil / "results"
    write_task(evil, **{**json.loads((evil / "task.json").read_text()), "config": {"AF_scale": 11}})
    run("batch", evil, "--run", "--debug", "--quiet")
    timings = folder / f"{FORMULA}.timings.json"
    known = json.loads(timings.read_text())
    odd = {"dsm": "=1+1", "scale": 10**299, "preprocess": -1, "postprocess": True, "writing": [1]}
    timings.write_text(json.dumps({**known, **odd}))
    run("batch", evil, "--run", "--debug", "--quiet", "--force")
    for name in ("objects.csv", "performance.csv", "timings.csv", f"csv/{FORMULA}.csv"):
        with (evil / name).open(newline="") as file:
            rows = list(csv.reader(file))
        texts = [cell for row in rows for cell in row if not is_number(cell)]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in texts)
        assert any(cell == f"'{FORMULA}" or cell == f"'{FORMULA}.tif" for cell in texts)
    assert all(
        is_number(cell) or name == "file_id"
        for row in rows_of(evil / "timings.csv")[-1:]
        for name, cell in row.items()
    )


def is_number(text):
    try:
        float(text or 0)
    except ValueError:
        return False
    return True
