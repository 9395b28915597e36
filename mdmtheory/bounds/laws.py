"""How the laws of one sampler are related: errors of sequences, of tokens, along the path and in the end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Estimate, Language, NGramLanguage, language_from
from languages.information import information_curve
from mdmtheory.bounds.entry import Comparison, Entry, Verdict, claimed
from mdmtheory.bounds.sides import SMALL_CHAIN, SMALL_HMM, affordable, describe, enumerated_path_kl
from mdmtheory.denoisers import Denoiser, Oracle, PerturbedOracle, traits_of
from mdmtheory.exact import enumeration
from mdmtheory.samplers.policies import Confidence, Policy
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes, RandomOrder, Scheme


class SerKl(Entry):
    """An error of sequences costs divergence: whoever is wrong half of the time pays a bit."""

    id = "ser-kl"
    statement = "SER <= 1 - exp(-KL(q||p)); KL = -ln(1 - SER) + KL(q || p(.|support))"
    citation = "standard, by data processing; the equality derived here"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "V^L small enough to enumerate"

    def check(
        self, language: Language, length: int, sampler: Scheme | Policy, *, denoiser: Denoiser | None = None
    ) -> Verdict:
        """Exact SER against exact KL of the marginal law.

        Args:
            language: Any language.
            length: L.
            sampler: Any scheme or policy.
            denoiser: Any denoiser; None for the exact one.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        law = enumeration.law(denoiser or Oracle(language), length, sampler)
        ser, kl = law.sequence_error_rate(language), law.kl(language)
        bound = claimed(-math.expm1(-kl.value), unit="probability", law="marginal")
        parts = [Comparison("SER", ser, "<=", bound)]
        if ser.value < 1 and math.isfinite(kl.value):
            truth = language.log_prob(enumeration.sequences(language.vocab_size, length)).exp().cpu()
            inside = truth > 0
            given = law.probs[inside] / law.probs[inside].sum()
            rest = float((truth[inside] * (truth[inside] / given).log()).sum())
            whole = Estimate.exact(-math.log1p(-ser.value) + rest, unit="nats", law="marginal")
            parts.append(Comparison("KL, split", kl, "==", whole))
        return self.verdict(describe(language, length, sampler, denoiser), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from(SMALL_CHAIN)
        yield {"language": chain, "length": 5, "sampler": Bernoulli.uniform(3)}
        yield {"language": chain, "length": 4, "sampler": Confidence(2), "denoiser": PerturbedOracle(chain, 0.05)}
        yield {"language": language_from(SMALL_HMM), "length": 4, "sampler": FixedSizes([2, 2])}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "sampler": Bernoulli([0.5, 0.5])}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for sampler in (Bernoulli.uniform(4), Confidence(2)):
            yield {"language": language, "length": length, "sampler": sampler}


