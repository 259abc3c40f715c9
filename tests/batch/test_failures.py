"""What goes wrong with one image or file is reported, and costs the others nothing."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile

from superdsm_nb.batch import store
from superdsm_nb.batch.outcome import Failure, Mode, Summary
from superdsm_nb.batch.run import Runner
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.io import imsave

from support.runs import edit_task, log_of, rows_of
from support.trees import Witness, contents, run_tree, write_tree

DEBUG = Mode(debug=True)
FRESH = Mode(debug=True, fresh=True)


def test_an_image_that_fails_is_reported_and_the_others_go_on(tmp_path):
    root = write_tree(tmp_path / "tree")
    imsave(root / "images" / "a.tif", np.full((9, 9), 7, np.uint8))
    report = tmp_path / "report.txt"
    failures, witness = run_tree(root, report=report)
    assert failures == 2
    failure = witness.results["default", "a"]
    assert failure.stage == "scale"
    assert failure.reason.startswith(f"{root / 'images' / 'a.tif'}: The image is constant")
    assert isinstance(witness.results["default", "b"], Summary)
    assert f"failed in stage scale: {failure.reason}" in log_of(root / "default")
    assert report.read_text().splitlines()[:2] == [
        "default: error, 1 of 2 images failed",
        f"    a: scale: {failure.reason}",
    ]
    assert not (root / "default" / "provenance.json").exists()
    assert [row["file_id"] for row in rows_of(root / "default" / "performance.csv")] == ["b", "total"]


def test_the_next_run_heals_what_failed(tmp_path):
    root = write_tree(tmp_path)
    content = (root / "images" / "a.tif").read_bytes()
    (root / "images" / "a.tif").write_bytes(content[: len(content) // 2])
    assert run_tree(root)[0] == 2
    (root / "images" / "a.tif").write_bytes(content)
    failures, witness = run_tree(root)
    assert failures == 0
    assert set(witness.results) == {("default", "a"), ("adapted", "a")}
    healed = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == healed


def test_an_image_deleted_during_the_run_is_reported(tmp_path):
    root = write_tree(tmp_path)

    class Saboteur(Witness):
        def finished(self, plan, job, result):
            super().finished(plan, job, result)
            (root / "images" / "b.tif").unlink(missing_ok=True)

    witness = Saboteur()
    failures = Runner(root, witness, DEBUG).run(survey(find_tasks(root), root))
    assert failures == 2
    assert witness.results["default", "b"] == Failure(
        "reading", f"There is no file {root / 'images' / 'b.tif'}."
    )
    assert isinstance(witness.results["default", "a"], Summary)


def test_a_damaged_result_is_told_of_and_made_anew(root):
    before = contents(root)
    path = root / "default" / "results" / "a.npz"
    path.write_bytes(path.read_bytes()[:-100])
    failures, witness = run_tree(root)
    assert failures == 0
    assert any(f"The stored result {path} is damaged" in line for line in witness.warnings)
    assert contents(root) == before


def test_damage_deep_inside_a_result_is_noticed(root):
    before = contents(root)
    path = root / "default" / "results" / "a.npz"
    content = bytearray(path.read_bytes())
    content[120] ^= 255
    path.write_bytes(bytes(content))
    assert run_tree(root)[0] == 0
    assert contents(root) == before


def test_a_damaged_result_of_an_ancestor_costs_no_more_than_time(root):
    edit_task(root / "default" / "adapted", config={"postprocess": {"min_contrast": 2.5}})
    shutil.rmtree(root / "default" / "adapted" / "results")
    (root / "default" / "results" / "a.npz").write_bytes(b"PK")
    edit_task(root / "default", runnable=True)
    failures, _ = run_tree(root)
    assert failures == 0
    healed = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == healed


def test_a_stored_result_that_misleads_a_stage_costs_no_more_than_time(root, monkeypatch):
    before = contents(root)
    read = store.read

    def misleading(*arguments):
        data = read(*arguments)
        data["cover"].solution.append(None)
        return data

    monkeypatch.setattr(store, "read", misleading)
    (root / "default" / "seg" / "a.png").unlink()
    failures, witness = run_tree(root)
    assert failures == 0
    assert any("is not used" in line for line in witness.warnings)
    assert contents(root) == before


def test_the_report_of_a_run_that_is_interrupted_says_so(tmp_path):
    root = write_tree(tmp_path / "tree")

    class Impatient(Witness):
        def finished(self, plan, job, result):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(root, Impatient(), DEBUG, report=tmp_path / "report.txt").run(survey(find_tasks(root), root))
    assert (tmp_path / "report.txt").read_text().splitlines() == [
        "default: interrupted, 0 % (0 of 2 images)",
        "default/adapted: pending",
    ]


def test_a_report_that_cannot_be_written_later_stops_no_run(tmp_path):
    root = write_tree(tmp_path / "tree")
    report = tmp_path / "report.txt"

    class Saboteur(Witness):
        def finished(self, plan, job, result):
            super().finished(plan, job, result)
            if report.is_file():
                report.unlink()
                report.mkdir()

    witness = Saboteur()
    assert Runner(root, witness, DEBUG, report=report).run(survey(find_tasks(root), root)) == 0
    assert any(f"The report {report} cannot be written" in line for line in witness.warnings)


def test_an_advice_of_the_command_line_is_one_for_the_task(single, tmp_path):
    folder = single()
    tifffile.imwrite(
        *(tmp_path / "images" / "a.tif", np.zeros((5, 64, 64), np.uint8)),
        imagej=True,
        metadata={"axes": "ZYX"},
    )
    _, witness = run_tree(folder)
    (failure,) = witness.results.values()
    assert failure.reason.endswith('choose a plane ("plane" in task.json).')


def test_a_long_name_is_no_problem(single, tmp_path):
    folder = single()
    name = "x" * 240
    shutil.copy(tmp_path / "images" / "a.tif", tmp_path / "images" / f"{name}.tif")
    edit_task(folder, file_ids=[name])
    assert run_tree(folder)[0] == 0


def test_a_link_laid_for_the_run_leads_nowhere(root, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    (root / ".superdsm-nb.holder.json").symlink_to(tmp_path / "precious.txt")
    run_tree(root, force=True)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_defect_in_one_image_does_not_cost_the_others(tmp_path, monkeypatch):
    from superdsm_nb.io import source

    root = write_tree(tmp_path)
    imread_ = source.imread

    def broken(path, *arguments, **choices):
        if path.name == "a.tif":
            raise ZeroDivisionError("division by zero")
        return imread_(path, *arguments, **choices)

    monkeypatch.setattr(source, "imread", broken)
    failures, witness = run_tree(root, Mode(debug=True))
    assert failures == 2
    assert witness.results["default", "a"].reason == (
        f"{root / 'images' / 'a.tif'}: unexpected ZeroDivisionError: division by zero; please report this."
    )
    assert isinstance(witness.results["default", "b"], Summary)


def test_an_output_that_is_in_the_way_is_named_and_nothing_finished_is_lost(tmp_path):
    root = write_tree(tmp_path)
    (root / "default").mkdir(exist_ok=True)
    (root / "default" / "seg").write_text("a file where a folder should be")
    failures, witness = run_tree(root)
    assert failures == 2
    assert witness.results["default", "a"].stage == "reading"  # before the work
    assert "cannot be written" in witness.results["default", "a"].reason
    assert isinstance(witness.results["adapted", "a"], Summary)
    (root / "default" / "seg").unlink()
    assert run_tree(root)[0] == 0


def test_a_table_that_cannot_be_written_is_told_of_and_stops_no_other_task(tmp_path):
    root = write_tree(tmp_path)
    (root / "default" / "performance.csv").mkdir()
    failures, witness = run_tree(root)
    assert failures == 1
    assert f"{root / 'default' / 'performance.csv'} cannot be written" in witness.errors[0]
    assert (root / "default" / "adapted" / "seg" / "a.png").exists()
