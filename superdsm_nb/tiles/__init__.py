"""Images that are too large for the memory: tiles that give the result of the whole image."""

from .run import TILE, TiledResult, segment_tiles

__all__ = ["TILE", "TiledResult", "segment_tiles"]
