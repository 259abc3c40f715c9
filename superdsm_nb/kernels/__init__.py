"""Compiled kernels: arrays in, arrays out."""

from . import _settings  # first of all: it imports Numba, and keeps it from the working folder

__all__ = ["_settings"]
