"""What the page is told about a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..automation.scale import typical_diameter
from ..config import Config, resolve_preset
from ..diameter import is_size_given
from ..events import ObjectDiscarded
from ..io import LoadedImage
from ..render.discarded import discarded_objects, rasterize_discarded
from ..results.names import name_of
from ..segmentation import Segmentation
from ..strictjson import strict_values
from ..tuning import command_for
from .opening import controls_of

PRUNING = "global-energy-minimization/pruning"
SHOWN = ("area", "contrast", "intensity_mean", "energy", "norm_energy", "eccentricity", "touches_border")
COLUMNS = {name: name_of(name).readable for name in SHOWN}


def result(version: int, found: Segmentation | None, config: Config, image: LoadedImage) -> dict[str, Any]:
    """Describe the newest result and the settings.

    Parameters
    ----------
    version : int
        Number of the result.
    found : Segmentation or None
        The result.
    config : Config
        Hyperparameters that are set.
    image : LoadedImage
        The image.
    """
    preset = resolve_preset(config)
    values = {each.key: each.value(config) for each in controls_of(preset)} | {"diameter": None}
    told: dict[str, Any] = {
        "version": version,
        "preset": preset,
        "values": values,
        "command": _command(image, config),
    }
    if found is not None:
        is_given = is_size_given(found.config)
        diameter = typical_diameter(found.scale, is_estimated=preset == "published" and not is_given)
        if is_size_given(config):
            values["diameter"] = diameter
        told |= {
            "diameter": diameter,
            "columns": COLUMNS,
            "corrections": [each.kind for each in found.corrections],
            "rows": [_row(row) for row in found.rows],
            "statement": found.performance.statement(str(found.config.get(PRUNING, "exact"))),
        }
    return dict(strict_values(told))


def discarded(found: Segmentation) -> tuple[NDArray[Any], list[dict[str, Any]]]:
    """Return where discarded objects are, and why.

    Parameters
    ----------
    found : Segmentation
        The result.

    Returns
    -------
    labels : (H, W) int array
        Their label map.
    objects : list of dict
        ``reason`` and ``position`` (row and column, or None) for each label from 1.
    """
    events = {frozenset(each.atoms): each for each in found.discarded}
    objects = []
    for item, _ in discarded_objects(found.data):
        event = events.get(item.footprint, ObjectDiscarded(""))
        position = None if event.row is None else [event.row, event.col]
        objects.append({"reason": event.reason, "position": position})
    return rasterize_discarded(found.data), objects


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    box = [row[f"bbox-{side}"] for side in range(4)]
    values = {name: row[name] for name in SHOWN} | {"touches_border": bool(row["touches_border"])}
    return {"label": row["label"], "box": box} | values


def _command(image: LoadedImage, config: Config) -> str:
    return "" if image.source is None else command_for(image.source, config)
