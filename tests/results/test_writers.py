"""One table of outputs: what stands there, `segment`, `batch` and Python can write."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.batch import fields
from superdsm_nb.errors import ConfigError, ImageError
from superdsm_nb.io import imread
from superdsm_nb.results.outputs import OUTPUTS, stack_output, write_outputs
from superdsm_nb.results.ownership import is_own_output

from support.trees import write_task

PER_IMAGE = [kind for kind, output in OUTPUTS.items() if output.write_rows is None]


@pytest.fixture(scope="module")
def result(sample):
    return superdsm_nb.analyze(sample.image, diameter=31)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_every_output_is_written_and_says_so(result, tmp_path, kind):
    path = tmp_path / f"out{OUTPUTS[kind].suffixes[0]}"
    assert write_outputs(result, {kind: path}) == [kind]
    assert path.stat().st_size > 0


@pytest.mark.parametrize("kind", OUTPUTS)
def test_every_output_has_a_field_in_a_task(kind):
    assert f"{kind}_pathpattern" in fields.names()
    assert not list(fields.problems({f"{kind}_pathpattern": f"out/%s{OUTPUTS[kind].suffixes[0]}"}))


def test_every_output_but_the_label_map_is_an_option_of_segment(run):
    text = run("segment", "--help").out
    assert all(f"--{kind}" in text for kind in OUTPUTS if kind != "seg")


def test_segment_and_batch_write_the_same_files(run, image_path, tmp_path):
    patterns = {f"{kind}_pathpattern": f"{kind}/%s{OUTPUTS[kind].suffixes[0]}" for kind in PER_IMAGE}
    images = {"img_pathpattern": "{ROOTDIR}/%s.tif", "file_ids": ["cells"]}
    write_task(tmp_path, runnable=True, config={"AF_scale": 11}, **images, **patterns)
    options = [part for kind in PER_IMAGE if kind != "seg" for part in (f"--{kind}", tmp_path / "one" / kind)]
    assert (
        run("segment", image_path, "-o", tmp_path / "one" / "seg", "--set", "AF_scale=11", *options).code == 0
    )
    assert run("batch", tmp_path, "--run").code == 0
    for kind in PER_IMAGE:
        name = f"{kind}/cells{OUTPUTS[kind].suffixes[0]}"
        assert (tmp_path / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), kind


def test_a_new_output_is_one_entry_of_the_table(tmp_path, monkeypatch, result):
    def write(segmentation, path):
        path.write_text(str(segmentation.object_count))

    monkeypatch.setitem(OUTPUTS, "count", replace(OUTPUTS["cfg"], suffixes=(".txt",), write=write))
    write_outputs(result, {"count": tmp_path / "n.txt"})
    assert (tmp_path / "n.txt").read_text() == str(result.labels.max())


def test_what_the_pipeline_did_not_come_to_is_not_written(result, tmp_path):
    early = replace(
        result, data={name: result.data[name] for name in ("g_raw", "g_rgb", "y", "scale", "atoms")}
    )
    targets = {kind: tmp_path / f"{kind}{output.suffixes[0]}" for kind, output in OUTPUTS.items()}
    assert write_outputs(early, targets) == ["atoms", "cfg"]
    assert {path.stem for path in tmp_path.iterdir()} == {"atoms", "cfg"}


def test_an_unknown_output_or_picture_is_refused(result, tmp_path):
    with pytest.raises(ConfigError, match="There is no output pdf: the outputs are seg, overlay"):
        write_outputs(result, {"pdf": tmp_path / "a.pdf"})
    with pytest.raises(ImageError, match=r"a\.jpg must end in \.png, \.tif or \.tiff"):
        write_outputs(result, {"seg": tmp_path / "a.jpg"})


def test_more_objects_than_a_png_holds_go_to_a_tiff_beside_it_with_a_warning(result, tmp_path):
    labels = result.labels.astype(np.int32)
    labels[0, 0] = 70_000
    crowded = replace(result)
    crowded.__dict__["_rasterized"] = (labels, [[]] * 70_000)
    heard = []
    (tmp_path / "a.png").write_bytes(b"an earlier result")
    write_outputs(crowded, {"seg": tmp_path / "a.png"}, heard.append)
    write_outputs(crowded, {"seg": tmp_path / "b.tif"}, heard.append)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png.tif", "b.tif"}
    for name in ("a.png.tif", "b.tif"):
        assert imread(tmp_path / name).max() == 70_000
    assert [event.text for event in heard] == ["a.png cannot hold 70000 objects: see a.png.tif"]


@pytest.mark.parametrize("kind", OUTPUTS)
def test_every_output_is_known_to_be_ours_and_a_foreign_file_is_not(result, tmp_path, kind):
    path = tmp_path / f"out{OUTPUTS[kind].suffixes[0]}"
    write_outputs(result, {kind: path})
    assert is_own_output(kind, path)
    path.write_bytes(b"0" * 300_000)
    assert not is_own_output(kind, path)


@pytest.mark.parametrize("kind", [kind for kind in OUTPUTS if kind != "cfg"])
def test_every_output_of_a_stack_is_known_to_be_ours(sample, tmp_path, kind):
    stack = np.stack([sample.image, sample.image[::-1]])
    path = tmp_path / f"out{stack_output(kind).suffixes[0]}"
    write_outputs(superdsm_nb.segment_stack(stack, axes="TYX", outputs=(kind,)), {kind: path})
    assert is_own_output(kind, path)
