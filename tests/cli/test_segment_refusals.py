"""What `superdsm-nb segment` cannot do is refused in one clear sentence."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from superdsm_nb.io import imsave

from support.command_line import assert_failed, assert_one_sentence

SCALE = ("--set", "AF_scale=11")


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
    assert_failed(outcome, str(tmp_path / "a.tif"), *words)
    assert not (tmp_path / "l.png").exists()


def test_a_missing_image_is_refused(run, tmp_path):
    assert_failed(run("segment", tmp_path / "no.tif", "-o", tmp_path / "l.png"), "There is no file")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0"], ids=repr)
def test_a_file_that_is_no_image_is_refused(run, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert_failed(run("segment", tmp_path / name, "-o", tmp_path / "l.png"), name)


def test_a_stack_asks_for_the_choice_of_a_plane(run, tmp_path, sample):
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, np.stack([sample.image] * 2), imagej=True, metadata={"axes": "ZYX"})
    assert_failed(run("segment", path, "-o", tmp_path / "l.png", *SCALE), "--plane")
    assert run("segment", path, "-o", tmp_path / "l.png", "--plane", 1, *SCALE).code == 0


def test_the_published_method_asks_for_the_scale_of_an_image_without_an_object_size(run, tmp_path):
    imsave(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 999, (8, 8)).astype(np.uint16))
    outcome = run("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png", "--preset", "published")
    assert_failed(outcome, "AF_scale", "a.tif")


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
    listed = ".png, .tif, .tiff or .zarr" if option == "--out" else ".png, .tif or .tiff"
    assert_one_sentence(outcome, f"x.jpg must end in {listed}")
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
    assert_failed(outcome, "cannot be written", "is not a folder")


def test_an_image_that_takes_too_long_fails_and_the_limit_is_checked(run, tmp_path, sample):
    imsave(tmp_path / "a.tif", sample.image)
    arguments = ("segment", tmp_path / "a.tif", "-o", tmp_path / "l.png")

    assert_failed(run(*arguments, "--time-limit", "1e-6"), "a.tif", "time limit of 1e-06 s is over")
    assert not (tmp_path / "l.png").exists()
    assert run(*arguments, "--time-limit", "0").code == 2
    assert run(*arguments, "--time-limit", "600").code == 0
