"""What remasking keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Estimate, Language, language_from
from languages.checks import check_count, check_fraction
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import describe
from mdmtheory.bounds.kernel_sides import ROUNDING, noisy_law, nothing, require_enumerable
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Oracle
from mdmtheory.diffusion.processes import Absorbing
from mdmtheory.exact.enumeration.chains import Chain
from mdmtheory.samplers.draws.decoding import PLAIN
from mdmtheory.samplers.kernels import ReMDMRescale
from mdmtheory.samplers.kernels.remasking import step_from_leaving


class RemdmMarginals(Entry):
    """Remasking keeps the law of every single position for one step, and for one step only."""

    id = "remdm-marginals"
    statement = "q_sigma keeps q(x_t|x_0) for sigma <= min(1, (1-alpha_s)/alpha_t); a sampler keeps marginals one step"
    citation = "2503.00307, eq. 5; one step only: derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "n-gram or HMM; (V+1)^(2L) small enough to enumerate; steps N >= 2; 0 <= scale <= 1"

    def check(self, language: Language, length: int, *, steps: int = 4, scale: float = 1.0) -> Verdict:
        """Laws of single positions, exactly: given x_0; after one step from the exact law; over a whole run.

        Args:
            language: An n-gram or a hidden Markov model.
            length: L.
            steps: N.
            scale: σ = scale · σ_max.
        """
        require_enumerable(self, language, length)
        check_fraction("scale", scale)
        self.require(check_count("steps", steps) >= 2, "one step has nothing to remask")
        size = language.vocab_size
        kernel = ReMDMRescale(Absorbing(size), steps, scale=scale)
        chain = Chain(Oracle(language), kernel, torch.full((length,), size), PLAIN)
        conditioned, stepped, drift = 0.0, 0.0, 0.0
        mass = kernel.process.base()[chain.states].prod(1)
        for step in range(steps):
            time_from, time_to = kernel.times[step : step + 1], kernel.times[step + 1 : step + 2]
            before, after = float(kernel.alpha(time_from)), float(kernel.alpha(time_to))
            # Given x_0 = 0: a hole or the token, one step of q_σ from q(x_t | x_0).
            certain = torch.full((2, 1, size), -torch.inf, dtype=torch.float64)
            certain[..., 0] = 0.0
            places = torch.tensor([[0], [size]])
            leave = kernel.leave_probs(kernel.step(places, time_from.expand(2), time_to.expand(2)))
            law = (
                torch.tensor([before, 1 - before], dtype=torch.float64)
                @ step_from_leaving(certain, places, leave)[:, 0]
            )
            conditioned = max(conditioned, abs(float(law[0]) - after), abs(float(law[-1]) - 1 + after))
            exact, target = noisy_law(language, chain.states, before), noisy_law(language, chain.states, after)
            wanted = _positions(chain.states, target, size)
            once = _positions(chain.states, chain.step(exact, step), size)
            stepped = max(stepped, float((once - wanted).abs().max()))
            mass = chain.step(mass, step)
            drift = max(drift, float((_positions(chain.states, mass, size) - wanted).abs().max()))
        unit = "probability"
        parts = (
            Comparison("q(x_s|x_0) after a step", Estimate.exact(conditioned, unit=unit), "==", nothing(), ROUNDING),
            Comparison("single positions, one step", Estimate.exact(stepped, unit=unit), "==", nothing(), ROUNDING),
            Comparison("single positions over a run: drift", Estimate.exact(drift, unit=unit), "beside", nothing()),
        )
        return self.verdict(
            describe(language, length, f"N={steps}, scale={scale:g}"), *parts, notes=[f"drift {drift:.3g}"]
        )

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram:vocab=3,seed=0,prune=0.2")
        for scale in (0.0, 0.5, 1.0):
            yield {"language": chain, "length": 3, "scale": scale}
        hidden = language_from("hmm:states=3,vocab=2,seed=1,prune=0.3,concentration=1")
        yield {"language": hidden, "length": 4, "steps": 3}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


def _positions(states: Int[Tensor, "S L"], mass: Float[Tensor, " S"], vocab_size: int) -> Float[Tensor, "L n"]:
    """Law of each position."""
    one_hot = torch.nn.functional.one_hot(states, vocab_size + 1).double()
    return torch.einsum("s,sln->ln", mass, one_hot)
