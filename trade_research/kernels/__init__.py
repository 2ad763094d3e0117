"""Compiled loops: arrays in, arrays out. `jit` is the one door to Numba."""
