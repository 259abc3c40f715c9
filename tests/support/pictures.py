"""Small drawn inputs of pictures, and colours."""

from __future__ import annotations

import numpy as np

from superdsm_nb.objects import BaseObject

SHAPE = (40, 60)
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
TURQUOISE, WHITE, BLACK = (0, 255, 255), (255, 255, 255), (0, 0, 0)
SEEDS = [(10, 10), (10, 30), (10, 50), (30, 30)]


def box(top, bottom, left, right, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def where(picture, color):
    return (picture == np.array(color, np.uint8)).all(axis=2)


def drawn(mask):
    item = BaseObject()
    item.set_pixels(*np.nonzero(mask))
    return item
