"""Modules that were moved into subpackages can still be imported by their former names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "hyperparameters": "config.hyperparameters",
    "scale": "automation.scale",
    "explain": "automation.explanation",
    "energy": "dsm.energy",
    "model": "dsm.model",
    "solvers": "dsm.solvers",
    "pruning": "globalenergymin.pruning",
    "exactcover": "minsetcover.exact",
    "greedycover": "minsetcover.greedy",
    "maxsetpack": "minsetcover.packing",
    "labelmap": "render.labelmap",
    "tables": "results.tables",
    "outlines": "results.outlines",
    "console": "cli.console",
    "batch.display": "cli.batchdisplay",
}
PREFIX = f"{__package__}."


class MovedModules:
    """Finds a module by its old name and returns the module with the new one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of `MOVED`."""
        is_moved = fullname.startswith(PREFIX) and fullname.removeprefix(PREFIX) in MOVED
        loader: Any = self  # no subclass of importlib.abc.Loader, which takes long to import
        return ModuleSpec(fullname, loader) if is_moved else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        """Replace the empty module of the old name with the module itself."""
        name = module.__name__
        # An import returns what is registered here; the module keeps its own name and spec.
        sys.modules[name] = import_module(PREFIX + MOVED[name.removeprefix(PREFIX)])


def install() -> None:
    """Look for moved modules if there is no module of that name."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
