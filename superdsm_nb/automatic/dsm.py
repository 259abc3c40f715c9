"""Second stage: the hyperparameters of the fits, from those in units of the radius."""

from __future__ import annotations

from ..config import AutomaticFitSettings, FitParameters
from ..events import Emit
from ..stage import PipelineData, Stage


class AutomaticFitSetup(Stage[AutomaticFitSettings]):
    """Provide the hyperparameters of the fits in canonical pixels.

    Reads ``radius`` and ``zoom``; adds ``dsm_cfg``, the `FitParameters`.
    """

    name = AutomaticFitSettings.section
    inputs = ("radius", "zoom")
    outputs = ("dsm_cfg",)
    settings_type = AutomaticFitSettings

    def process(self, inputs: PipelineData, settings: AutomaticFitSettings, emit: Emit) -> PipelineData:
        """Scale them."""
        radius = inputs["radius"] * inputs["zoom"]
        parameters = FitParameters(
            alpha=settings.stiffness * radius**2,
            smooth_amount=max(1, round(settings.deformation_width * radius)),
            smooth_subsample=max(1, round(settings.deformation_spacing * radius)),
            background_margin=round(settings.margin * radius),
        )
        return {"dsm_cfg": parameters}
