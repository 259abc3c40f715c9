"""Min-weight set cover and set packing: the objects that cover all atoms at the lowest cost."""

from .cover import MinSetCover, SolvedCover

__all__ = ["MinSetCover", "SolvedCover"]
