"""Third stage: clusters of foreground, split coarse to fine into atomic regions."""

from .clusters import check_work, find_clusters
from .stage import C2F_RegionAnalysis

__all__ = ["C2F_RegionAnalysis", "check_work", "find_clusters"]
