"""Pictures of the stored results of a task; the same as `superdsm_nb.batch.export`."""

from ..batch.export import Style, YMap, draw, export, render

__all__ = ["Style", "YMap", "draw", "export", "render"]
