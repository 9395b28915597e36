"""Path law against marginal law: by how much the NELBO of an N-step sampler overstates the error of its sequences.

The path law is that of sequence and reveal order together, and what an N-step NELBO measures; the marginal law is that
of the sequences that come out. Where every sequence is possible the KL of the first falls as 1/N, that of the second as
1/N²; pruned languages, in which some sequences are impossible, bring back a term of order 1/N, the rate of
contradictions between tokens revealed together. `python -m experiments.laws` shows both, exactly, in about a minute.
"""

from experiments.harness import main
from experiments.laws.config import PRESETS, Config
from experiments.laws.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
