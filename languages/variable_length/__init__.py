"""Languages over V*: sequences of every length, closed by an end token that nothing but itself follows."""

from languages.variable_length.ending_within import EndingWithin, ending_within
from languages.variable_length.markov import VariableLength, VariableLengthHMM, VariableLengthNGram
from languages.variable_length.padded_rows import PaddedRows, PaddedSequences
from languages.variable_length.with_end import with_end

__all__ = [
    "EndingWithin",
    "PaddedRows",
    "PaddedSequences",
    "VariableLength",
    "VariableLengthHMM",
    "VariableLengthNGram",
    "ending_within",
    "with_end",
]
