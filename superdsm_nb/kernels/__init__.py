"""Compiled kernels: arrays in, arrays out. They import nothing else of the package except its version."""
