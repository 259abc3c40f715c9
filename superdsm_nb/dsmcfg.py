"""Second stage: provides the hyperparameters of the fits, which later stages share."""

from __future__ import annotations

from .config import FitParameters
from .events import Emit
from .stage import PipelineData, Stage


class DSM_Config(Stage[FitParameters]):  # noqa: N801 - the documented name
    """Provide the hyperparameters of the deformable shape models (TPAMI 2023).

    Adds ``dsm_cfg``, the `FitParameters`.
    """

    name = FitParameters.section
    outputs = ("dsm_cfg",)
    settings_type = FitParameters

    def process(self, inputs: PipelineData, settings: FitParameters, emit: Emit) -> PipelineData:
        """Return them as they are."""
        return {"dsm_cfg": settings}
