"""Exact numbers about samplers: no sampling error, only rounding.

    error   one front door: the error of a sampler, by whichever method serves

Behind it: `path` (path law from the information curve), `markov` (marginal law of first-order chains), `enumeration`
(any denoiser at small V^L), `optimal` (best schedules), `asymptotics` (long sequences, many steps),
`uniform_steps` (SER of uniform schedules at many N at once), `exponents` (how fast correct sequences grow rare).
"""

from mdmtheory.exact import asymptotics, enumeration, markov, one_round, optimal, path
from mdmtheory.exact.errors import error

__all__ = ["asymptotics", "enumeration", "error", "markov", "one_round", "optimal", "path"]
