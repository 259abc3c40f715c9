"""Scores of a segmentation against a manual ground truth.

Both are label images: two-dimensional integer arrays in which every positive number names one object; zero
and negative numbers are background. Labels may have gaps, need not agree between the images, and may belong
to objects of several parts. No function changes its input.

**Assignment.** Splits, merges, missed and added objects and the Hausdorff distance rest on one rule (Coelho
et al., 2009): an object is assigned to whatever shares most pixels with it in the other image, *including
background*. Ties go to background, then to the smaller label, as with ``argmax`` in the code published with
that article. Ties between two objects are the only case in which a result depends on the numbering of the
objects.

**Empty images.** With no object in either image SEG, Dice and average precision are 1; with objects in only
one of the two they are 0, and all of these objects are missed or added.

**Errors.** All functions raise `superdsm_nb.errors.ImageError` if an image is not two-dimensional or not of
an integer type (``bool`` and ``float`` are refused whatever the values), or if the shapes differ.

References
----------
L. P. Coelho, A. Shariff and R. F. Murphy: Nuclear segmentation in microscope cell images: a hand-segmented
dataset and comparison of algorithms. ISBI 2009, 518-521,
[doi:10.1109/ISBI.2009.5193098](https://doi.org/10.1109/ISBI.2009.5193098).
"""

from .files import pair_files, score_files
from .losses import Losses, count_losses
from .scores import (
    Score,
    added_count,
    average_precision,
    dice,
    hausdorff,
    merge_count,
    missed_count,
    score,
    seg,
    split_count,
)

__all__ = [
    "Losses",
    "Score",
    "added_count",
    "average_precision",
    "count_losses",
    "dice",
    "hausdorff",
    "merge_count",
    "missed_count",
    "pair_files",
    "score",
    "score_files",
    "seg",
    "split_count",
]
