"""What a stage of the pipeline is, and how it tells of its progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from .config import Config
from .errors import PipelineError
from .hyperparameters import Hyperparameter

ENABLED = Hyperparameter("enabled", True, "bool", "false skips the stage")


class Output:
    """Where a stage reports what it does; this one is silent. Subclasses show it.

    Methods take the progress of the running stage and single lines worth logging.
    """

    def stage(self, name: str) -> None:
        """Take note that the stage `name` begins."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Take note that `done` of `total` pieces of work, called `what`, are finished."""

    def log(self, line: str) -> None:
        """Take note of one line for the log."""

    def warn(self, line: str) -> None:
        """Take note of something the user should know."""


class Stage:
    """One step of the pipeline: reads entries of the pipeline data object, adds others.

    Subclasses declare `name`, `inputs`, `outputs` and `hyperparameters` and implement `process`.

    Attributes
    ----------
    name : str
        Name of the stage, and of its section of the configuration.
    inputs, outputs : tuple of str
        Entries of the pipeline data object that are read and added.
    hyperparameters : tuple of Hyperparameter
        Declarations; `enabled` comes with every stage.
    """

    name: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = ()

    def __call__(self, data: dict[str, Any], config: Config, out: Output | None = None) -> None:
        """Run the stage on the pipeline data object, in place.

        Parameters
        ----------
        data : dict
            Pipeline data object.
        config : Config
            Hyperparameters; defaults of this stage are filled in.
        out : Output, optional
            Takes progress and log lines.

        Raises
        ------
        PipelineError
            If an input is missing.
        """
        out = out or Output()
        values = self.settings(config)
        if not values.pop("enabled"):
            return
        missing = [key for key in self.inputs if key not in data]
        if missing:
            raise PipelineError(f"Stage {self.name} needs {', '.join(missing)}, which no earlier stage made.")
        out.stage(self.name)
        produced = self.process({key: data[key] for key in self.inputs}, values, out)
        assert set(produced) == set(self.outputs), f"{self.name} made {set(produced)}"
        data.update(produced)

    def settings(self, config: Config) -> dict[str, Any]:
        """Values of this stage's hyperparameters by name; defaults are filled into `config`."""
        values = {}
        for parameter in (ENABLED, *self.hyperparameters):
            key = f"{self.name}/{parameter.name}"
            value = config.set_default(key, parameter.default, override_none=not parameter.optional)
            if parameter.kind == "int" and isinstance(value, float) and math.isfinite(value):
                value = int(value)
            if parameter.kind == "float" and isinstance(value, int):
                value = float(value)
            values[parameter.name] = value
        return values

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Compute the outputs from the inputs and the hyperparameters."""
        raise NotImplementedError
