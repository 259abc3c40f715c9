"""The images of tasks that are written on the spot, and what is said of such tasks."""

from __future__ import annotations

import pytest

from superdsm_nb.batch.jobs import expand_jobs, plan_all
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.errors import TaskError

from support.trees import write_task

TASK = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.tif",
    "seg_pathpattern": "seg/%s.png",
    "file_ids": ["a"],
}
SUFFIXES = {"seg": ".png", "overlay": ".png", "adj": ".tif", "cfg": ".json", "log": ".tgz"}


def write(folder, **changes):
    """Write a complete task with fields changed; None takes a field out."""
    return write_task(folder, **{**TASK, **changes})


def jobs(folder, root=None, **changes):
    """Images of a task that is written for it; the root is the task's folder unless given."""
    (task,) = find_tasks(write(folder, **changes))
    return expand_jobs(task, folder if root is None else root)


def job(folder, root=None, **changes):
    (only,) = jobs(folder, root, **changes)
    return only


def refusals(root):
    """What is said of the tasks under a root, line by line."""
    with pytest.raises(TaskError) as error:
        plan_all(find_tasks(root), root)
    return str(error.value).splitlines()


def refusal(folder, **changes):
    """The only sentence said of a task."""
    (line,) = refusals(write(folder, **changes))
    return line
