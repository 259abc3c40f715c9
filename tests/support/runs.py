"""What runs of tasks leave behind, and what is changed between them."""

from __future__ import annotations

import csv
import json
import tarfile

from superdsm_nb.c2freganal import C2F_RegionAnalysis
from superdsm_nb.globalenergymin import GlobalEnergyMinimization

from support.trees import write_task


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def log_of(folder, name="a"):
    with tarfile.open(folder / "log" / f"{name}.tgz") as archive:
        return archive.extractfile(f"{name}/log.txt").read().decode()


def edit_task(folder, **fields):
    task = json.loads((folder / "task.json").read_text())
    write_task(folder, **{**task, **fields})


def forbid_fits(monkeypatch):
    def refuse(*_):
        raise AssertionError("a model is fitted")

    for stage in (C2F_RegionAnalysis, GlobalEnergyMinimization):
        monkeypatch.setattr(stage, "fit", staticmethod(refuse))
