"""Pictures of finished tasks."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from superdsm_nb.io import imread, imsave
from superdsm_nb.render import normalize_image, render_result_over_image, render_ymap
from superdsm_nb.render.labelmap import contours

from support.trees import SHAPE, contents, run_tree, write_task, write_tree

MODES = ("seg", "img", "fgc", "adj", "atm")


def exported(run, root, *options, name="a"):
    """Export into a folder of its own and read one picture."""
    target = root / "pictures"
    shutil.rmtree(target, ignore_errors=True)
    outcome = run("export", root, "default", "--outdir", target, *options)
    assert (outcome.code, outcome.err) == (0, "")
    return imread(target / f"{name}.png", histological=True)


def labels_and_image(root):
    return imread(root / "default" / "seg" / "a.png"), imread(root / "images" / "a.tif")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_a_picture_of_each_image_in_a_folder_of_its_own(run, root, mode):
    before = contents(root)
    outcome = run("export", root, "default", "--mode", mode)
    folder = root / "default" / f"export-{mode}"
    assert outcome.out.splitlines() == [str(folder / "a.png"), str(folder / "b.png")]
    pictures = {path: digest for path, digest in contents(root).items() if path not in before}
    assert set(pictures) == {f"default/export-{mode}/{name}.png" for name in "ab"}
    assert imread(folder / "a.png", histological=True).shape == (*SHAPE, 3)


def test_the_modes_show_different_things(run, root):
    pictures = [exported(run, root, "--mode", mode).tobytes() for mode in MODES]
    assert len(set(pictures)) == len(MODES)


def test_the_contours_are_those_of_the_label_map_over_the_image(run, root):
    labels, image = labels_and_image(root)
    picture = exported(run, root, "--border", 2, "--border-position", "outer", "--enhance")
    assert np.array_equal(picture, render_result_over_image(image, labels, 2, border_position="outer"))


@pytest.mark.parametrize("position", ["inner", "center", "outer"])
def test_contours_lie_where_they_are_asked_for(run, root, position):
    labels, _ = labels_and_image(root)
    drawn = exported(run, root, "--border", 3, "--border-position", position)
    plain = exported(run, root, "--mode", "img")
    assert np.array_equal((drawn != plain).any(axis=2), contours(labels, 3, position))


@pytest.mark.parametrize("width", [8, 3])
def test_contours_are_as_wide_as_those_of_the_task_and_inside_by_default(run, tmp_path, width):
    root = write_tree(tmp_path, names=("a",), seg_border=width)
    run_tree(root)
    assert np.array_equal(
        exported(run, root), exported(run, root, "--border", width, "--border-position", "inner")
    )


@pytest.mark.parametrize("where", ["images", "default/seg", "default/adapted/overlay"])
def test_no_image_and_no_result_is_overwritten(run, tmp_path, where):
    root = write_tree(tmp_path, names=("a",), img_pathpattern="{ROOTDIR}/images/%s.png")
    imsave(root / "images" / "a.png", imread(root / "images" / "a.tif"))
    run_tree(root)
    before = contents(root)
    outcome = run("export", root, "default", "--outdir", root / where)
    assert (outcome.code, outcome.out) == (2, "")
    assert "A picture would overwrite" in outcome.err
    assert contents(root) == before


def test_a_task_that_changed_since_is_run_again_first(run, root):
    write_task(root / "default", runnable=True, dilate=3)
    outcome = run("export", root, "default")
    assert outcome.code == 1
    assert "The task has changed since" in outcome.err
    run_tree(root)
    exported(run, root)
    with Image.open(root / "pictures" / "a.png") as picture:
        assert json.loads(picture.text["Description"])["dilate"] == 3


def test_the_contrast_is_enhanced_on_demand(run, root):
    _, image = labels_and_image(root)
    plain = exported(run, root, "--mode", "img")[:, :, 0]
    enhanced = exported(run, root, "--mode", "img", "--enhance")[:, :, 0]
    g = image.astype(float)
    assert np.array_equal(plain, np.round(255 * (g - g.min()) / (g.max() - g.min())))
    assert np.array_equal(enhanced, np.round(255 * normalize_image(image)))


def test_the_colours_of_offset_intensities_can_be_chosen(run, root):
    default = exported(run, root, "--mode", "atm")
    assert np.array_equal(default, exported(run, root, "--mode", "atm", "--ymap", "-0.8:+1:5:seismic"))
    grey = exported(run, root, "--mode", "atm", "--ymap", "-0.8:+1:5:gray")
    green = (grey == (0, 255, 0)).all(axis=2)
    assert green.any()
    assert (grey[~green][:, 0] == grey[~green][:, 1]).all()
    y = np.linspace(-1, 1, 50).reshape(5, 10)
    from superdsm_nb.batch.export import YMap

    assert np.array_equal(YMap(-0.5, 0.5, 2, "gray").render(y), render_ymap(2 * y, (-0.5, 0.5), "gray"))


def test_only_the_images_asked_for_are_drawn(run, root):
    outcome = run("export", root, "default", "--imageid", "b")
    assert outcome.out.splitlines() == [str(root / "default" / "export-seg" / "b.png")]
    both = run("export", root, "default", "--imageid", "b", "--imageid", "a")
    assert len(both.out.splitlines()) == 2


def test_a_picture_says_how_it_was_made(run, root):
    exported(run, root, "--mode", "adj")
    with Image.open(root / "pictures" / "a.png") as picture:
        made = json.loads(picture.text["Description"])
    assert made["picture"]["mode"] == "adj"
    assert made["picture"]["ymap"]["cmap"] == "seismic"
    assert made["config"]["AF_scale"] == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["default", "--imageid", "z"], "has no image z: its images are a, b."),
        (["nowhere"], "There is no task nowhere in"),
        (["."], "is a template: it has no results."),
        (["default", "--ymap", "1:0:5:bwr"], "must have the form lo:hi:gain:cmap"),
        (["default", "--ymap", "0:1:5"], "must have the form lo:hi:gain:cmap"),
        (["default", "--ymap", "a:1:5:bwr"], "must have the form lo:hi:gain:cmap"),
        (["default", "--mode", "adj", "--ymap", "0:1:5:nocolours"], "nocolours"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(run, root, options, message):
    outcome = run("export", root, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("option", [["--mode", "xyz"], ["--border-position", "left"], ["--border", "0"]])
def test_wrong_options_end_in_exit_code_2(run, root, option):
    assert run("export", root, "default", *option).code == 2


def test_a_task_without_results_is_refused(run, tmp_path):
    root = write_tree(tmp_path)
    outcome = run("export", root, "default")
    assert outcome.code == 2
    assert f"There is no result in {root / 'default'}: run superdsm-nb batch {root} --run" in outcome.err


def test_an_image_that_changed_since_is_refused(run, root):
    shutil.copy(root / "images" / "b.tif", root / "images" / "a.tif")
    outcome = run("export", root, "default")
    assert outcome.code == 1
    assert "a.tif has changed since its result was stored" in outcome.err


def test_an_image_that_has_become_a_stack_is_told_of_the_field_to_set(run, root):
    tifffile.imwrite(root / "images" / "a.tif", np.zeros((5, 9, 9), np.uint16), metadata={"axes": "ZYX"})
    outcome = run("export", root, "default", "--imageid", "a")
    assert outcome.code == 1
    assert outcome.err.endswith('choose a plane ("plane" in task.json).\n')


def test_a_result_that_ends_before_what_is_asked_for_is_refused(run, tmp_path):
    root = write_tree(tmp_path, names=("a",))
    write_task(root / "default", runnable=True, last_stage="preprocess")
    run_tree(root)
    outcome = run("export", root, "default", "--mode", "adj")
    assert outcome.code == 1
    assert "ends with the stage preprocess, but mode adj needs a later one" in outcome.err


def test_a_damaged_result_is_refused(run, root):
    (root / "default" / "results" / "a.npz").write_bytes(b"PK")
    outcome = run("export", root, "default")
    assert outcome.code == 1
    assert "is damaged" in outcome.err
