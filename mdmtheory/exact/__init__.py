"""Exact numbers about samplers: no sampling error, only rounding.

    error         one front door: the error of a sampler, by whichever method serves
    steps_needed  how many steps reach a target

Behind it: `path` (path law from the information curve), `markov` (marginal law of first-order chains), `enumeration`
(any denoiser at small V^L), `optimal` (best schedules), `asymptotics` (long sequences, many steps),
`uniform_steps` (SER of uniform schedules at many N at once), `exponents` (how fast correct sequences grow rare).
"""

from mdmtheory.exact import asymptotics, enumeration, markov, optimal, path
from mdmtheory.exact.front_door import error
from mdmtheory.exact.steps import StepsNeeded, steps_needed

__all__ = ["StepsNeeded", "asymptotics", "enumeration", "error", "markov", "optimal", "path", "steps_needed"]
