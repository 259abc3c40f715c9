"""`superdsm-nb segment` does what it says."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile

from superdsm_nb import __version__
from superdsm_nb.cli.console import ProgressDisplay
from superdsm_nb.config import Config
from superdsm_nb.io import imread, imsave
from superdsm_nb.metrics import score
from superdsm_nb.synthetic import generate

from support.command_line import assert_failed, in_a_process

SCALE = ("--set", "AF_scale=11")


# ---------------------------------------------------------------- segment


def test_segment_writes_a_label_map_and_tells_what_it_found(run, image_path, tmp_path, sample):
    outcome = run("segment", image_path, "-o", tmp_path / "labels.png", *SCALE)
    labels = imread(tmp_path / "labels.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"cells.tif: {labels.max()} objects, scale 11.0 pixels (given), ")
    assert outcome.out.splitlines()[0].endswith(f" s -> {tmp_path / 'labels.png'}")
    assert re.fullmatch(
        r"the chosen shapes are proven to be the best combination in (\d+) of \1 clusters? of nuclei",
        outcome.out.splitlines()[1],
    )
    assert len(outcome.out.splitlines()) == 2
    assert labels.dtype == np.uint16
    assert score(labels, sample.labels).seg > 0.7


def test_the_proof_of_the_cover_is_kept_with_the_label_map(run, image_path, tmp_path):
    run("segment", image_path, "-o", tmp_path / "labels.png", *SCALE)
    cover = json.loads(imageio.immeta(tmp_path / "labels.png")["Description"])["cover"]
    assert cover["cost"] == cover["lower_bound"] > 0
    assert cover["gap"] == 0
    assert cover["proven_cluster_count"] == cover["cluster_count"] > 0


def test_what_the_proof_does_not_hold_for_is_said(run, image_path, tmp_path):
    pruning = ("--set", "global-energy-minimization/pruning=isbi24")
    outcome = run("segment", image_path, "-o", tmp_path / "labels.png", *SCALE, *pruning)
    assert outcome.out.endswith(" of nuclei, among the shapes that isbi24 pruning tries\n")


def test_segment_leaves_its_input_as_it_was(run, image_path, tmp_path):
    before = image_path.read_bytes()
    run("segment", image_path, "-o", tmp_path / "labels.png", *SCALE)
    assert image_path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_label_map_tells_how_it_was_made(run, image_path, tmp_path, suffix):
    target = tmp_path / f"labels{suffix}"
    run("segment", image_path, "-o", target, *SCALE)
    if suffix == ".png":
        description = imageio.immeta(target)["Description"]
    else:
        with tifffile.TiffFile(target) as file:
            description = file.pages[0].description
    provenance = json.loads(description)
    assert provenance["software"] == f"superdsm_nb {__version__}"
    assert provenance["image"] == "cells.tif"
    assert provenance["image_sha256"] == hashlib.sha256(image_path.read_bytes()).hexdigest()
    assert provenance["scale"] == 11
    assert provenance["config"]["dsm"]["alpha"] == pytest.approx(0.0005 * 11**2)
    assert provenance["config_digest"] == Config(provenance["config"]).digest


def test_the_configuration_in_a_label_map_repeats_it(run, image_path, tmp_path):
    run("segment", image_path, "-o", tmp_path / "first.png", *SCALE)
    provenance = json.loads(imageio.immeta(tmp_path / "first.png")["Description"])
    Config(provenance["config"]).dump_json(tmp_path / "config.json")
    run("segment", image_path, "-o", tmp_path / "second.png", "--config", tmp_path / "config.json")
    assert (tmp_path / "second.png").read_bytes() == (tmp_path / "first.png").read_bytes()


def test_an_overlay_shows_the_contours_in_colour(run, image_path, tmp_path, sample):
    run("segment", image_path, "-o", tmp_path / "l.png", "--overlay", tmp_path / "o.png", *SCALE)
    overlay = imread(tmp_path / "o.png", histological=True)
    assert overlay.shape == (*sample.image.shape, 3)
    red = (overlay[:, :, 0] > overlay[:, :, 1]) & (overlay[:, :, 0] > overlay[:, :, 2])
    assert 0 < red.mean() < 0.5


def test_a_wider_border_draws_more_of_the_overlay(run, image_path, tmp_path):
    drawn = []
    for width in (1, 4):
        picture = tmp_path / f"{width}.png"
        run("segment", image_path, "-o", tmp_path / "l.png", "--overlay", picture, "--border", width, *SCALE)
        overlay = imread(picture, histological=True)
        drawn.append(np.count_nonzero(overlay[:, :, 0] != overlay[:, :, 1]))
    assert drawn[0] < drawn[1]


def test_several_images_go_into_a_folder_under_their_names(run, image_path, tmp_path, sample):
    imsave(tmp_path / "more.png", sample.image)
    outcome = run("segment", image_path, tmp_path / "more.png", "-o", tmp_path / "out", *SCALE)
    assert outcome.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells.png", "more.png"]
    np.testing.assert_array_equal(imread(tmp_path / "out/cells.png"), imread(tmp_path / "out/more.png"))


def test_an_image_that_fails_does_not_stop_the_others(run, image_path, tmp_path, sample):
    imsave(tmp_path / "flat.tif", np.full((9, 9), 7, np.uint8))
    imsave(tmp_path / "more.tif", sample.image)
    images = (image_path, tmp_path / "flat.tif", tmp_path / "more.tif")
    outcome = run("segment", *images, "-o", tmp_path / "out", *SCALE)
    assert_failed(outcome, "flat.tif", "constant")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells.png", "more.png"]


def test_without_objects_the_label_map_is_empty_and_a_warning_says_so(run, tmp_path):
    imsave(tmp_path / "dark.tif", generate(nuclei=0, shape=(64, 64), radius=8).image)
    settings = (*SCALE, "--set", "postprocess/min_contrast=1000")
    outcome = run("segment", tmp_path / "dark.tif", "-o", tmp_path / "l.png", *settings)
    assert outcome.code == 0
    assert outcome.err.startswith("Warning: dark.tif: no object was found")
    assert outcome.err.count("\n") == 1
    assert "dark.tif: 0 objects" in outcome.out
    assert not imread(tmp_path / "l.png").any()


def test_a_setting_counts_more_than_the_configuration_file(run, image_path, tmp_path):
    (tmp_path / "c.json").write_text('{"AF_scale": 20, "dsm": {"epsilon": 2.0}}', encoding="utf-8")
    run("segment", image_path, "-o", tmp_path / "l.png", "--config", tmp_path / "c.json", *SCALE)
    used = json.loads(imageio.immeta(tmp_path / "l.png")["Description"])["config"]
    assert (used["AF_scale"], used["dsm"]["epsilon"]) == (11, 2.0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("dsm/smooth_amount=inf", float("inf")),
        ("dsm/smooth_amount=Infinity", float("inf")),
        ("dsm/smooth_amount=5", 5),
        ("dsm/solver=trust-exact", "trust-exact"),
        ("dsm/cp_timeout=none", None),
        ("postprocess/fill_holes=false", False),
    ],
)
def test_settings_may_be_numbers_texts_infinity_or_nothing(run, image_path, tmp_path, setting, value):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", *SCALE, "--set", setting)
    used = Config(json.loads(imageio.immeta(tmp_path / "l.png")["Description"])["config"])
    assert outcome.code == 0
    assert used[setting.partition("=")[0]] == value


def test_verbose_output_goes_to_standard_error(run, image_path, tmp_path):
    quiet = run("segment", image_path, "-o", tmp_path / "l.png", *SCALE)
    verbose = run("segment", image_path, "-o", tmp_path / "l.png", *SCALE, "--verbose")
    assert quiet.err == ""
    assert "scale 11.00 pixels (given)" in verbose.err
    assert verbose.out.count("\n") == quiet.out.count("\n")


def test_results_reach_a_pipe_while_progress_is_shown_on_a_terminal(image_path, tmp_path):
    shown = {"FORCE_COLOR": "1", "SUPERDSM_NB_INTERMEDIATE_OUTPUT": "1"}
    done = in_a_process("segment", image_path, "-o", tmp_path / "l.png", *SCALE, **shown)
    assert done.returncode == 0
    assert done.stdout.startswith("cells.tif: ")
    assert "cells.tif: " not in done.stderr


def test_on_a_terminal_results_are_shown_with_the_progress_and_not_erased_by_it(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("SUPERDSM_NB_INTERMEDIATE_OUTPUT", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with ProgressDisplay(1) as console:
        console.result("cells.tif: 3 objects")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cells.tif: 3 objects\n" in captured.err


@pytest.mark.parametrize("name", ["a [bold]b[/bold].tif", "Zellen äöü.tif", ":smiley:.tif", "100 %s.tif"])
def test_a_file_may_have_any_name(run, tmp_path, name):
    imsave(tmp_path / name, np.full((9, 9), 7, np.uint8))
    assert_failed(run("segment", tmp_path / name, "-o", tmp_path / "l.png", *SCALE), name)


def test_images_of_every_type_are_segmented_without_remarks_from_libraries(tmp_path, sample):
    g = sample.image
    images = {
        "uint8": (g // 256).astype(np.uint8),
        "uint32": g.astype(np.uint32) * 60000,
        "negative": g.astype(np.int32) - 3000,
        "float32": g.astype(np.float32),
        "tiny": g * 1e-300,
        "huge": g * 1e300,
    }
    for name, pixels in images.items():
        imsave(tmp_path / f"{name}.tif", pixels)
    paths = [tmp_path / f"{name}.tif" for name in images]
    done = in_a_process("segment", *paths, "-o", tmp_path / "out", *SCALE)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(imread(tmp_path / "out" / f"{name}.png").max() >= 2 for name in images)


def test_a_boolean_image_gives_a_label_map(run, tmp_path, sample):
    imsave(tmp_path / "a.tif", sample.image > 1000)
    assert run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png", *SCALE).code == 0
    assert imread(tmp_path / "l.png").shape == sample.image.shape


@pytest.mark.parametrize("shape", [(1, 2), (1, 9), (9, 1), (2, 2), (3, 3), (1, 200), (200, 1), (5, 3)])
@pytest.mark.parametrize("settings", [SCALE, ()], ids=["scale given", "scale estimated"])
def test_the_smallest_images_give_a_result_or_one_clear_sentence(run, tmp_path, shape, settings):
    imsave(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16))
    outcome = run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png", *settings)
    if outcome.code:
        assert_failed(outcome, "a.tif")
    else:
        assert imread(tmp_path / "l.png").shape == shape


# ---------------------------------------------------------------- demo


def test_the_folder_for_several_images_may_have_a_dot_in_its_name(run, tmp_path, image_path, sample):
    other = tmp_path / "other.tif"
    imsave(other, sample.image)

    outcome = run("segment", image_path, other, "-o", tmp_path / "run_2026.11", "--set", "AF_scale=11")

    assert outcome.code == 0
    assert sorted(path.name for path in (tmp_path / "run_2026.11").iterdir()) == ["cells.png", "other.png"]


def test_spaces_around_the_name_and_the_value_of_a_setting_do_not_matter(run, tmp_path, image_path):
    outcome = run("segment", image_path, "-o", tmp_path / "labels.png", "--set", " AF_scale = 11 ")

    assert outcome.code == 0
    assert "scale 11.0 pixels (given)" in outcome.out


def test_an_interrupt_ends_the_process_at_once_with_a_word(tmp_path, image_path):
    code = (
        "import sys, superdsm_nb.cli as cli, superdsm_nb.segmentation as s\n"
        "from superdsm_nb.parallel import ordered_map\n"
        "import _thread, time\n"
        "def work(_):\n"
        "    _thread.interrupt_main()\n"
        "    time.sleep(60)\n"
        "s.segment_file = lambda *a, **k: ordered_map(work, [0])\n"
        f"sys.argv = ['superdsm-nb', 'segment', {str(image_path)!r}, '-o', {str(tmp_path / 'o.png')!r}]\n"
        "cli.main()\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 130
    assert "Interrupted: finished results are kept." in ended.stderr
    assert "Traceback" not in ended.stderr
