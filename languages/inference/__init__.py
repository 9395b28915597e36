"""Exact inference with hidden positions: the general recursion, its shortcuts, compiled kernels and samplers."""
