"""One frame of an animation: what it shows of itself and of the frames before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError

KEPT, TO_BACKGROUND, TO_PREVIOUS = 0, 1, 2  # what becomes of a frame before the next one is drawn


class Frame(NamedTuple):
    """Where a frame is drawn, and how."""

    width: int
    height: int
    left: int
    top: int
    disposal: int
    is_over: bool  # it is drawn over what is there, which shows through transparent pixels

    def covers(self, shape: tuple[int, int, int]) -> bool:
        """Whether nothing of the frames before can be seen."""
        return (self.height, self.width) == shape[:2] and not self.is_over


def compose(
    path: Path,
    frames: Sequence[Frame],
    index: int,
    shape: tuple[int, int, int],
    decode: Callable[[int], NDArray[Any]],
) -> NDArray[Any]:
    """Decode a frame, and only those before it that show through; never more than two at a time.

    Parameters
    ----------
    path : Path
        The file, for messages.
    frames : sequence of Frame
        All frames of the file.
    index : int
        The one to decode.
    shape : (int, int, int)
        Height, width and number of samples of the whole picture; an even number includes opacity.
    decode : callable
        Decodes the frame with a number: (h, w, S), of its own size.

    Returns
    -------
    (H, W, S) array
        What the frame shows; 0 where nothing has been drawn.

    Raises
    ------
    ImageError
        If a frame lies outside of the picture, or lets an earlier one shine through.
    """
    if frames[index].covers(shape):
        return decode(index)
    # What a frame hides comes back after it if it is disposed of in that way.
    hides = [
        at == 0 or (frame.covers(shape) and frame.disposal != TO_PREVIOUS) for at, frame in enumerate(frames)
    ]
    start = next(at for at in range(index - 1, -1, -1) if hides[at]) if index else 0
    canvas: NDArray[Any] | None = None
    for at in range(start, index + 1):
        frame, pixels = frames[at], decode(at)
        if canvas is None:
            canvas = np.zeros(shape, pixels.dtype)
        before = canvas.copy() if frame.disposal == TO_PREVIOUS else None
        area = canvas[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
        if area.shape != pixels.shape:
            raise ImageError(f"{path} is damaged: a frame lies outside of the image.")
        area[...] = _over(path, pixels, area) if frame.is_over and shape[2] % 2 == 0 else pixels
        if at < index and frame.disposal == TO_BACKGROUND:
            area[...] = 0
        elif at < index and before is not None:
            canvas = before
    assert canvas is not None, "there is at least the frame itself"
    return canvas


def _over(path: Path, pixels: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    """Draw pixels over others that show where the upper ones are transparent."""
    opacity = pixels[:, :, -1:]
    is_opaque = opacity == np.iinfo(pixels.dtype).max
    if not (is_opaque | (opacity == 0)).all():
        raise ImageError(f"{path} has partly transparent frames: save them as separate images.")
    return np.where(is_opaque, pixels, below)
