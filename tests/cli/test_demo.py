"""`superdsm-nb demo` shows the whole way from images to scores."""

from __future__ import annotations

from functools import partial

from superdsm_nb import demo
from superdsm_nb.synthetic import generate

from support import naive
from support.command_line import assert_one_sentence


def test_demo_shows_the_whole_way_from_images_to_scores(run, tmp_path, monkeypatch):
    if not naive.COMPILED:
        monkeypatch.setattr(demo, "generate", partial(generate, shape=(64, 72), nuclei=2))
    folder = tmp_path / "new"
    outcome = run("demo", folder, "--count", 1, "--seed", 7)
    *_, head, scores, _, look, _, repeat = outcome.out.splitlines()
    dice = float(scores.split()[head.split().index("Dice")])
    assert (outcome.code, outcome.err) == (0, "")
    assert scores.startswith("sample-7 ")
    assert dice > 0.9
    assert str(folder / "overlay") in look
    assert f"superdsm-nb batch {folder} --run" in repeat
    made = {str(path.relative_to(folder).as_posix()) for path in folder.rglob("[!.]*") if path.is_file()}
    assert made == {
        *("images/sample-7.tif", "truth/sample-7.png", "segmentation/sample-7.png"),
        *("overlay/sample-7.png", "task.json", "provenance.json", "results/sample-7.npz"),
        *("objects.csv", "performance.csv", "timings.csv", "results/sample-7.timings.json"),
        "report.html",
    }


def test_demo_writes_nothing_into_a_folder_that_is_in_use(run, tmp_path):
    (tmp_path / "mine.txt").touch()
    assert_one_sentence(run("demo", tmp_path), "give a new or an empty folder")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_demo_does_not_replace_a_file(run, tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert_one_sentence(run("demo", tmp_path / "file"), "give a new or an empty folder")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
