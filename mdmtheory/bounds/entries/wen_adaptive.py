"""Wen, Liang, Lu 2608.25505: what the batches of an adaptive policy cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Estimate, Language, language_from
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, SMALL_HMM, affordable, describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.policies import Confidence, EntropyBudget, Margin, Policy, Threshold, policy_rounds


class WenAdaptive(Entry):
    """A deterministic policy has one path a sequence, and pays the total correlation of what it reveals together."""

    id = "wen-adaptive"
    statement = "deterministic adaptive policy: KL(q||p) = E_q sum_t TC(X_{S_t} | x_{C_t})"
    citation = "Wen, Liang, Lu 2608.25505; DUEL 2603.01367"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate; a deterministic policy with the exact denoiser"

    def check(self, language: Language, length: int, policy: Policy) -> Verdict:
        """KL of the enumerated law of what comes out against the total correlation of batches in the table of q.

        Args:
            language: Any language.
            length: L.
            policy: What picks the next positions.
        """
        self.require(isinstance(policy, Policy) and policy.one_path, f"{policy!r} is no deterministic policy")
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        left = enumeration.law(Oracle(language), length, policy).kl(language)
        words = enumeration.sequences(language.vocab_size, length)
        probs = language.log_prob(words.to(language.device)).exp().cpu()
        words, probs = words[probs > 0], probs[probs > 0]
        rounds = policy_rounds(Oracle(language), policy, words.to(language.device)).cpu()
        value = _expected_total_correlation(words, probs, rounds)
        part = Comparison("KL(q||p)", left, "==", Estimate.exact(value, law="marginal", unit="nats"))
        mean = float(probs @ (rounds.amax(1) + 1).double())
        return self.verdict(describe(language, length, policy), part, notes=[f"{mean:.4g} rounds on average"])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain, hidden = language_from(SMALL_CHAIN), language_from(SMALL_HMM)
        for policy in (Confidence(2), Margin(2), Threshold(0.5), EntropyBudget(0.7)):
            yield {"language": chain, "length": 5, "policy": policy}
        yield {"language": hidden, "length": 5, "policy": Confidence(2)}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for policy in (Confidence(2), Threshold(0.5), EntropyBudget(0.7)):
            yield {"language": language, "length": length, "policy": policy}


def _expected_total_correlation(
    words: Int[Tensor, "S L"], probs: Float[Tensor, " S"], rounds: Int[Tensor, "S L"]
) -> float:
    """E_q Σ_t TC(X_{S_t} | x_{C_t}), nats: batches of words that share their past, each from the words alone."""
    total = 0.0
    for step in range(int(rounds.max()) + 1):
        before, now = rounds < step, rounds == step
        past = torch.where(before, words, -1)
        _, group = torch.cat([past, now.long()], 1).unique(dim=0, return_inverse=True)
        for index in range(int(group.max()) + 1):
            rows = group == index
            batch, law = words[rows][:, now[rows][0]], probs[rows]
            if batch.shape[1] < 2:
                continue
            singles = [_entropy(batch[:, [i]], law) for i in range(batch.shape[1])]
            total += float(law.sum()) * (sum(singles) - _entropy(batch, law))
    return total


def _entropy(words: Int[Tensor, "S K"], weights: Float[Tensor, " S"]) -> float:
    """Entropy (nats) of weighted words, whose weights are normalised first."""
    _, which = words.unique(dim=0, return_inverse=True)
    law = torch.zeros(int(which.max()) + 1, dtype=torch.float64).index_add_(0, which, weights / weights.sum())
    return float(torch.special.entr(law).sum())
