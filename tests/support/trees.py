"""Trees of tasks for the tests of the batch system."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from superdsm_nb.batch.outcome import Mode
from superdsm_nb.batch.run import Runner
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.events import Warned
from superdsm_nb.io import imsave
from superdsm_nb.synthetic import generate

from support import naive

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make links")
# Interpreted, a fit takes a thousand times as long: small images then, of seeds whose fits are easy.
SHAPE, NUCLEI, RADIUS = ((96, 112), 3, 16.0) if naive.COMPILED else ((48, 64), 2, 9.0)
SEEDS = (1, 2, 3, 4, 5, 6) if naive.COMPILED else (38, 6, 17, 11, 23, 36)
TIMED = ("timings.csv", ".timings.json", "report.html")  # what differs from run to run
PATTERNS = {
    "seg_pathpattern": "seg/%s.png",
    "overlay_pathpattern": "overlay/%s.png",
    "adj_pathpattern": "adj/%s.png",
    "cfg_pathpattern": "cfg/%s.json",
    "log_pathpattern": "log/%s",
}


def write_task(folder, **fields):
    """Write a task.json; fields that are None are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: value for name, value in fields.items() if value is not None})
    (folder / "task.json").write_text(text, encoding="utf-8")
    return folder


def cells(number=0):
    """A generated image of a few nuclei, for the scale 11, with its truth."""
    return generate(SEEDS[number % len(SEEDS)], SHAPE, NUCLEI, RADIUS)


def write_images(folder, names):
    """Write generated images."""
    for number, name in enumerate(names):
        imsave(folder / f"{name}.tif", cells(number).image)


def write_tree(root, names=("a", "b"), config=None, **fields):
    """Write template -> default -> adapted on generated images; adapted differs in post-processing only."""
    write_images(root / "images", names)
    write_task(
        root,
        **{
            "img_pathpattern": "{ROOTDIR}/images/%s.tif",
            "file_ids": list(names),
            "config": {"AF_scale": 11} if config is None else config,
            **PATTERNS,
            **fields,
        },
    )
    write_task(root / "default", runnable=True)
    write_task(root / "default" / "adapted", runnable=True, config={"postprocess": {"min_contrast": 1.5}})
    return root


class Witness:
    """A display that remembers."""

    def __init__(self):
        self.results = {}
        self.sizes = []
        self.skips = []
        self.warnings = []
        self.errors = []
        self.events = []

    def task(self, plan, todo, workers):
        self.sizes.append((plan.task.folder.name, todo, workers))

    def skipped(self, plan):
        self.skips.append(plan.task.folder.name)

    def emit(self, event, slot=0):
        self.events.append(event)
        if isinstance(event, Warned):
            self.warnings.append(str(event))

    def finished(self, plan, job, result):
        self.results[plan.task.folder.name, job.file_id] = result

    def concluded(self, summaries):
        pass

    def ended(self, failed, total):
        self.total = total

    def warn(self, line):
        self.warnings.append(line)

    def error(self, line):
        self.errors.append(line)


def run_tree(root, mode=None, force=False, report=None, last_stage=None):
    """Run all tasks in this process; return the number of failures and what was shown."""
    witness = Witness()
    plans = survey(find_tasks(root), root, last_stage)
    failures = Runner(root, witness, mode or Mode(debug=True), force, report).run(plans)
    return failures, witness


def contents(root):
    """Digest of every file below a folder that is a result: no images, no timings, nothing hidden."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(root).rglob("*"))
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(TIMED)
    }


def unfinished(root):
    """Files that were being written when a run ended."""
    return [path for path in Path(root).rglob(".*") if path.name.endswith(".unfinished")]
