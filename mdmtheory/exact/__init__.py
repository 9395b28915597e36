"""Exact numbers about samplers: no sampling error, only rounding."""

from mdmtheory.exact import path

__all__ = ["path"]
