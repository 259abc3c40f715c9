"""The notebooks do what their text says."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from superdsm_nb.io import imread, imsave

from support import naive, published
from support.published import image_names

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IMAGE = "SUPERDSM_NB_NOTEBOOK_IMAGE"


def run_notebook(name, monkeypatch, image=None, scale=None):
    """Run the cells of a notebook in order, on its own sample or on an image; return its variables."""
    (path,) = (ROOT / "notebooks").glob(f"{name}*.ipynb")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    matplotlib.use("Agg")  # it may have been imported before
    monkeypatch.delenv(IMAGE, raising=False)
    if image is not None:
        monkeypatch.setenv(IMAGE, str(image))
    names: dict[str, object] = {}
    try:
        sources = code_of(path)
        if scale is not None:
            names_size = {"SCALE": scale, "DIAMETER": 2 * 2**0.5 * scale}
            (size,) = (each for each in names_size if f"\n{each} = None  #" in sources[0])
            sources[0] = sources[0].replace(f"\n{size} = None", f"\n{size} = {names_size[size]}")
        for position, source in enumerate(sources):
            exec(compile(source, f"{path.name}, cell of code {position}", "exec"), names)
            draw_figures()
    finally:
        plt.close("all")
    return names


def code_of(path):
    """The cells of code of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def draw_figures():
    """Draw what a cell has plotted, as a notebook does."""
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


@pytest.fixture
def real_image(tmp_path):
    """A quarter of a published image, nuclei of about 14 pixels radius."""
    path = tmp_path / "quarter.tif"
    imsave(path, imread(published.image_path("BBBC039", image_names("BBBC039")[0]))[:260, :348])
    return path


@naive.compiled_only
def test_the_first_segmentation_finds_the_nuclei_of_its_sample(monkeypatch):
    names = run_notebook("01", monkeypatch)

    assert names["score"](names["labels"], names["truth"]).seg > 0.7


@pytest.mark.published
@pytest.mark.parametrize("scale", [10, None], ids=["size given", "size measured"])
def test_the_first_segmentation_finds_the_nuclei_of_a_real_image(monkeypatch, real_image, scale):
    names = run_notebook("01", monkeypatch, real_image, scale)

    assert names["labels"].shape == (260, 348)
    assert 15 <= names["labels"].max() <= 35


def check_descent(names):
    """Energies fall to the minimum that the package finds, and the price of bumps raises it."""
    energies, full, ellipse = names["energies"], names["full"], names["ellipse"]
    assert len(energies) > 5
    assert all(after < before for before, after in pairwise(energies))
    assert energies[-1] == pytest.approx(full.energy, rel=1e-6)
    assert full.energy == names["nucleus"].energy
    assert energies[names["turn"]] == pytest.approx(ellipse.energy, rel=1e-6)
    by_alpha = [result.energy for result in names["fits"]]
    assert by_alpha[0] < by_alpha[1] < by_alpha[2] <= ellipse.energy
    assert by_alpha[1] == full.energy


@naive.compiled_only
def test_the_model_explained_reaches_the_minimum_of_the_package(monkeypatch):
    names = run_notebook("02", monkeypatch)

    check_descent(names)
    assert names["bumps"] > 10
    assert names["full"].energy < 0.7 * names["ellipse"].energy


@pytest.mark.published
def test_the_model_explained_reaches_the_minimum_of_the_package_on_a_real_image(monkeypatch, real_image):
    names = run_notebook("02", monkeypatch, real_image, scale=10)

    check_descent(names)
    assert len(names["found"]) >= 15


def check_tuning(names):
    """Larger scales and larger costs of objects give fewer, and the choice can be run."""
    counts = names["counts"]
    assert len(counts) == 9
    for name in ("AF_scale", "global-energy-minimization/AF_beta"):
        found = [count for (key, _), count in sorted(counts.items()) if key == name]
        assert len(found) == 3
        assert found[0] > found[1] > found[2] > 0
    assert names["labels"].max() > 0
    assert json.loads(names["text"])["config"] == names["choice"]


@naive.compiled_only
def test_tuning_shows_what_the_hyperparameters_do(monkeypatch):
    names = run_notebook("03", monkeypatch)

    check_tuning(names)
    assert names["labels"].max() == 14


@pytest.mark.published
def test_tuning_shows_what_the_hyperparameters_do_to_a_real_image(monkeypatch, real_image):
    names = run_notebook("03", monkeypatch, real_image, scale=10)

    check_tuning(names)
    assert names["choice"]["AF_scale"] == 10


@naive.compiled_only
def test_the_answers_from_a_batch_are_those_that_the_text_gives(monkeypatch):
    names = run_notebook("04", monkeypatch)

    assert names["failures"] == 0
    assert len(names["objects"]["area"]) > 60
    assert max(names["within"].values()) < names["pooled"]
    lost = ~names["kept"]
    assert 0 < lost.sum() < 0.5 * lost.size
    assert (names["objects"]["contrast"][lost] < 2.5).all()
    assert (names["objects"]["contrast"][names["kept"]] >= 2.5).all()
    area, faint = names["objects"]["area"], names["objects"]["image"] == "dish-a"
    median = names["np"].median
    assert median(area[lost]) < 0.75 * median(area[~lost])
    assert median(area[lost & faint]) > 0.9 * median(area[~lost & faint])
    assert (lost & faint).sum() > 0.8 * lost.sum()


@pytest.mark.published
def test_a_batch_of_one_real_image_is_answered(monkeypatch, real_image):
    names = run_notebook("04", monkeypatch, real_image, scale=10)

    assert names["failures"] == 0
    assert set(names["objects"]["image"]) == {"quarter"}
    assert len(names["objects"]["area"]) >= 15


@pytest.mark.parametrize("name", ["01", "02", "03", "04"])
def test_each_notebook_runs_on_a_small_image_of_ones_own(monkeypatch, image_path, name):
    names = run_notebook(name, monkeypatch, image_path, scale=11)

    assert names.get("failures", 0) == 0


def test_each_notebook_is_tested_above():
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_what_a_run_leaves(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    identifiers = [cell["id"] for cell in notebook["cells"]]

    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[\w-]{1,64}", identifier) for identifier in identifiers)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert "IMAGE = None  # or the path of an image of your own" in code_of(path)[0]
