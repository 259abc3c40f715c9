"""Names of the columns of tables in other programs."""

from __future__ import annotations

import re
from typing import NamedTuple

from .intensity import BACKGROUND, CORRECTED, STATISTICS


class Name(NamedTuple):
    """What a column is called elsewhere.

    Attributes
    ----------
    readable : str
        In QuPath, and for people.
    cellprofiler : str
        In CellProfiler; empty if it has no such measurement.
    """

    readable: str
    cellprofiler: str = ""


NAMES = {
    "area": Name("Area px^2", "AreaShape_Area"),
    "centroid-0": Name("Centroid Y px", "AreaShape_Center_Y"),
    "centroid-1": Name("Centroid X px", "AreaShape_Center_X"),
    "bbox-0": Name("Top px", "AreaShape_BoundingBoxMinimum_Y"),
    "bbox-1": Name("Left px", "AreaShape_BoundingBoxMinimum_X"),
    "bbox-2": Name("Bottom px", "AreaShape_BoundingBoxMaximum_Y"),
    "bbox-3": Name("Right px", "AreaShape_BoundingBoxMaximum_X"),
    "eccentricity": Name("Eccentricity", "AreaShape_Eccentricity"),
    "intensity_mean": Name("Mean intensity", "Intensity_MeanIntensity"),
    "energy": Name("Energy"),
    "norm_energy": Name("Energy per pixel"),
    "contrast": Name("Contrast"),
    "on_boundary": Name("Model reaches the image border"),
    "perimeter": Name("Perimeter px", "AreaShape_Perimeter"),
    "equivalent_diameter_area": Name("Equivalent diameter px", "AreaShape_EquivalentDiameter"),
    "axis_major_length": Name("Major axis px", "AreaShape_MajorAxisLength"),
    "axis_minor_length": Name("Minor axis px", "AreaShape_MinorAxisLength"),
    "orientation": Name("Orientation rad", "AreaShape_Orientation"),
    "solidity": Name("Solidity", "AreaShape_Solidity"),
    "extent": Name("Extent", "AreaShape_Extent"),
    "feret_diameter_max": Name("Max diameter px", "AreaShape_MaxFeretDiameter"),
    "form_factor": Name("Circularity", "AreaShape_FormFactor"),
    "area_um2": Name("Area µm^2"),
    "perimeter_um": Name("Perimeter µm"),
    "equivalent_diameter_area_um": Name("Equivalent diameter µm"),
    "axis_major_length_um": Name("Major axis µm"),
    "axis_minor_length_um": Name("Minor axis µm"),
    "feret_diameter_max_um": Name("Max diameter µm"),
    "touches_border": Name("Touches the image border"),
    "saturated_fraction": Name("Saturated part"),
    "cluster": Name("Cluster"),
    "cluster_size": Name("Nuclei in cluster"),
    "refined": Name("Outline refined"),
}
"""Of the columns that every table has."""

CELLPROFILER_STATISTICS = {
    "mean": "MeanIntensity",
    "median": "MedianIntensity",
    "sum": "IntegratedIntensity",
    "min": "MinIntensity",
    "max": "MaxIntensity",
    "std": "StdIntensity",
}
WORDS = {"sum": "Sum", "std": "Std dev", BACKGROUND: "Background", CORRECTED: "Mean minus background"}
CHANNEL_COLUMN = rf"(ring_)?({'|'.join((*STATISTICS, BACKGROUND, CORRECTED))})_intensity_(.*)"


def name_of(column: str) -> Name:
    """Return what a column is called elsewhere, also one of another channel.

    Examples
    --------
    >>> name_of("form_factor")
    Name(readable='Circularity', cellprofiler='AreaShape_FormFactor')
    >>> name_of("ring_mean_intensity_GFP").readable, name_of("sum_intensity_GFP").cellprofiler
    ('GFP: Ring: Mean', 'Intensity_IntegratedIntensity_GFP')
    """
    if column in NAMES:
        return NAMES[column]
    found = re.fullmatch(CHANNEL_COLUMN, column, re.DOTALL)
    if found is None:
        return Name(column)
    ring, statistic, channel = found.groups()
    readable = f"{channel}: {'Ring: ' if ring else ''}{WORDS.get(statistic, statistic.capitalize())}"
    known = CELLPROFILER_STATISTICS.get(statistic)
    return Name(readable, f"Intensity_{known}_{channel}" if known and not ring else "")
