"""Corrections of a segmentation by hand: objects that are merged, split, deleted or kept."""

from .correction import Correction as Correction
from .correction import Kind as Kind
from .correction import corrections_of as corrections_of
from .decisions import Corrections as Corrections
from .decisions import Decisions as Decisions
from .decisions import decide as decide
from .positions import point_in as point_in
