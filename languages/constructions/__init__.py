"""The hard and the easy cases of the theory, each with what is known of it in closed form."""

from languages.closed_forms import ClosedForms
from languages.constructions.arithmetic_chains import ArithmeticLanguage, arithmetic_chains
from languages.constructions.block_forms import BlockForms
from languages.constructions.block_language import block_language
from languages.constructions.copy_pairs import copy_pairs
from languages.constructions.deterministic_cycle import deterministic_cycle
from languages.constructions.mds_code import mds_code
from languages.constructions.mds_forms import MDSForms
from languages.constructions.parity_blocks import parity_blocks
from languages.constructions.random_walk import random_walk
from languages.constructions.repeated_symbol import repeated_symbol
from languages.constructions.slow_topics import slow_topics
from languages.constructions.walk_forms import WalkForms

__all__ = [
    "ArithmeticLanguage",
    "BlockForms",
    "ClosedForms",
    "MDSForms",
    "WalkForms",
    "arithmetic_chains",
    "block_language",
    "copy_pairs",
    "deterministic_cycle",
    "mds_code",
    "parity_blocks",
    "random_walk",
    "repeated_symbol",
    "slow_topics",
]
