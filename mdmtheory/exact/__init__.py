"""Exact numbers about samplers: no sampling error, only rounding."""

from mdmtheory.exact import markov, path

__all__ = ["markov", "path"]
