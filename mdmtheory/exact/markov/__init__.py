"""Exact laws of Bernoulli samplers on first-order chains: what comes out of N parallel steps, without sampling error.

Every number here is about the exact denoiser of an n-gram of order 1 or 2, any start, hard zeros, periodic or
reducible. The *marginal* law is the law of the sequences that come out; the *generative* TER judges them under the
truth. Path-law numbers are in `mdmtheory.exact.path`.

| asked | call | law | method |
|---|---|---|---|
| SER | `sequence_error_rate`, `sequence_error_curve` (all lengths), `sequence_error_table` (all lengths and steps) | marginal | exact |
| SER of long sequences | `extrapolated_sequence_error_rate`, `sequence_error_bracket`, `error_exponent` | marginal | extrapolated, bound |
| ∂SER/∂w | `sequence_error_gradient`, `differentiable_sequence_error_rate` | marginal | exact |
| SER, KL of left-to-right blocks, n-grams of any order | `left_to_right_blocks`, `left_to_right_kl` | of its plan | exact |
| SER of a few fixed sizes | `fixed_size_sequence_error_rate` | marginal | exact |
| log p(x) | `log_prob` | marginal | exact |
| KL(q‖p), forward TER | `marginal_kl`, `forward_log_ter` | marginal | exact, monte-carlo |
| generative TER, and what it is above the truth's own | `generative_log_ter`, `generative_excess`, `cross_entropy` | generative | exact |
"""  # noqa: E501

from mdmtheory.exact.markov.adjoint import differentiable_sequence_error_rate, sequence_error_gradient
from mdmtheory.exact.markov.divergence import forward_log_ter, marginal_kl
from mdmtheory.exact.markov.extrapolation import (
    error_exponent,
    extrapolated_sequence_error_rate,
    sequence_error_bracket,
)
from mdmtheory.exact.markov.fixed_sizes import fixed_size_sequence_error_rate
from mdmtheory.exact.markov.generative import cross_entropy, generative_excess, generative_log_ter
from mdmtheory.exact.markov.left_to_right import left_to_right_blocks, left_to_right_kl
from mdmtheory.exact.markov.log_probs import log_prob
from mdmtheory.exact.markov.sequence_errors import sequence_error_curve, sequence_error_rate, sequence_error_table

__all__ = [
    "cross_entropy",
    "differentiable_sequence_error_rate",
    "error_exponent",
    "extrapolated_sequence_error_rate",
    "fixed_size_sequence_error_rate",
    "forward_log_ter",
    "generative_excess",
    "generative_log_ter",
    "left_to_right_blocks",
    "left_to_right_kl",
    "log_prob",
    "marginal_kl",
    "sequence_error_bracket",
    "sequence_error_curve",
    "sequence_error_gradient",
    "sequence_error_rate",
    "sequence_error_table",
]
