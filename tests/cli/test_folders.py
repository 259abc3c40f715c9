"""`superdsm-nb segment` on folders of images."""

from __future__ import annotations

import pytest

from superdsm_nb.cli.targets import find_images
from superdsm_nb.errors import ConfigError
from superdsm_nb.io import imread, imsave

SCALE = ("--set", "AF_scale=11")


@pytest.fixture
def folder(tmp_path, sample):
    """Two images, and what lies in such folders besides."""
    folder = tmp_path / "images"
    for name in ("b.tif", "a.png", ".hidden.tif", "below/c.tif"):
        imsave(folder / name, sample.image)
    (folder / "notes.txt").write_text("not an image")
    (folder / "Thumbs.db").write_bytes(b"\0")
    return folder


def test_all_images_of_a_folder_are_segmented_and_nothing_else(run, folder, tmp_path):
    outcome = run("segment", folder, "-o", tmp_path / "out", *SCALE)
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    assert imread(tmp_path / "out/a.png").max() > 0
    assert outcome.out.splitlines()[-1] == "0 of 2 failed"


def test_a_pattern_chooses_among_the_files(folder):
    assert [path.name for path in find_images([folder], "*.tif")] == ["b.tif"]
    assert [path.name for path in find_images([folder], "*.t*")] == ["notes.txt", "b.tif"][::-1]


def test_a_pattern_may_go_into_folders_below_but_not_into_hidden_ones_or_out(folder, sample):
    imsave(folder / ".cache" / "d.tif", sample.image)
    imsave(folder.parent / "outside.tif", sample.image)
    assert [path.name for path in find_images([folder], "**/*.tif")] == ["b.tif", "c.tif"]
    with pytest.raises(ConfigError, match="There is no file that matches"):
        find_images([folder], "../*.tif")


def test_files_and_folders_may_be_mixed(folder, image_path):
    assert [path.name for path in find_images([image_path, folder], None)] == ["cells.tif", "a.png", "b.tif"]


def test_the_results_may_go_to_a_folder_inside(run, folder):
    assert run("segment", folder, "-o", folder / "labels", *SCALE).code == 0
    assert run("segment", folder, "-o", folder / "labels", *SCALE).code == 0
    assert len(list((folder / "labels").iterdir())) == 2


@pytest.mark.parametrize("pattern", [None, "*.jpg"])
def test_a_folder_without_images_is_wrong_use(tmp_path, pattern):
    with pytest.raises(ConfigError, match="There is no "):
        find_images([tmp_path], pattern)


@pytest.mark.parametrize("pattern", ["", "/*.tif", "**.tif/x"])
def test_what_is_no_pattern_is_wrong_use(run, folder, tmp_path, pattern):
    outcome = run("segment", folder, "-o", tmp_path / "out", "--pattern", pattern)
    assert outcome.code == 2
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1


def test_a_pattern_without_a_folder_is_wrong_use(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--pattern", "*.tif")
    assert outcome.code == 2
    assert "no folder is given" in outcome.err


def test_images_of_the_same_name_do_not_overwrite_each_other(run, folder, tmp_path, sample):
    imsave(folder / "a.tif", sample.image)
    outcome = run("segment", folder, "-o", tmp_path / "out", *SCALE)
    assert outcome.code == 2
    assert "Two images would be written to" in outcome.err
    assert not (tmp_path / "out").exists()
