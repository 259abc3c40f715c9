"""Fourth stage: the globally best family of objects."""

from .search import Search
from .stage import GlobalEnergyMinimization

__all__ = ["GlobalEnergyMinimization", "Search"]
