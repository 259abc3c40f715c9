"""What is complete is left alone, and what is missing or changed is made again."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile

import numpy as np
import pytest

from superdsm_nb.automation import process_image
from superdsm_nb.batch import run as run_module
from superdsm_nb.batch import work as work_module
from superdsm_nb.batch.jobs import SEAL, TABLES
from superdsm_nb.events import Progress
from superdsm_nb.io import imread

from support.runs import edit_task, forbid_fits, rows_of
from support.trees import contents, run_tree, write_tree


def test_complete_tasks_are_skipped(root):
    before = contents(root)
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.skips == ["tree", "default", "adapted"]
    assert not witness.results
    assert contents(root) == before


def test_complete_tasks_run_again_if_forced(root):
    before = contents(root)
    _, witness = run_tree(root, force=True)
    assert len(witness.results) == 4
    assert contents(root) == before


@pytest.mark.parametrize("kind", ["seg", "overlay", "adj", "cfg", "log"])
def test_a_missing_output_is_written_again_without_any_fit(root, kind, monkeypatch):
    before = contents(root)
    (path,) = (root / "default" / kind).glob("a.*")
    path.unlink()
    forbid_fits(monkeypatch)
    _, witness = run_tree(root)
    assert list(witness.results) == [("default", "a")]
    assert contents(root) == before


def test_an_output_that_somebody_changed_is_written_again(root):
    before = contents(root)
    (root / "default" / "seg" / "a.png").write_bytes(b"changed")
    run_tree(root)
    assert contents(root) == before


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_table_is_written_again(root, name):
    before = contents(root)
    (root / "default" / name).unlink()
    _, witness = run_tree(root)
    assert not witness.results
    assert contents(root) == before


def cut_off(content):
    return content[:-100]


def one_more_digit(content):
    place = max(place for place, byte in enumerate(content) if chr(byte).isdigit())
    return content[:place] + b"7" + content[place:]


@pytest.mark.parametrize("damage", [cut_off, one_more_digit, lambda content: b""])
@pytest.mark.parametrize("name", [*TABLES, SEAL])
def test_a_table_that_was_cut_off_or_changed_is_made_anew_without_any_work(root, name, damage, monkeypatch):
    before = contents(root)
    path = root / "default" / name
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    _, witness = run_tree(root)
    assert not witness.results
    assert witness.skips == ["tree", "adapted"]
    assert contents(root) == before
    if name in ("timings.csv", SEAL):
        assert path.read_bytes() == whole
    assert run_tree(root)[1].skips == ["tree", "default", "adapted"]


def array_of_ones(members):
    buffer = io.BytesIO()
    np.save(buffer, np.ones((3, 3), np.int32))
    members["atoms.npy"] = buffer.getvalue()


def other_mask(members):
    bits = np.load(io.BytesIO(members["masks.npy"]))
    buffer = io.BytesIO()
    np.save(buffer, ~bits)
    members["masks.npy"] = buffer.getvalue()


def other_energy(members):
    fields = json.loads(members["header.json"])
    fields["entries"]["objects"][0]["energy"] += 1
    members["header.json"] = json.dumps(fields).encode()


def no_entries(members):
    fields = json.loads(members["header.json"])
    fields["entries"] = {}
    members["header.json"] = json.dumps(fields).encode()


@pytest.mark.parametrize("edit", [array_of_ones, other_mask, other_energy, no_entries])
def test_a_stored_result_with_valid_sums_and_wrong_content_is_replaced(run, root, edit):
    before = contents(root)
    path = root / "default" / "results" / "a.npz"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    _, witness = run_tree(root)
    assert list(witness.results) == [("default", "a")]
    assert contents(root) == before
    assert run("export", root, "default").code == 0


def test_an_image_that_changed_is_segmented_anew_in_all_tasks(root):
    shutil.copy(root / "images" / "b.tif", root / "images" / "a.tif")
    _, witness = run_tree(root)
    assert set(witness.results) == {("default", "a"), ("adapted", "a")}
    assert witness.results["default", "a"].picked_up is None
    labels = [(root / "default" / "seg" / f"{name}.png") for name in "ab"]
    assert np.array_equal(*map(imread, labels))


@pytest.mark.parametrize("log", [True, False])
def test_tables_never_outlive_the_results_that_they_are_of(root, log):
    # Without a log no output of the image that fails is younger than the tables.
    edit_task(root, log_pathpattern="log/%s" if log else None)
    run_tree(root)
    before = contents(root)
    content = (root / "images" / "b.tif").read_bytes()
    (root / "images" / "b.tif").write_bytes(content[:200])
    assert run_tree(root)[0] == 2
    assert {row["image"] for row in rows_of(root / "default" / "objects.csv")} == {"a"}
    assert not (root / "default" / "provenance.json").exists()
    (root / "images" / "b.tif").write_bytes(content)
    assert run_tree(root)[0] == 0
    assert contents(root) == before


def test_a_run_that_is_interrupted_before_its_tables_is_not_complete(root, monkeypatch):
    shutil.copy(root / "images" / "a.tif", root / "images" / "b.tif")

    def interrupt(plan, failures):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "write_tables", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_tree(root)
    _, witness = run_tree(root)
    assert witness.skips == ["tree"]
    rows = rows_of(root / "default" / "objects.csv")
    areas = [[row["area"] for row in rows if row["image"] == name] for name in "ab"]
    assert areas[0] == areas[1]


def test_another_order_of_images_is_the_order_of_the_tables(root):
    edit_task(root, file_ids=["b", "a"])
    _, witness = run_tree(root)
    assert not witness.results
    assert [row["file_id"] for row in rows_of(root / "default" / "performance.csv")] == ["b", "a", "total"]


def test_a_copy_of_a_finished_tree_is_as_complete_whatever_its_times(root):
    for path in root.rglob("*"):
        os.utime(path, (0, 0) if path.suffix == ".npz" else None)
    assert run_tree(root)[1].skips == ["tree", "default", "adapted"]


def test_an_output_replaced_by_an_older_file_is_written_again(root):
    before = contents(root)
    path = root / "default" / "seg" / "a.png"
    path.write_bytes(b"older")
    os.utime(path, (0, 0))
    run_tree(root)
    assert contents(root) == before


def test_an_image_that_is_gone_takes_no_result_with_it(root):
    (root / "images" / "a.tif").unlink()
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.skips == ["tree", "default", "adapted"]


def test_a_new_file_id_runs_alone_and_enters_the_tables(root):
    shutil.copy(root / "images" / "b.tif", root / "images" / "c.tif")
    edit_task(root, file_ids=["a", "b", "c"])
    _, witness = run_tree(root)
    assert set(witness.results) == {("default", "c"), ("adapted", "c")}
    assert {row["image"] for row in rows_of(root / "default" / "objects.csv")} == {"a", "b", "c"}


def complete_in(folder):
    """Which images are complete, as the provenance tells it."""
    images = json.loads((folder / "provenance.json").read_text())["images"]
    return {name: image["complete"] for name, image in images.items()}


@pytest.fixture
def cut_short(tmp_path, monkeypatch):
    """A folder of tasks whose images were cut short by the time limit, after one object."""
    root = write_tree(tmp_path / "cut", time_limit=600, keep_finished=True)

    def overtake(emit):
        def listener(event):
            if isinstance(event, Progress) and event.what == "objects" and event.done == 1:
                now = time.monotonic()
                patch.setattr(time, "monotonic", lambda: now + 1e4)
            emit(event)

        return listener

    with monkeypatch.context() as patch:
        patch.setattr(
            work_module,
            "process_image",
            lambda *args, emit, **kw: process_image(*args, emit=overtake(emit), **kw),
        )
        failures, witness = run_tree(root)
    assert failures == 0
    return root, witness


def test_an_image_that_was_cut_short_is_in_the_tables_and_tried_again_by_the_next_run(cut_short):
    root, witness = cut_short
    late = [key for key, result in witness.results.items() if not result.is_complete]
    assert late
    assert any("the time limit of 600 s is over" in warning for warning in witness.warnings)
    rows = rows_of(root / "default" / "objects.csv")
    assert {row["image"] for row in rows} == {"a", "b"}
    assert rows_of(root / "default" / "performance.csv")
    assert complete_in(root / "default") == {"a": False, "b": False}

    failures, again = run_tree(root)

    assert failures == 0
    assert set(again.results) == set(late)
    assert all(result.is_complete for result in again.results.values())
    assert again.results["default", "a"].picked_up is None
    assert len(rows_of(root / "default" / "objects.csv")) > len(rows)
    assert complete_in(root / "default") == {"a": True, "b": True}
    assert run_tree(root)[1].skips == ["cut", "default", "adapted"]


def test_a_collection_counts_what_was_cut_short_as_a_run_does(cut_short, run):
    root, _ = cut_short

    collected = run("batch", root, "--run", "--collect")

    assert collected.code == 0, collected.err
    assert "there is no result" not in collected.err
    assert complete_in(root / "default") == {"a": False, "b": False}
