"""Processes for which permissions count, whoever starts them."""

from __future__ import annotations

import ctypes
import os

DROP_FROM_BOUNDING_SET, OVERRIDE_PERMISSIONS = 24, 1  # prctl and capability of Linux


def as_an_ordinary_user():
    """Let permissions count for the superuser, too; to be called between fork and exec."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(DROP_FROM_BOUNDING_SET, OVERRIDE_PERMISSIONS, 0, 0, 0) == 0
