"""Synthetic fluorescence images of clustered cell nuclei together with their true labels.

Tests, examples and benchmarks get data of any size without a download.
"""

from .fields import Sample, generate

__all__ = ["Sample", "generate"]
