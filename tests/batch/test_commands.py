"""`superdsm-nb batch` without --run tells what a run would do; wrong use ends in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from superdsm_nb.batch.fields import schema
from superdsm_nb.batch.jobs import TABLES
from superdsm_nb.config import STAGE_NAMES

from support.trees import write_images, write_task, write_tree

NO_STAGE = f"There is no stage dms: the stages are {', '.join(STAGE_NAMES)}."


@pytest.fixture
def root(tmp_path):
    """Template -> default -> adapted, on the images a and b, of which b is missing."""
    folder = write_tree(tmp_path / "tasks")
    (folder / "images" / "b.tif").unlink()
    return folder


def everything_in(folder):
    """Every file and folder, with what is in it and when it was written."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
    }


def lines_about(text, what):
    return [line for line in text.splitlines() if what in line]


def block_of(listing, folder):
    """What is listed of one task."""
    lines = listing.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"{folder}: "))
    end = next(index for index in range(start + 1, len(lines)) if not lines[index].startswith(" "))
    return lines[start:end]


# ---------------------------------------------------------------- listing


@pytest.mark.parametrize("options", [(), ("--force",), ("--fresh",), ("--oneshot", "--last-stage", "dsm")])
def test_a_listing_succeeds_and_writes_nothing(run, root, options):
    before = everything_in(root.parent)

    outcome = run("batch", root, *options)

    assert (outcome.code, outcome.err) == (0, "")
    assert everything_in(root.parent) == before


def test_a_listing_says_that_nothing_was_run_and_how_to_run(run, root):
    last = run("batch", root).out.splitlines()[-1]

    assert last.startswith("Nothing was run")
    assert "--run" in last


def test_a_listing_names_all_tasks_parents_first(run, root):
    out = run("batch", root).out

    assert [line.split(":")[0] for line in out.splitlines()[:-1] if not line.startswith(" ")] == [
        str(root),
        str(root / "default"),
        str(root / "default" / "adapted"),
    ]


def test_a_listing_tells_templates_from_tasks(run, root):
    out = run("batch", root).out

    (template,) = block_of(out, root)
    assert "template, not run" in template
    assert "task, 2 images" in block_of(out, root / "default")[0]


def test_a_listing_counts_a_single_image_as_one(run, root):
    write_task(root / "single", runnable=True, file_ids=["a"])

    assert block_of(run("batch", root).out, root / "single")[0].endswith(": task, 1 image")


def test_a_listing_names_the_outputs(run, root):
    block = "\n".join(block_of(run("batch", root).out, root / "default"))

    for name in ("seg/%s.png", "overlay/%s.png", "adj/%s.png", "cfg/%s.json", "log/%s", *TABLES):
        assert name in block


def test_a_listing_tells_images_that_are_there_from_those_that_are_missing(run, root):
    out = "\n".join(block_of(run("batch", root).out, root / "default"))

    (found,) = lines_about(out, str(root / "images" / "a.tif"))
    (missing,) = lines_about(out, str(root / "images" / "b.tif"))
    assert "image not found" not in found
    assert "image not found" in missing


def test_a_listing_tells_whose_results_will_be_picked_up(run, root):
    out = run("batch", root).out

    (first,) = lines_about("\n".join(block_of(out, root / "default")), "a.tif")
    (derived,) = lines_about("\n".join(block_of(out, root / "default" / "adapted")), "a.tif")
    assert "from the beginning" in first
    assert "picked up from default" in derived


def test_a_fresh_run_picks_nothing_up(run, root):
    out = run("batch", root, "--fresh").out

    assert "picked up" not in out
    assert len(lines_about(out, "from the beginning")) == 2


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        (("--task", "default"), ["default"]),
        (("--task", "default/adapted"), ["default/adapted"]),
        (("--task", "other", "--task", "default"), ["default", "other"]),
        (("--task-dir", "default"), ["default", "default/adapted"]),
        (("--task", "other", "--task-dir", "default"), ["default", "default/adapted", "other"]),
    ],
)
def test_only_chosen_tasks_are_listed(run, root, options, listed):
    write_task(root / "other", runnable=True, file_ids=["a"])

    out = run("batch", root, *options).out

    heads = [line.split(": ")[0] for line in out.splitlines()[:-1] if not line.startswith(" ")]
    assert heads == [str(root / name) for name in listed]


