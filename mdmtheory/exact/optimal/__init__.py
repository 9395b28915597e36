"""Best schedules: how to spend N parallel steps, for the path law and for whole sequences.

| least | among | call | needs |
|---|---|---|---|
| path KL | fixed sizes | `best_sizes` | the information curve Z |
| path KL | Bernoulli reveals | `best_reveal` | the information curve h |
| SER | Bernoulli reveals | `lowest_sequence_error_reveal` | a first-order chain, or a closed form of the SER |
| either, to first order | Bernoulli reveals | `density_reveal` of √h' or √g | the slope of h, the conflict curve g |

The path law is what an N-step NELBO measures, SER is about the sequences that come out: their best schedules differ
where h' and g do.
"""

from mdmtheory.exact.optimal.densities import Curve, density_reveal
from mdmtheory.exact.optimal.path_law import best_reveal, best_sizes, fixed_size_path_kl
from mdmtheory.exact.optimal.sequence_error import LowestSequenceError, lowest_sequence_error_reveal

__all__ = [
    "Curve",
    "LowestSequenceError",
    "best_reveal",
    "best_sizes",
    "density_reveal",
    "fixed_size_path_kl",
    "lowest_sequence_error_reveal",
]
