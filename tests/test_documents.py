"""Notebooks, ready tasks and the README do what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from superdsm_nb.batch.run import plan
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.cli import app
from superdsm_nb.pipeline import create_default_pipeline

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_of_a_notebook_run_in_order(path):
    cells = json.loads(path.read_text())["cells"]
    names: dict[str, object] = {}

    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), names)

    assert names["labels"].max() > 0


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_the_ready_tasks_are_valid_and_name_their_images():
    root = ROOT / "tasks"
    tasks = [task for task in find_tasks(root) if task.runnable]

    jobs = {task.folder.relative_to(root).as_posix(): plan(task, root) for task in tasks}

    assert {name: len(found) for name, found in jobs.items()} == {
        "BBBC039/default": 8,
        "NIH3T3/adapted": 49,
        "NIH3T3/default": 49,
        "U2OS/adapted": 48,
        "U2OS/default": 48,
    }
    assert jobs["U2OS/default"][0].image == root / "images" / "U2OS" / "dna-0.png"


def test_the_hyperparameters_that_the_readme_names_exist_with_the_defaults_it_gives():
    text = (ROOT / "README.md").read_text()
    declared = create_default_pipeline().declarations

    named = re.findall(r"((?:dsm|postprocess|global-energy-minimization)/\w+)", text)
    with_default = re.findall(r"`([\w-]+/\w+)(?:=[\d.]+)?` \(default ([\d.]+)\)", text)

    assert set(named) <= set(declared)
    assert len(with_default) >= 4
    for key, default in with_default:
        assert declared[key].default == float(default)


def test_the_commands_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text()
    commands = {command.callback.__name__ for command in app.registered_commands}

    assert set(re.findall(r"^    superdsm-nb (\w+)", text, re.MULTILINE)) <= commands
    assert (ROOT / "docs" / "overview.png").exists()
