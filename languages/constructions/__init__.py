"""The hard and the easy cases of the theory, each with what is known of it in closed form."""

from languages.constructions.copy_pairs import copy_pairs

__all__ = ["copy_pairs"]
