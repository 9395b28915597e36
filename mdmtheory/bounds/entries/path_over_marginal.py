"""The law of what comes out against the law along the path."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language, NGramLanguage, language_from
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, affordable, describe, enumerated_path_kl
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes, Scheme


class PathOverMarginal(Entry):
    """A sampler's output is better than its NELBO says."""

    id = "path-over-marginal"
    statement = "marginal KL < path KL: Bernoulli, unless q is a product; fixed sizes, unless p(x|tau) ignores tau"
    citation = "derived here"
    trust = ("D",)
    kind = "bound"
    assumptions = "V^L small enough to enumerate; L >= 2; at least two steps with w_k > 0; Bernoulli or fixed sizes"

    caveats = ("strict or not is all that is claimed; there is no constant",)

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
