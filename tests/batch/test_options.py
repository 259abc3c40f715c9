"""What the options of a run do."""

from __future__ import annotations

import pytest

from superdsm_nb.batch.jobs import TABLES
from superdsm_nb.batch.outcome import Mode
from superdsm_nb.batch.status import StatusReport

from support.trees import run_tree, write_tree


def test_a_oneshot_stores_nothing_and_completes_nothing(tmp_path):
    root = write_tree(tmp_path)
    run_tree(root, Mode(debug=True, oneshot=True))
    assert (root / "default" / "seg" / "a.png").exists()
    assert not (root / "default" / "results").exists()
    assert not [name for name in TABLES if (root / "default" / name).exists()]
    _, witness = run_tree(root)
    assert len(witness.results) == 4


def test_a_oneshot_may_end_early(tmp_path):
    root = write_tree(tmp_path)
    run_tree(root, Mode(debug=True, oneshot=True), last_stage="c2f-region-analysis")
    assert (root / "default" / "adj" / "a.png").exists()
    assert not (root / "default" / "seg").exists()


def test_the_report_tells_how_far_the_tasks_are(tmp_path):
    root = write_tree(tmp_path / "tree")
    report = tmp_path / "status" / "report.txt"
    seen = []

    write = StatusReport.write

    def spy(self, is_urgent=True, is_first=False):
        write(self, True, is_first)
        seen.append(report.read_text())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatusReport, "write", spy)
        run_tree(root, report=report)
    assert seen[0] == "default: pending\ndefault/adapted: pending\n"
    assert "default: active, 0 % (0 of 2 images)\ndefault/adapted: pending\n" in seen
    assert "default: active, 50 % (1 of 2 images)\ndefault/adapted: pending\n" in seen
    assert seen[-1] == "default: done (2 of 2 images)\ndefault/adapted: done (2 of 2 images)\n"
    run_tree(root, report=report)
    assert report.read_text().splitlines() == [
        "default: skipped, complete already",
        "default/adapted: skipped, complete already",
    ]
