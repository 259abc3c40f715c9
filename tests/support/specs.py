"""Task files, and what is said of them."""

from __future__ import annotations

import json

import pytest

from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.errors import TaskError

from support.trees import write_task

TASK = {
    "runnable": True,
    "img_pathpattern": "images/%s.tif",
    "seg_pathpattern": "seg/%s.png",
    "file_ids": ["a", "b"],
}


def write(folder, **changes):
    """Write a complete task with fields changed; None takes a field out."""
    return write_task(folder, **{**TASK, **changes})


def write_json(path, **entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries), encoding="utf-8")


def complaints(root):
    """What is said of the tasks, line by line."""
    with pytest.raises(TaskError) as error:
        find_tasks(root)
    return str(error.value).splitlines()


def configs(root):
    return [task.config.entries for task in find_tasks(root)]
