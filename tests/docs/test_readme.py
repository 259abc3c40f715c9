"""The README and the ready tasks name what exists."""

from __future__ import annotations

import re
from pathlib import Path

from superdsm_nb.batch.jobs import plan_all
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.cli import app
from superdsm_nb.pipeline import create_automatic_pipeline, create_default_pipeline

ROOT = Path(__file__).parents[2]


def images_of_ready_tasks(root):
    """Images of each task that runs, by the folder of the task."""
    plans = plan_all(find_tasks(root), root)
    return {task.name(root): [job.image for job in jobs] for task, jobs in plans if task.runnable}


def test_the_ready_tasks_are_valid_and_name_their_images():
    root = ROOT / "tasks"

    images = images_of_ready_tasks(root)

    assert {name: len(found) for name, found in images.items()} == {
        "BBBC039/default": 8,
        "BBBC039/default/isbi24": 8,
        "GOWT1/GOWT1-1/default": 5,
        "GOWT1/GOWT1-2/default": 5,
        "NIH3T3/default": 49,
        "NIH3T3/default/adapted": 49,
        "NIH3T3/default/adapted/isbi24": 49,
        "U2OS/default": 48,
        "U2OS/default/adapted": 48,
        "U2OS/default/adapted/isbi24": 48,
        "sample/default": 3,
        "sample/default/adapted": 3,
    }
    assert images["U2OS/default"][0] == root / "images" / "U2OS" / "dna-0.png"
    assert images["GOWT1/GOWT1-2/default"][1] == root / "images" / "Fluo-N2DH-GOWT1" / "02" / "t020.tif"


def test_the_images_of_the_sample_are_there():
    images = images_of_ready_tasks(ROOT / "tasks" / "sample")

    assert set(images) == {"default", "default/adapted"}
    assert all(image.exists() for found in images.values() for image in found)


def test_the_tasks_that_their_readme_names_exist():
    text = (ROOT / "tasks" / "README.md").read_text(encoding="utf-8")

    named = re.findall(r"--task(?:-dir)? ([\w/]+)", text)

    assert named
    assert all((ROOT / "tasks" / name / "task.json").exists() for name in named)


def test_the_hyperparameters_that_the_readme_names_exist_with_the_defaults_it_gives():
    text = (ROOT / "README.md").read_text()
    declared = create_automatic_pipeline().declarations
    declared_by_either = {*declared, *create_default_pipeline().declarations}

    named = re.findall(r"((?:dsm|preprocess|postprocess|global-energy-minimization)/\w+)", text)
    with_default = re.findall(r"`([\w-]+/\w+)(?:=[\d.]+)?` \(default ([\d.]+)\)", text)

    assert set(named) <= declared_by_either
    assert len(with_default) >= 4
    for key, default in with_default:
        assert declared[key].default == float(default)


def test_the_commands_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text()
    commands = {command.callback.__name__ for command in app.registered_commands}

    assert set(re.findall(r"^    superdsm-nb (\w+)", text, re.MULTILINE)) <= commands
    assert (ROOT / "docs" / "overview.png").exists()
