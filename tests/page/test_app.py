"""What the page asks for, and the answers: before there is a result, and then."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import roifile
import tifffile
from shapely.geometry import shape

from superdsm_nb import analyze
from superdsm_nb.config import PRESETS
from superdsm_nb.events import ignore
from superdsm_nb.io import LoadedImage, Source
from superdsm_nb.page.opening import FILES, MAX_SIDE, check_size

from support import naive
from support.asgi import ask
from support.deskpages import DeskPage


@pytest.fixture(scope="module")
def loaded(image):
    return Source(image).load()


@pytest.fixture
def new(loaded):
    """A page whose desk has not begun."""
    return DeskPage(loaded)


@pytest.fixture
def page(loaded):
    with DeskPage.settled_at(loaded) as made:
        yield made


def test_nothing_that_is_slow_is_imported_before_the_page_is_there():
    code = (
        "import sys, superdsm_nb.cli.tune, superdsm_nb.page.server\n"
        "print(sorted({'numba', 'scipy', 'skimage', 'superdsm_nb.session'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"


def test_the_page_and_the_image_are_there_before_the_segmentation_begins(new, loaded):
    start = new.json("/start")
    low, high = start["range"]
    pixels = np.frombuffer(new.get("/image").body, "<u2").reshape(start["shape"])

    assert new.get("/").headers["content-type"].startswith("text/html")
    assert start["name"] == "my cells.tif"
    assert set(start["controls"]) == set(PRESETS)
    np.testing.assert_allclose(low + (high - low) * pixels / 65535, loaded.pixels, atol=(high - low) / 65535)
    assert new.get("/labels").headers["x-version"] == "0"
    assert new.json("/result")["version"] == 0
    assert new.get("/save/labels.tif").status == 409


def test_every_file_that_the_page_names_exists(new):
    html = new.get("/").body.decode()

    modules = re.findall(r'from "\./([\w.]+)"', new.get("/page.js").body.decode())
    assert len(modules) > 5
    for name in ("page.css", "page.js", *modules):
        answer = new.get(f"/{name}")
        assert answer.status == 200
        assert b"http:" not in answer.body
        assert b"https:" not in answer.body
    assert 'src="page.js"' in html
    assert "http" not in html
    assert "style=" not in html


@pytest.mark.parametrize("path", ["/../guard.py", "/static/page.js", "/save/../task.json", "/guard.py", "/x"])
def test_nothing_else_can_be_read(new, path):
    assert new.get(path).status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'{"a": 1, "a": 2}', b"{" * 100, b"\xff"])
def test_what_is_no_object_is_refused(new, body):
    assert ask(new.app, "/change", "POST", {}, body).status == 400


def test_a_request_is_bounded(new):
    assert ask(new.app, "/change", "POST", {}, b" " * 70_000).status == 413


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"postprocess/outline_height": "high"}, "Wider / tighter outlines must be a number."),
        ({"preset": "other"}, "There is no method other."),
    ],
)
def test_what_a_setting_cannot_be_is_refused_with_a_reason(new, changes, reason):
    refused = new.post("/change", changes)
    assert (refused.status, json.loads(refused.body)["error"]) == (409, reason)


def test_an_unknown_setting_is_refused_with_a_reason(new):
    answer = new.post("/change", {"dsm/alpha": 1})

    assert answer.status == 409
    assert json.loads(answer.body)["error"] == "There is no setting dsm/alpha of the automatic method."


def test_done_ends_the_program(new):
    assert new.post("/done").status == 204
    assert new.ends == [True]


def test_a_colour_image_is_shown_in_colours():
    colours = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    page = DeskPage(LoadedImage(colours))

    assert page.json("/start")["shape"] == [2, 3, 3]
    assert page.get("/image").body == colours.tobytes()


@pytest.mark.parametrize("pixels", [np.zeros((3, 4)), np.full((3, 4), np.nan), np.full((3, 4), 7, np.uint8)])
def test_an_image_without_contrast_is_shown_all_the_same(pixels):
    page = DeskPage(LoadedImage(pixels))

    assert page.get("/image").body == bytes(24)
    assert page.json("/start")["window"][0] == 0


def test_an_image_that_no_browser_shows_is_refused():
    with pytest.raises(Exception, match="browsers show at most 16384 in a row"):
        check_size(LoadedImage(np.zeros((1, MAX_SIDE + 1), np.uint8)))


@naive.compiled_only
def test_a_change_gives_what_a_fresh_run_gives(page, loaded):
    page.post("/change", {"postprocess/outline_height": 0.2, "global-energy-minimization/object_cost": 0.6})
    page.settled(0)
    told = page.json("/result")
    config = {
        "postprocess/outline_height": 0.2,
        "postprocess/large_outline_height": 0.2 * 0.24 / 0.35,
        "global-energy-minimization/object_cost": 0.6,
    }
    expected = analyze(loaded, config, emit=ignore)

    np.testing.assert_array_equal(page.labels(), expected.labels)
    assert [row["area"] for row in told["rows"]] == [row["area"] for row in expected.rows]
    assert told["values"]["postprocess/outline_height"] == 0.2
    assert "object_cost=0.6" in told["command"]


@naive.compiled_only
def test_a_change_that_is_not_allowed_is_told_and_changes_nothing(page):
    before = page.labels()
    page.post("/change", {"postprocess/outline_height": 5})
    state = page.settled(0)

    assert state.messages[-1][0] == "error"
    assert "outline_height" in state.messages[-1][1]
    assert page.json("/result")["values"]["postprocess/outline_height"] == 0.35
    np.testing.assert_array_equal(page.labels(), before)


@naive.compiled_only
def test_the_method_can_be_changed_back_and_forth(page):
    before = page.labels()
    page.post("/change", {"diameter": 25, "postprocess/min_area": 0.2})
    page.settled(0)
    page.post("/change", {"preset": "published"})
    state = page.settled(0)
    told = page.json("/result")
    assert state.version == 3, state.messages
    assert told["preset"] == "published"
    assert told["values"]["dsm/AF_alpha"] == 0.0005
    assert page.desk.config["AF_scale"] == pytest.approx(25 / 8**0.5)
    page.post("/change", {"preset": "automatic"})
    page.settled(0)
    page.post("/change", {"diameter": None})
    page.settled(0)

    np.testing.assert_array_equal(page.labels(), before)


@naive.compiled_only
@pytest.mark.parametrize("is_early", [True, False])
def test_the_method_can_be_changed_while_a_slider_moves(new, is_early):
    if not is_early:
        new.desk.start()
        new.settled(0)
    new.post("/change", {"global-energy-minimization/object_cost": 0.6})
    new.post("/change", {"preset": "published"})
    if is_early:
        new.desk.start()
    state = new.settled(2)
    told = new.json("/result")
    new.desk.close()

    assert state.failures == 0, state.messages
    assert told["preset"] == "published"


@naive.compiled_only
def test_a_slider_of_the_method_before_does_not_undo_the_change_of_the_method(page):
    page.post("/change", {"preset": "published"})
    late = page.post("/change", {"postprocess/outline_height": 0.4})
    state = page.settled(1)

    assert late.status == 409
    assert json.loads(late.body)["error"] == (
        "There is no setting postprocess/outline_height of the published method."
    )
    assert state.failures == 0, state.messages
    assert page.json("/result")["preset"] == "published"
    assert page.post("/change", {"dsm/AF_alpha": 0.001}).status == 200


@naive.compiled_only
def test_a_change_of_the_method_that_is_cancelled_leaves_the_sliders_of_the_method_before(page):
    page.post("/change", {"preset": "published"})
    page.post("/cancel")

    assert page.post("/change", {"postprocess/outline_height": 0.4}).status == 200
    page.settled(2)
    assert page.json("/result")["preset"] == "automatic"


@naive.compiled_only
def test_discarded_objects_are_told_with_their_reasons(page):
    page.post("/change", {"postprocess/min_area": 0.9})
    page.settled(0)
    told = page.json("/discarded")
    expected = page.desk.newest[1]

    assert len(told["objects"]) == len(expected.discarded) > 0
    assert all("area" in each["reason"] for each in told["objects"])
    assert {tuple(each["position"]) for each in told["objects"]} == {
        (each.row, each.col) for each in expected.discarded
    }
    assert max(told["runs"][1::2]) == len(told["objects"])


@naive.compiled_only
def test_all_files_that_are_saved_can_be_read(page):
    expected = page.desk.newest[1]
    content = {name: page.get(f"/save/{name}") for name in FILES}

    assert all(answer.headers["content-disposition"] == "attachment" for answer in content.values())
    files = {name: answer.body for name, answer in content.items()}
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(files["labels.tif"])), expected.labels)
    np.testing.assert_array_equal(imagecodecs.png_decode(files["labels.png"]), expected.labels)
    assert imagecodecs.png_decode(files["contours.png"]).shape == (*expected.labels.shape, 3)
    features = json.loads(files["outlines.geojson"])["features"]
    assert [shape(each["geometry"]).area for each in features] == pytest.approx(
        [row["area"] for row in expected.rows], rel=0.1
    )
    assert len(files["nuclei.csv"].decode().splitlines()) == expected.object_count + 1
    assert page.get("/save/other.tif").status == 409


@naive.compiled_only
def test_regions_are_saved_for_imagej(page, tmp_path):
    (tmp_path / "regions.zip").write_bytes(page.get("/save/regions.zip").body)

    assert len(roifile.roiread(tmp_path / "regions.zip")) == page.desk.newest[1].object_count


@naive.compiled_only
def test_settings_are_saved_beside_the_image_once(page, image):
    page.post("/change", {"diameter": 25})
    page.settled(0)
    download = page.get("/save/task.json").body
    written = page.post("/task")
    again = page.post("/task")

    task = image.with_name("task.json")
    try:
        assert json.loads(written.body) == {"path": str(task)}
        assert task.read_bytes() == download
        assert json.loads(download)["config"] == {"preset": "automatic", "diameter": 25}
        assert again.status == 409
        assert "already exists" in json.loads(again.body)["error"]
    finally:
        task.unlink()


@naive.compiled_only
def test_cancelling_ends_what_runs_and_keeps_what_was(page):
    before = page.labels()
    stages = []

    async def cancel_in_a_stage():
        async for state in page.desk.states():
            if state.stage and not stages:
                stages.append(state.stage)
                page.desk.cancel()
            if state.asked and not state.is_busy:
                return state
        return None

    page.desk.change({"preset": "published"})  # which takes many times as long
    state = asyncio.run(cancel_in_a_stage())

    assert stages
    assert (state.version, state.messages[-1]) == (1, ("error", "The segmentation was cancelled."))
    np.testing.assert_array_equal(page.labels(), before)
    assert page.json("/result")["preset"] == "automatic"


@naive.compiled_only
def test_closing_lets_the_listeners_go(loaded):
    page = DeskPage(loaded)
    page.desk.start()

    async def listen():
        states = [state async for state in page.desk.states()]
        return states[-1]

    async def main():
        listening = asyncio.create_task(listen())
        while not page.desk._listeners:
            await asyncio.sleep(0)
        page.desk.dismiss()
        return await asyncio.wait_for(listening, 60)

    assert asyncio.run(main()) is not None
    assert page.desk.close()
