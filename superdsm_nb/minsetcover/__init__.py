"""Min-weight set cover and set packing: which family of objects covers all atoms at the least cost."""

from .cover import MinSetCover, SolvedCover

__all__ = ["MinSetCover", "SolvedCover"]
