"""Compiled kernels: arrays in, arrays out; of the rest of the package nothing is imported but its version."""