class PathOverMarginal(Entry):
    """A sampler's output is better than its NELBO says."""

    id = "path-over-marginal"
    statement = "marginal KL < path KL: Bernoulli, unless q is a product; fixed sizes, unless p(x|tau) ignores tau"
    citation = "derived here"
    trust = ("D",)
    kind = "bound"
    assumptions = "V^L small enough to enumerate; L >= 2; at least two steps with w_k > 0; Bernoulli or fixed sizes"

    def check(self, language: Language, length: int, scheme: Scheme) -> Verdict:
        """Exact marginal KL against exact path KL, strictly where the statement says so and equal where not.

        Args:
            language: Any language.
            length: L ≥ 2.
            scheme: `Bernoulli` or `FixedSizes`.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        self.require(length >= 2, f"L = {length}: one token has one reveal order")
        left = enumeration.law(Oracle(language), length, scheme).kl(language)
        right = enumerated_path_kl(language, length, scheme)
        if isinstance(scheme, Bernoulli):
            self.require(sum(weight > 0 for weight in scheme.reveal) >= 2, "one step alone has one path")
            total = information_curve(language, length).total_correlation
            strict, why = total > 1e-6, f"total correlation {total:.4g}"
        else:
            self.require(isinstance(scheme, FixedSizes), f"{scheme!r} is neither Bernoulli nor of fixed sizes")
            assert isinstance(scheme, FixedSizes)
            spread = _spread(language, length, scheme)
            strict, why = spread > 1e-3, f"p(x|tau) varies with tau by a factor of up to {math.exp(spread):.4g}"
        what = "marginal KL below path KL" if strict else "marginal KL equal to path KL"
        part = Comparison(what, left, "<" if strict else "==", right, tolerance=1e-6)
        return self.verdict(describe(language, length, scheme), part, notes=[why])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from(SMALL_CHAIN)
        for scheme in (Bernoulli.uniform(2), Bernoulli.uniform(16), FixedSizes([2, 2])):
            yield {"language": chain, "length": 4, "scheme": scheme}
        yield {"language": NGramLanguage([0.2, 0.8], name="coin"), "length": 4, "scheme": Bernoulli.uniform(3)}
        for name in ("parity:block=4", "cycle:symbols=3"):
            yield {"language": language_from(name), "length": 4, "scheme": FixedSizes([1, 3])}
            yield {"language": language_from(name), "length": 4, "scheme": Bernoulli.uniform(3)}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for scheme in (Bernoulli.uniform(4), FixedSizes([length // 2, length - length // 2])):
            yield {"language": language, "length": length, "scheme": scheme}


class Fhs(Entry):
    """Discretisation error can be had for nothing at L evaluations."""

    id = "fhs"
    statement = "first-hitting sampler: L evaluations give the continuous-time law exactly, with an exact denoiser q"
    citation = "2409.02908; the distance to a grid of N steps derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate; a denoiser that ignores the time"

    def check(self, language: Language, length: int, *, denoiser: Denoiser | None = None, steps: int = 32) -> Verdict:
        """The law of one position at a time against q, and against the limit of many uniform steps.

        N uniform steps reveal all positions in rounds of their own with probability Π_j (1 − j/N), and then they are
        this sampler: TV(N steps, first hitting) is at most the rest.

        Args:
            language: Any language.
            length: L.
            denoiser: A denoiser that ignores the time, here the oracle (None) or a perturbed one.
            steps: N of the comparison with a grid.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        self.require(denoiser is None or not traits_of(denoiser).reads_time, f"{denoiser!r} may look at the time")
        used = denoiser or Oracle(language)
        scheme = RandomOrder()
        law = enumeration.law(used, length, scheme)
        parts = [
            Comparison(
                "evaluations",
                Estimate.exact(scheme.num_rounds(length), unit="calls"),
                "==",
                Estimate.exact(length, unit="calls"),
            )
        ]
        if denoiser is None:
            nothing = Estimate.exact(0.0, law="marginal", unit="nats")
            parts.insert(0, Comparison("KL(q||p)", law.kl(language), "==", nothing))
        grid = enumeration.law(used, length, Bernoulli.uniform(steps)).probs
        apart = Estimate.exact(float((grid - law.probs).abs().sum() / 2), law="marginal", unit="probability")
        together = -math.expm1(sum(math.log1p(-j / steps) for j in range(length))) if steps >= length else 1.0
        parts.append(
            Comparison(
                f"TV to {steps} uniform steps", apart, "<=", claimed(together, law="marginal", unit="probability")
            )
        )
        return self.verdict(describe(language, length, denoiser), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain, hidden = language_from(SMALL_CHAIN), language_from(SMALL_HMM)
        yield {"language": chain, "length": 5}
        yield {"language": hidden, "length": 4}
        yield {"language": chain, "length": 4, "denoiser": PerturbedOracle(chain, 0.05)}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


def _spread(language: Language, length: int, scheme: FixedSizes) -> float:
    """Largest max_τ ln p(x|τ) − min_τ ln p(x|τ) over the sequences of the language, by enumeration of all τ."""
    truth = language.log_prob(enumeration.sequences(language.vocab_size, length)).exp().cpu()
    table = truth.view((language.vocab_size,) * length)
    rounds = [k for k, size in enumerate(scheme.sizes) for _ in range(size)]
    scheme.num_rounds(length)
    logs = [_log_given_order(table, order) for order in sorted(set(itertools.permutations(rounds)))]
    values = torch.stack(logs)[:, table > 0]
    return float((values.amax(0) - values.amin(0)).max())


def _log_given_order(table: Float[Tensor, "*V"], rounds: tuple[int, ...]) -> Float[Tensor, "*V"]:
    """Ln p(x|τ) of the exact denoiser, from the table of q."""
    total = torch.zeros_like(table)
    for position, step in enumerate(rounds):
        away = [i for i, other in enumerate(rounds) if other >= step and i != position]
        joint = table.sum(dim=away, keepdim=True) if away else table
        total = total + torch.where(joint > 0, joint / joint.sum(dim=position, keepdim=True), 1.0).log()
    return total
