"""How commands end: exit codes, the closing line, JSON lines, silence."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from superdsm_nb.batch import work
from superdsm_nb.io import imread, imsave

from support.command_line import assert_one_sentence, in_a_process
from support.processes import as_an_ordinary_user
from support.trees import write_images, write_task, write_tree

SCALE = ("--set", "AF_scale=11")


@pytest.fixture
def images(tmp_path, sample):
    """Two images, the second of which cannot be segmented."""
    imsave(tmp_path / "good.tif", sample.image)
    imsave(tmp_path / "flat.tif", np.full((9, 9), 7, np.uint8))
    return [tmp_path / "good.tif", tmp_path / "flat.tif"]


def task(root, names, **fields):
    write_images(root, names)
    places = {"img_pathpattern": "{ROOTDIR}/%s.tif", "seg_pathpattern": "seg/%s.png"}
    config = {} if "diameter" in fields else {"AF_scale": 11}
    return write_task(root, runnable=True, **places, **{"config": config, "file_ids": names, **fields})


# ---------------------------------------------------------------- exit codes and the closing line


def test_segment_ends_with_1_where_an_image_failed_and_says_how_many(run, images, tmp_path):
    outcome = run("segment", *images, "-o", tmp_path / "out", *SCALE)
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == "1 of 2 failed"


def test_batch_ends_with_1_where_an_image_failed_and_says_how_many(run, tmp_path):
    root = task(tmp_path, ["a"], file_ids=["a", "missing"])
    outcome = run("batch", root, "--run")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == "1 of 2 failed"


def test_the_closing_line_of_a_batch_counts_all_its_images(run, tmp_path):
    root = write_tree(tmp_path)
    assert run("batch", root, "--run").out.splitlines()[-1] == "0 of 4 failed"


def test_a_single_image_needs_no_closing_line(run, images, tmp_path):
    assert "failed" not in run("segment", images[0], "-o", tmp_path / "l.png", *SCALE).out


@pytest.mark.parametrize(
    "arguments",
    [
        ["segment", "IMAGE", "-o", "l.png", "--set", "dsm/alhpa=1"],
        ["segment", "IMAGE", "-o", "l.jpg"],
        ["segment", "IMAGE", "-o", "IMAGE"],
        ["segment", "IMAGE", "-o", "l.png", "--diameter", "wide"],
        ["batch", "no folder"],
        ["score", "no folder", "IMAGE"],
        ["config", "IMAGE", "--set", "x"],
        ["segmnt"],
    ],
)
def test_wrong_use_ends_with_2(run, image_path, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    words = [str(image_path) if word == "IMAGE" else word for word in arguments]
    assert run(*words).code == 2


@pytest.mark.parametrize("command", [["segment", "-o", "l.png"], ["config"]])
def test_an_image_that_cannot_be_read_ends_with_1(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    outcome = run(*command, "missing.tif")
    assert outcome.code == 1
    assert outcome.err == "Error: There is no file missing.tif.\n"


def test_the_exit_codes_are_in_the_help(run):
    assert "0 all done, 1 an image failed, 2 wrong use, 130" in " ".join(run("--help").out.split())


DISABLED = [
    part
    for name in ("global-energy-minimization", "postprocess")
    for part in ("--set", f"{name}/enabled=false")
]


def test_an_image_without_a_label_map_has_failed(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", *SCALE, *DISABLED)
    assert outcome.code == 1
    assert outcome.err.startswith(f"Error: {image_path}: There are no objects to draw")
    assert not (tmp_path / "l.png").exists()


def test_a_diameter_that_no_nucleus_has_is_wrong_use(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--diameter", "1e9")
    assert (outcome.code, outcome.err) == (
        2,
        "Error: The diameter is '1e9', but must be at most 282842 pixels.\n",
    )
    root = task(tmp_path, ["a"], diameter=1e9)
    outcome = run("batch", root)
    assert outcome.code == 2
    assert "must be at most 282842 pixels" in outcome.err


def test_tables_that_cannot_be_written_are_no_images_that_failed(run, tmp_path):
    root = task(tmp_path, ["a", "b"])
    (root / "objects.csv").mkdir()
    outcome = run("batch", root, "--run")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == "0 of 2 failed"


# ---------------------------------------------------------------- the words of each interface


def test_a_choice_is_asked_for_in_the_words_of_the_interface(run, tmp_path):
    imsave(tmp_path / "stack.tif", np.zeros((2, 3, 30, 40), np.uint16)[0])
    stack = np.random.default_rng(0).integers(0, 9, (5, 30, 40)).astype(np.uint16)
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": "ZYX"})
    with pytest.raises(ValueError, match=r"choose a plane \(plane=N\)\.$"):
        imread(tmp_path / "a.tif")
    outcome = run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png")
    assert outcome.err.endswith("choose a plane (--plane N).\n")
    root = write_task(
        tmp_path, runnable=True, img_pathpattern="{ROOTDIR}/%s.tif", seg_pathpattern="%s.png", file_ids=["a"]
    )
    assert run("batch", root, "--run").err.endswith('choose a plane ("plane" in task.json).\n')


# ---------------------------------------------------------------- --json


def test_segment_prints_a_line_of_json_per_image(run, images, tmp_path):
    outcome = run("segment", *images, "-o", tmp_path / "out", "--json", *SCALE)
    good, flat = map(json.loads, outcome.out.splitlines())
    labels = imread(tmp_path / "out/good.png")
    assert (good["image"], good["status"], good["objects"]) == (str(images[0]), "done", labels.max())
    assert good["outputs"] == {"seg": str(tmp_path / "out/good.png")}
    assert (good["scale"], good["scale_given"], good["gap"], good["warnings"]) == (11, True, 0, [])
    assert (flat["image"], flat["status"], flat["warnings"]) == (str(images[1]), "failed", [])
    assert "constant" in flat["error"]
    assert outcome.code == 1


def test_warnings_are_part_of_the_json(run, images, tmp_path):
    nothing = ("--set", "postprocess/min_contrast=1000")
    outcome = run("segment", images[0], "-o", tmp_path / "l.png", "--json", *SCALE, *nothing)
    record = json.loads(outcome.out)
    assert record["objects"] == 0
    assert [text.partition(":")[0] for text in record["warnings"]] == ["no object was found"]


def test_batch_prints_a_line_of_json_per_image(run, tmp_path):
    root = task(tmp_path, ["a"], file_ids=["a", "missing"])
    listed = [json.loads(line) for line in run("batch", root, "--json").out.splitlines()]
    assert [(each["file_id"], each["status"]) for each in listed] == [
        ("a", "pending"),
        ("missing", "missing"),
    ]
    done = {
        each["file_id"]: each
        for each in map(json.loads, run("batch", root, "--run", "--json").out.splitlines())
    }
    assert done["a"]["status"] == "done"
    assert done["a"]["objects"] == imread(root / "seg/a.png").max()
    assert done["missing"]["status"] == "failed"
    assert "There is no file" in done["missing"]["error"]
    listed = [json.loads(line) for line in run("batch", root, "--json").out.splitlines()]
    assert [each["status"] for each in listed] == ["done", "missing"]


def test_batch_says_of_each_image_what_was_written_and_warned_of(run, tmp_path):
    write_images(tmp_path, ["x"])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cells.tif").write_bytes((tmp_path / "x.tif").read_bytes())
    images = {"img_pathpattern": "{ROOTDIR}/%s/cells.tif", "file_ids": ["a", "b"]}
    outputs = {"seg_pathpattern": "seg/%s.png", "atoms_pathpattern": "atoms/%s.png"}
    config = {"AF_scale": 11, "postprocess": {"min_contrast": 1000}}
    root = write_task(tmp_path, runnable=True, config=config, **images, **outputs)
    records = {
        each["file_id"]: each
        for each in map(json.loads, run("batch", root, "--run", "--json").out.splitlines())
    }
    assert [len(records[name]["warnings"]) for name in ("a", "b")] == [1, 1]
    assert records["a"]["outputs"] == {"seg": str(root / "seg/a.png"), "atoms": str(root / "atoms/a.png")}
    early = run(
        "batch", root, "--run", "--json", "--oneshot", "--last-stage", "c2f-region-analysis", "--force"
    )
    assert [set(json.loads(line)["outputs"]) for line in early.out.splitlines()] == [{"atoms"}, {"atoms"}]


def test_a_warning_of_a_batch_names_the_image_as_the_task_does(run, tmp_path):
    root = task(tmp_path, ["a"], config={"AF_scale": 11, "postprocess": {"min_contrast": 1000}})
    assert run("batch", root, "--run").err.startswith("Warning: a: no object was found")


def test_config_prints_the_configuration_as_json(run, image_path):
    outcome = run("config", image_path, "--json", "--diameter", "31", "--preset", "published")
    assert json.loads(outcome.out)["AF_scale"] == pytest.approx(31 / 2 / 2**0.5)
    assert outcome.err == ""


# ---------------------------------------------------------------- --quiet


def test_quiet_segment_prints_nothing_but_what_went_wrong(run, images, tmp_path):
    outcome = run("segment", *images, "-o", tmp_path / "out", "--quiet", *SCALE)
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert "flat.tif" in outcome.err
    assert (tmp_path / "out/good.png").exists()


def test_quiet_batch_prints_nothing_but_what_went_wrong(run, tmp_path):
    root = task(tmp_path, ["a"])
    assert run("batch", root, "--quiet") == (0, "", "")
    assert run("batch", root, "--run", "--quiet") == (0, "", "")
    assert (root / "seg/a.png").exists()


def test_quiet_config_prints_the_table_alone(run, image_path):
    loud, quiet = (run("config", image_path, *SCALE, *more).out.splitlines() for more in ((), ("--quiet",)))
    assert loud[0].startswith(
        "cells.tif: scale 11.00 pixels (given), for nuclei of about 31 pixels in diameter"
    )
    assert quiet == loud[1:]


# ---------------------------------------------------------------- nothing is lost at the end


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_names_that_a_console_cannot_show_do_not_end_the_work(images, tmp_path, encoding):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("\u7d30\u80de.tif", os.fsdecode(b"z\xe9.tif"), "zwei.tif"):
        shutil.copy(images[0], folder / name)

    done = in_a_process(
        *("segment", folder, "-o", tmp_path / "out", "--csv", tmp_path / "o.csv", *SCALE),
        PYTHONIOENCODING=encoding,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "0 of 3 failed"
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert {line.split(",")[0] for line in (tmp_path / "o.csv").read_text("utf-8").splitlines()} == {
        *("image", "\u7d30\u80de.tif", "z\\udce9.tif", "zwei.tif")
    }


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_file_ids_that_a_console_cannot_show_do_not_end_a_batch(tmp_path, encoding):
    names = ["\u7d30\u80de", "zwei"]
    root = task(tmp_path, names, log_pathpattern="log/%s")
    for arguments in (["batch", root], ["batch", root, "--run"]):
        done = in_a_process(*arguments, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in (root / "seg").iterdir()} == set(names)


def test_a_target_that_cannot_be_written_is_found_before_the_work(run, images, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("superdsm_nb.segmentation.segment_file", lambda *_, **__: pytest.fail("work"))
    target = tmp_path / "file" / "sub" / "l.png"
    outcome = run("segment", images[0], "-o", tmp_path / "ok.png", "--overlay", target, *SCALE)
    assert_one_sentence(outcome, "cannot be written", f"{tmp_path / 'file'} is not a folder", code=1)


def test_a_read_only_folder_is_found_before_the_work(images, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    script = (
        "import superdsm_nb.segmentation as s; s.segment_file = None\n"
        "from superdsm_nb.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "segment", images[0], "-o", tmp_path / "out" / "l.png", *SCALE],
        preexec_fn=as_an_ordinary_user,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == (
        f"Error: {tmp_path / 'out' / 'l.png'} cannot be written: {tmp_path / 'out'} is read-only for you.\n"
    )


def test_a_batch_finds_a_target_that_cannot_be_written_before_the_work(run, tmp_path, monkeypatch):
    root = task(tmp_path, ["a"], csv_pathpattern="csv/%s.csv")
    (root / "csv" / "a.csv").mkdir(parents=True)
    monkeypatch.setattr(work, "process_image", lambda *_, **__: pytest.fail("work"))
    outcome = run("batch", root, "--run", "--debug")
    assert outcome.code == 1
    assert "a.csv cannot be written: it is a folder" in outcome.err


PUBLISHED = ("--preset", "published", *SCALE)


def test_every_json_that_is_written_is_strict(run, images, tmp_path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    files = {kind: tmp_path / f"a.{kind}" for kind in ("geojson", "json")}
    outcome = run(
        *("segment", images[0], "-o", tmp_path / "a.png", "--json"),
        *("--geojson", files["geojson"], "--cfg", files["json"], *PUBLISHED),
    )
    assert outcome.code == 0
    with Image.open(tmp_path / "a.png") as label_map:
        texts = [outcome.out, label_map.text["Description"], *(path.read_text() for path in files.values())]
    root = task(
        tmp_path / "task",
        ["a"],
        config={"preset": "published", "dsm/smooth_amount": math.inf, "AF_scale": 11},
    )
    assert run("batch", root, "--run").code == 0
    texts.append((root / "provenance.json").read_text())
    with zipfile.ZipFile(root / "results" / "a.npz") as archive:
        texts.append(archive.read("header.json").decode())
    for text in texts:
        json.loads(text, parse_constant=refuse)
    assert '"Infinity"' in texts[2]
    again = run(
        "segment",
        images[0],
        "-o",
        tmp_path / "b.png",
        "--config",
        files["json"],
        "--cfg",
        tmp_path / "b.json",
    )
    assert again.code == 0
    assert (tmp_path / "b.json").read_text() == files["json"].read_text()
