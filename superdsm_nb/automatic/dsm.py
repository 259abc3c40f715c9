"""Second stage: nothing, in the automatic method."""

from __future__ import annotations

from ..config import AutomaticFitSettings
from ..events import Emit
from ..stage import PipelineData, Stage


class AutomaticFitSetup(Stage[AutomaticFitSettings]):
    """Hold the place of the published stage of this name.

    The automatic method fits no deformable models: measured on six sets, they change neither the choice of
    objects for the better nor their outlines (see the page on accuracy). The stage is there so that stages
    have the same names and order in both methods.
    """

    name = AutomaticFitSettings.section
    settings_type = AutomaticFitSettings

    def process(self, inputs: PipelineData, settings: AutomaticFitSettings, emit: Emit) -> PipelineData:
        """Add nothing."""
        return {}
