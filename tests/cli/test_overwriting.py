"""No option that writes overwrites what is read, a task, or what this program has not written itself."""

from __future__ import annotations

import json
import shutil

import pytest

from superdsm_nb.batch.jobs import SEAL, TABLES
from superdsm_nb.io import imsave
from superdsm_nb.results.outputs import OUTPUTS, STORE_SUFFIX

from support.command_line import assert_one_sentence
from support.trees import cells

SCALE = ("--set", "AF_scale=11")
SUFFIXES = {kind: output.suffixes[0] for kind, output in OUTPUTS.items()}


@pytest.fixture
def unchanged(tmp_path, monkeypatch):
    """Check that nothing is computed, and no file changes."""
    monkeypatch.setattr("superdsm_nb.segmentation.segment_file", lambda *_, **__: pytest.fail("work"))
    monkeypatch.setattr("superdsm_nb.batch.run.Runner.run", lambda *_: pytest.fail("work"))
    known = {}

    def watch(*paths):
        known.update({path: path.read_bytes() for path in paths})

    yield watch
    assert {path: path.read_bytes() for path in known} == known


def option(kind):
    return "-o" if kind == "seg" else f"--{kind}"


def arguments(image, tmp_path, kind, target):
    others = [] if kind == "seg" else ["-o", tmp_path / "l.png"]
    return ["segment", image, *others, option(kind), target, *SCALE]


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("content", [b"precious", b'{"AF_scale": 11}', b"a,b\n1,2\n", b"PK\3\4"])
def test_segment_overwrites_no_file_of_somebody_else(run, image_path, tmp_path, unchanged, kind, content):
    target = tmp_path / f"mine{SUFFIXES[kind]}"
    target.write_bytes(content)
    unchanged(target)
    outcome = run(*arguments(image_path, tmp_path, kind, target))
    assert_one_sentence(outcome, f"{target} exists", "--force")


def test_segment_overwrites_a_picture_only_if_it_is_its_own(run, image_path, tmp_path, unchanged):
    for suffix in (".png", ".tif"):
        target = tmp_path / f"truth{suffix}"
        imsave(target, cells().labels.astype("uint16"))
        unchanged(target)
        assert_one_sentence(run("segment", image_path, "-o", target, *SCALE), "has written")


@pytest.mark.parametrize("kind", OUTPUTS)
def test_segment_overwrites_what_it_has_written_and_with_force_anything(run, image_path, tmp_path, kind):
    targets = [tmp_path / f"own{suffix}" for suffix in OUTPUTS[kind].suffixes if suffix != STORE_SUFFIX]
    for target in targets:
        command = arguments(image_path, tmp_path, kind, target)
        target.write_bytes(b"")
        assert run(*command).code == 0
        first = target.read_bytes()
        assert run(*command).code == 0
        target.write_bytes(b"mine")
        assert run(*command).code == 2
        assert run(*command, "--force").code == 0
        assert target.read_bytes() == first


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_store_is_written_anew_but_no_folder_of_others_is_deleted(run, image_path, tmp_path, force):
    command = ("segment", image_path, "-o", tmp_path / "labels.zarr", *SCALE, *force)
    assert run(*command).code == 0
    assert run(*command).code == 0
    (tmp_path / "labels.zarr" / "notes.txt").write_text("mine")
    outcome = run(*command)
    assert outcome.code == 1
    assert outcome.err.count("was not written by superdsm_nb") == 1
    assert (tmp_path / "labels.zarr" / "notes.txt").read_text() == "mine"


def test_files_without_objects_are_known_as_well(run, image_path, tmp_path):
    nothing = ("--set", "postprocess/min_contrast=1000")
    for kind in OUTPUTS:
        target = tmp_path / f"{kind}{SUFFIXES[kind]}"
        for _ in range(2):
            assert run(*arguments(image_path, tmp_path, kind, target), *nothing).code == 0


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_segment_never_overwrites_what_it_reads(run, image_path, tmp_path, unchanged, force):
    config = tmp_path / "config.json"
    config.write_text("{}")
    mask = tmp_path / "mask.tif"
    imsave(mask, cells().labels.astype("uint16"))
    unchanged(config, mask, image_path)
    for more, said in (
        (["--cfg", config, "--config", config], "the configuration"),
        (["--overlay", mask, "--foreground", mask], "the foreground"),
        (["--overlay", mask, "--measure", mask, "--csv", tmp_path / "a.csv"], "the measured channel"),
        (["--overlay", image_path], "the image"),
    ):
        outcome = run("segment", image_path, "-o", tmp_path / "l.png", *more, *force)
        assert_one_sentence(outcome, "would overwrite", said)
    assert_one_sentence(run("segment", image_path, "--csv", image_path, "-o", tmp_path / "l.png", *force))


def test_no_output_takes_the_place_of_a_task(run, image_path, tmp_path, unchanged):
    task = tmp_path / "task.json"
    task.write_text("{}")
    unchanged(task)
    for name in (task, tmp_path / "sub" / "task.json"):
        outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--cfg", name, "--force", *SCALE)
        assert_one_sentence(outcome, "would overwrite the task")


def test_the_report_of_a_run_overwrites_nothing_that_belongs_to_a_task(run, root, unchanged):
    inside = root / "default"
    named = [root / "task.json", inside / "task.json", root / "images" / "a.tif", inside / "seg" / "a.png"]
    named += [inside / "results" / "a.npz", inside / "results" / "a.timings.json"]
    named += [inside / name for name in (*TABLES, SEAL)]
    unchanged(*named)
    for path in named:
        assert_one_sentence(run("batch", root, "--run", "--report", path), "which belongs to a task")
    assert_one_sentence(run("batch", root, "--run", "--report", root / "new" / "task.json"))


def test_the_report_of_a_run_overwrites_reports_only(run, root, tmp_path):
    report = tmp_path / "status.txt"
    for text in ("precious\n", '{"a": 1}', "name: value\n"):
        report.write_text(text)
        assert_one_sentence(run("batch", root, "--run", "--report", report, "--force"), "no report of a run")
        assert report.read_text() == text
    report.write_text("")
    (root / "images" / "a.tif").write_bytes(b"no image")
    for code in (1, 1, 0):
        if not code:
            shutil.copy(root / "images" / "b.tif", root / "images" / "a.tif")
        assert run("batch", root, "--run", "--debug", "--quiet", "--report", report).code == code
    assert "2 of 2 images" in report.read_text()


def test_export_overwrites_its_own_pictures_only(run, root, tmp_path):
    assert run("export", root, "default", "--outdir", tmp_path / "out").code == 0
    assert run("export", root, "default", "--outdir", tmp_path / "out").code == 0
    picture = tmp_path / "out" / "a.png"
    shutil.copy(root / "images" / "a.tif", picture)
    outcome = run("export", root, "default", "--outdir", tmp_path / "out")
    assert_one_sentence(outcome, f"{picture} exists", "--force")
    assert picture.read_bytes() == (root / "images" / "a.tif").read_bytes()
    assert run("export", root, "default", "--outdir", tmp_path / "out", "--force").code == 0


def test_export_never_overwrites_what_belongs_to_a_task(run, root):
    fields = json.loads((root / "task.json").read_text())
    (root / "task.json").write_text(json.dumps({**fields, "seg_pathpattern": "seg/%s.png"}))
    outcome = run("export", root, "default", "--outdir", root / "default" / "seg", "--force")
    assert_one_sentence(outcome, "an image or a result")
