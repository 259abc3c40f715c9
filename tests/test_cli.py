"""The command line: every command does what it says, and bad input gets one clear sentence."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from functools import partial

import imageio.v3 as imageio
import naive
import numpy as np
import pytest
import tifffile

from superdsm_nb import __version__, demo
from superdsm_nb.config import Config
from superdsm_nb.console import ConsoleOutput
from superdsm_nb.io import imread, imsave
from superdsm_nb.metrics import score
from superdsm_nb.synthetic import generate

SCALE = ("--set", "AF_scale=11")
COMMANDS = ("segment", "batch", "score", "demo")


def assert_one_sentence(outcome, *words):
    """Check for exit code 2 and one line that says what is wrong."""
    assert outcome.code == 2
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith((".\n", "?\n"))
    for word in words:
        assert word in outcome.err


def in_a_process(*arguments, code="from superdsm_nb.cli import main; main()", **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


# ---------------------------------------------------------------- help and version


def test_version_is_printed(run):
    assert run("--version") == (0, f"superdsm-nb {__version__}\n", "")


def test_help_names_every_command(run):
    outcome = run("--help")
    assert outcome.code == 0
    assert all(command in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command):
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"superdsm-nb {command}" in outcome.out


def test_without_arguments_the_help_is_shown(run):
    outcome = run()
    assert "Usage: superdsm-nb" in outcome.out + outcome.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["segment", "--help"], ["batch", "--help"]])
def test_help_and_version_wait_for_no_heavy_import(arguments):
    code = (
        "import atexit, sys\n"
        "heavy = {'numpy', 'numba', 'scipy', 'skimage', 'imageio', 'tifffile'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "from superdsm_nb.cli import main\n"
        "main()"
    )
    done = in_a_process(*arguments, code=code)
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segmnt"], "Did you mean 'segment'"),
        (["segment"], "Missing argument 'IMAGE'"),
        (["segment", "a.tif"], "Missing option '--out'"),
        (["segment", "a.tif", "-o", "b.png", "--chanel", "1"], "--channel"),
        (["segment", "a.tif", "-o", "b.png", "--channel", "-1"], "--channel"),
        (["segment", "a.tif", "-o", "b.png", "--plane", "x"], "--plane"),
        (["segment", "a.tif", "-o", "b.png", "--border", "0"], "--border"),
        (["score", "a.png"], "Missing argument 'TRUTH'"),
        (["demo", "folder", "--count", "0"], "--count"),
    ],
)
def test_a_command_that_is_misspelt_or_incomplete_is_explained(run, arguments, message):
    outcome = run(*arguments)
    assert outcome.code == 2
    assert message in outcome.err


# ---------------------------------------------------------------- segment


def test_segment_writes_a_label_map_and_tells_what_it_found(run, image_path, tmp_path, sample):
    outcome = run("segment", image_path, "-o", tmp_path / "labels.png", *SCALE)
    labels = imread(tmp_path / "labels.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"cells.tif: {labels.max()} objects, scale 11.0 pixels (given), ")
    assert outcome.out.splitlines()[0].endswith(f" s -> {tmp_path / 'labels.png'}")
    assert re.fullmatch(r"cover proven optimal in (\d+) of \1 clusters?", outcome.out.splitlines()[1])
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
    assert outcome.out.endswith(" (among the unions that isbi24 pruning tries)\n")


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
    assert_one_sentence(outcome, "flat.tif", "constant")
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
    done = in_a_process("segment", image_path, "-o", tmp_path / "l.png", *SCALE, FORCE_COLOR="1")
    assert done.returncode == 0
    assert done.stdout.startswith("cells.tif: ")
    assert "cells.tif: " not in done.stderr


def test_on_a_terminal_results_are_shown_with_the_progress_and_not_erased_by_it(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with ConsoleOutput(1) as console:
        console.result("cells.tif: 3 objects")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cells.tif: 3 objects\n" in captured.err


@pytest.mark.parametrize("name", ["a [bold]b[/bold].tif", "Zellen äöü.tif", ":smiley:.tif", "100 %s.tif"])
def test_a_file_may_have_any_name(run, tmp_path, name):
    imsave(tmp_path / name, np.full((9, 9), 7, np.uint8))
    assert_one_sentence(run("segment", tmp_path / name, "-o", tmp_path / "l.png", *SCALE), name)


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
        assert_one_sentence(outcome, "a.tif")
    else:
        assert imread(tmp_path / "l.png").shape == shape


# ---------------------------------------------------------------- segment: what cannot be done


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((9, 9), 7, np.uint16), ["constant (every pixel is 7)"]),
        (np.ones((1, 1), np.uint16), ["single pixel"]),
        (np.array([[0, np.nan], [1, 2]], np.float32), ["NaN or infinite"]),
        (np.array([[0, np.inf], [1, 2]], np.float32), ["NaN or infinite"]),
    ],
    ids=["constant", "single pixel", "NaN", "infinite"],
)
def test_an_image_with_nothing_to_segment_is_refused_by_name(run, tmp_path, image, words):
    imsave(tmp_path / "a.tif", image)
    outcome = run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png", *SCALE)
    assert_one_sentence(outcome, str(tmp_path / "a.tif"), *words)
    assert not (tmp_path / "l.png").exists()


def test_a_missing_image_is_refused(run, tmp_path):
    assert_one_sentence(run("segment", tmp_path / "no.tif", "-o", tmp_path / "l.png"), "There is no file")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0"], ids=repr)
def test_a_file_that_is_no_image_is_refused(run, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert_one_sentence(run("segment", tmp_path / name, "-o", tmp_path / "l.png"), name)


def test_a_stack_asks_for_the_choice_of_a_plane(run, tmp_path, sample):
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, np.stack([sample.image] * 2), imagej=True, metadata={"axes": "ZYX"})
    assert_one_sentence(run("segment", path, "-o", tmp_path / "l.png", *SCALE), "--plane")
    assert run("segment", path, "-o", tmp_path / "l.png", "--plane", 1, *SCALE).code == 0


def test_an_image_without_an_object_size_asks_for_the_scale(run, tmp_path):
    imsave(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 999, (8, 8)).astype(np.uint16))
    assert_one_sentence(run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png"), "AF_scale", "a.tif")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("AF_scale", ["--set AF_scale", "NAME=VALUE"]),
        ("=3", ["NAME=VALUE"]),
        ("AF_scale=", ["AF_scale is ''", "a number"]),
        ("AF_scale=abc", ["AF_scale is 'abc'", "a number"]),
        ("AF_scale=-3", ["AF_scale is -3", "above 0"]),
        ("AF_scale=0", ["AF_scale is 0", "above 0"]),
        ("AF_scale=NaN", ["AF_scale is nan"]),
        ("AF_scale=nan", ["AF_scale is 'nan'"]),
        ("AF_scale=true", ["AF_scale is True", "a number"]),
        ("AF_scale=inf", ["AF_scale"]),
        ("AF_scale=1e300", ["AF_scale"]),
        ("AF_scale/x=3", ["AF_scale"]),
        ("dsm=3", ["dsm is a section"]),
        ("dsm/aplha=1", ["dsm/aplha", "did you mean dsm/alpha?"]),
        ("dsm/solver=cp", ["dsm/solver is 'cp'", "'newton' or 'trust-exact'"]),
        ("dsm/smooth_subsample=2.5", ["2.5", "an integer"]),
        ("postprocess/fill_holes=yes", ["'yes'", "true or false"]),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(run, image_path, tmp_path, setting, words):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--set", setting)
    assert_one_sentence(outcome, *words)
    assert not (tmp_path / "l.png").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["line 1, column 2"]),
        ("[]", ["JSON object"]),
        ('{"AF_scal": 3}', ["did you mean AF_scale?"]),
        ('{"dsm": {"alpha": -1}}', ["dsm/alpha is -1", "at least 0"]),
        ('{"dsm/alpha": -1}', ["dsm/alpha is -1", "at least 0"]),
        ('{"dsm": null}', ["dsm is a section"]),
    ],
)
def test_a_configuration_file_that_makes_no_sense_is_refused(run, image_path, tmp_path, content, words):
    (tmp_path / "c.json").write_text(content, encoding="utf-8")
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--config", tmp_path / "c.json")
    assert_one_sentence(outcome, *words)


def test_a_missing_configuration_file_is_refused(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--config", tmp_path / "no.json")
    assert_one_sentence(outcome, "no.json cannot be read")


@pytest.mark.parametrize("option", ["--out", "--overlay"])
def test_an_output_of_unknown_type_is_refused_before_any_work(run, image_path, tmp_path, option):
    places = {"--out": tmp_path / "l.png", "--overlay": tmp_path / "o.png", option: tmp_path / "x.jpg"}
    outcome = run("segment", image_path, *[word for pair in places.items() for word in pair], *SCALE)
    assert_one_sentence(outcome, "x.jpg must end in .png, .tif or .tiff")
    assert [path.name for path in tmp_path.iterdir()] == ["cells.tif"]


@pytest.mark.parametrize("option", ["--out", "--overlay"])
def test_an_output_never_overwrites_an_image(run, image_path, tmp_path, option):
    before = image_path.read_bytes()
    same = tmp_path / "folder" / ".." / "cells.tif"
    (tmp_path / "folder").mkdir()
    places = {"--out": tmp_path / "l.png", option: same}
    outcome = run("segment", image_path, *[word for pair in places.items() for word in pair], *SCALE)
    assert_one_sentence(outcome, "would overwrite the image")
    assert image_path.read_bytes() == before


@pytest.mark.parametrize("place", ["both.png", "folder"])
def test_an_overlay_never_overwrites_the_label_map(run, image_path, tmp_path, place):
    target = tmp_path / place
    outcome = run("segment", image_path, "-o", target, "--overlay", target, *SCALE)
    assert_one_sentence(outcome, "The overlay would overwrite the label map")
    assert not target.exists()


def test_two_images_never_go_to_one_file(run, image_path, tmp_path):
    outcome = run("segment", image_path, tmp_path / "cells.png", "-o", tmp_path / "out", *SCALE)
    assert_one_sentence(outcome, "Two images would be written to")


def test_several_images_need_a_folder(run, image_path, tmp_path):
    outcome = run("segment", image_path, tmp_path / "b.tif", "-o", tmp_path / "l.png", *SCALE)
    assert_one_sentence(outcome, "Several images need a folder")


def test_an_output_that_cannot_be_written_is_refused(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", image_path / "l.png", *SCALE)
    assert_one_sentence(outcome, "cannot be written", "is not a folder")


# ---------------------------------------------------------------- score

LABELS = np.kron(np.arange(6).reshape(2, 3), np.ones((8, 8))).astype(np.uint16)


@pytest.fixture
def folders(tmp_path):
    for folder, suffix in (("predicted", "png"), ("truth", "tif")):
        for name in ("one", "two"):
            imsave(tmp_path / folder / f"{name}.{suffix}", LABELS)
    return tmp_path / "predicted", tmp_path / "truth"


def test_score_prints_a_table(run, folders):
    outcome = run("score", folders[0] / "one.png", folders[1] / "one.tif")
    head, row = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert head.split() == [
        *("image", "SEG", "Dice", "AP@0.5", "AP@0.75", "splits", "merges", "missed", "added", "Hausdorff")
    ]
    assert row.split() == ["one.png", "1.000", "1.000", "1.000", "1.000", "0", "0", "0", "0", "0.0"]
    assert len(head) == len(row)


def test_score_prints_json_if_asked_to(run, folders):
    outcome = run("score", folders[0] / "one.png", folders[1] / "one.tif", "--json")
    scores = json.loads(outcome.out)["one.png"]
    assert scores["seg"] == scores["dice"] == 1
    assert scores["truth_count"] == 5


def test_folders_are_paired_by_names_without_suffix(run, folders):
    outcome = run("score", *folders, "--json")
    assert list(json.loads(outcome.out)) == ["one", "two"]
    assert outcome.err == ""


def test_files_without_counterpart_are_counted_in_a_warning(run, folders):
    (folders[0] / "one.png").unlink()
    outcome = run("score", *folders, "--json")
    assert list(json.loads(outcome.out)) == ["two"]
    assert outcome.err == "Warning: 1 file has no counterpart of the same name and no score.\n"


def test_label_maps_of_different_shape_cannot_be_compared(run, folders):
    imsave(folders[1] / "two.tif", LABELS[1:])
    outcome = run("score", folders[0] / "two.png", folders[1] / "two.tif")
    assert_one_sentence(outcome, "(16, 24)", "(15, 24)")


def test_in_folders_the_files_that_cannot_be_compared_are_named(run, folders):
    imsave(folders[1] / "two.tif", LABELS[1:])
    assert_one_sentence(run("score", *folders), "two.png", "two.tif", "same shape")


def test_a_colour_picture_is_no_label_map(run, folders):
    imsave(folders[0] / "one.png", np.dstack([LABELS] * 3).astype(np.uint8))
    assert_one_sentence(run("score", folders[0] / "one.png", folders[1] / "one.tif"), "must hold integers")


def test_a_file_cannot_be_compared_with_a_folder(run, folders):
    assert_one_sentence(run("score", folders[0] / "one.png", folders[1]), "both be files or both be folders")


def test_folders_without_common_names_are_refused(run, folders, tmp_path):
    imsave(tmp_path / "other" / "three.png", LABELS)
    assert_one_sentence(run("score", folders[0], tmp_path / "other"), "No file in")


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_label_map_is_named(run, folders, tmp_path, place):
    places = list(folders)
    places[place] = tmp_path / "nowhere"
    assert_one_sentence(run("score", *places), "There is no file or folder", "nowhere")


# ---------------------------------------------------------------- demo


def test_demo_shows_the_whole_way_from_images_to_scores(run, tmp_path, monkeypatch):
    if not naive.COMPILED:
        monkeypatch.setattr(demo, "generate", partial(generate, shape=(64, 72), nuclei=2))
    folder = tmp_path / "new"
    outcome = run("demo", folder, "--count", 1, "--seed", 7)
    *_, head, scores, _, look, repeat = outcome.out.splitlines()
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
    assert "Interrupted: what was finished is kept." in ended.stderr
    assert "Traceback" not in ended.stderr
