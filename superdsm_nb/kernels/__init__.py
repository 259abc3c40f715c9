"""Compiled kernels: arrays in, arrays out; nothing here imports anything else of the package."""