def test_the_root_may_be_where_the_command_runs(run, root, monkeypatch):
    monkeypatch.chdir(root)

    outcome = run("batch", ".", "--task", "default")

    assert (outcome.code, outcome.err) == (0, "")
    assert "image not found" not in lines_about(outcome.out, "a.tif")[0]


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--last-stage", "dsm"), "--last-stage needs --oneshot"),
        (("--last-stage", "dsm", "--run"), "--last-stage needs --oneshot"),
        (
            ("--last-stage", "dms", "--oneshot"),
            NO_STAGE,
        ),
        (("--task", "defualt"), "did you mean default?"),
        (("--task-dir", "defualt", "--run"), "did you mean default?"),
        (("--task", "xyzzy"), "the tasks are ., default, default/adapted."),
    ],
)
def test_wrong_use_ends_in_one_sentence_and_exit_code_2(run, root, options, sentence):
    before = everything_in(root)

    outcome = run("batch", root, *options)

    (line,) = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (2, "")
    assert line.startswith("Error: ")
    assert sentence in line
    assert everything_in(root) == before


@pytest.mark.parametrize("options", [("--verbosity", "-1"), ("--verbosity", "loud"), ("--verbose",)])
def test_an_option_that_is_not_there_or_has_a_wrong_value_is_named(run, root, options):
    outcome = run("batch", root, *options)

    assert (outcome.code, outcome.out) == (2, "")
    assert options[0] in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("option", [[], ["--run"]], ids=["list", "run"])
def test_a_missing_root_is_refused_and_not_made(run, tmp_path, option):
    outcome = run("batch", tmp_path / "nowhere", *option)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"Error: There is no folder {tmp_path / 'nowhere'}.\n"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_without_tasks_is_refused(run, tmp_path):
    outcome = run("batch", tmp_path)

    assert outcome.code == 2
    assert outcome.err.startswith(f"Error: There is no task.json in {tmp_path}")


@pytest.mark.parametrize("option", [[], ["--run"]], ids=["list", "run"])
@pytest.mark.parametrize(
    "changes",
    [({"dilate": "x"}, {"file_id": ["a"]}), ({"seg_pathpattern": "../%s.png"}, {"file_ids": ["a", 1, "1"]})],
    ids=["in the files", "in the plans"],
)
def test_errors_of_all_tasks_come_before_any_work(run, root, option, changes):
    for folder, fields in zip(("x", "y"), changes, strict=True):
        write_task(root / folder, runnable=True, **fields)
    before = everything_in(root)

    outcome = run("batch", root, *option)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Error: ")
    assert all(line.endswith((".", "?")) for line in outcome.err.splitlines())
    assert all(lines_about(outcome.err, str(root / folder / "task.json")) for folder in "xy")
    assert everything_in(root) == before


# ---------------------------------------------------------------- other doors


def test_the_schema_is_printed_as_json(run):
    outcome = run("schema")

    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == schema()


@pytest.mark.parametrize("command", ["batch", "export", "schema"])
def test_every_command_of_the_batch_system_explains_itself(run, command):
    outcome = run(command, "--help")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: superdsm-nb {command}")


def run_module(module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_batch_package_runs_like_the_command(run, tmp_path):
    write_images(tmp_path / "images", ["a"])
    write_task(
        tmp_path,
        runnable=True,
        img_pathpattern="{ROOTDIR}/images/%s.tif",
        seg_pathpattern="seg/%s.png",
        file_ids=["a"],
    )

    process = run_module("superdsm_nb.batch", tmp_path, "--task", ".")

    outcome = run("batch", tmp_path, "--task", ".")
    assert (process.returncode, process.stdout, process.stderr) == outcome


def test_the_batch_package_refuses_wrong_use_like_the_command(tmp_path):
    process = run_module("superdsm_nb.batch", tmp_path / "nowhere")

    assert process.returncode == 2
    assert process.stderr == f"Error: There is no folder {tmp_path / 'nowhere'}.\n"


def test_the_export_package_explains_itself():
    process = run_module("superdsm_nb.export", "--help")

    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("Usage: superdsm-nb export")
