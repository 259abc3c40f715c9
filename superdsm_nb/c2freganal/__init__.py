"""Third stage: clusters of foreground, split coarse to fine into atomic regions."""

from .clusters import check_work, find_clusters
from .splitter import Atom, ClusterSplitter, Pixels
from .stage import C2F_RegionAnalysis

__all__ = ["Atom", "C2F_RegionAnalysis", "ClusterSplitter", "Pixels", "check_work", "find_clusters"]
