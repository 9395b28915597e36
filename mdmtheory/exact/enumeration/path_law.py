"""The path law of any denoiser by enumeration: histories under the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from languages import Estimate, Language
from languages.checks import check_count
from mdmtheory.denoisers import Denoiser
from mdmtheory.exact.enumeration.affordable import check_affordable
from mdmtheory.exact.enumeration.enumerated_law import SMALLEST, log_table
from mdmtheory.exact.enumeration.reveals import Reveals
from mdmtheory.exact.learning_error import LearningError
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.schemes import Positions, Scheme


def path_kl(denoiser: Denoiser, language: Language, length: int, sampler: Scheme | Policy) -> Estimate:
    """Exact path KL (nats) of any denoiser, histories under the truth: the excess of its NELBO over the entropy.

    −H(q) + Σ_rounds Σ_states P(state) Σ_{i revealed} E_q[−log p_θ(x_i | state)], infinite if the denoiser excludes a
    token that the language allows. Under a policy the path is a function of the sequence, and this is KL(q ‖ p_π).

    Args:
        denoiser: Any denoiser over the tokens of the language.
        language: The true law q.
        length: L ≥ 1.
        sampler: A scheme or a policy.

    Raises:
        ValueError: More work than `MOST_WORK` in a round.
    """
    truth = _Truth(language, length)
    surprise = 0.0
    for weight, hidden, position, log_law in _true_histories(denoiser, truth, sampler):
        log_joint = truth.revealed(hidden, position)
        excluded = log_law.isneginf() & log_joint.isfinite() & (weight > 0)
        if bool(excluded.any()):
            return Estimate.exact(math.inf, law="path", unit="nats")
        surprise -= float(torch.where(log_law.isfinite(), weight * log_joint.exp() * log_law, 0.0).sum())
    value = surprise + float(torch.where(truth.table.isfinite(), truth.table.exp() * truth.table, 0.0).sum())
    return Estimate.exact(max(0.0, value), law="path", unit="nats")


def learning_error(denoiser: Denoiser, language: Language, length: int, sampler: Scheme | Policy) -> LearningError:
    """Exact error of a denoiser's conditionals along a sampler, histories under the truth: all of its ε_learning.

    `path_kl` is Σ E KL(q(x_i | state) ‖ p_θ(x_i | state)) over all that is revealed; `maximum` the largest of these KL
    over all states that the sampler visits with positive probability.

    Args:
        denoiser: Any denoiser over the tokens of the language.
        language: The true law q.
        length: L ≥ 1.
        sampler: A scheme or a policy.

    Raises:
        ValueError: More work than `MOST_WORK` in a round.
    """
    truth = _Truth(language, length)
    total, leak, largest = 0.0, 0.0, 0.0
    for weight, hidden, position, log_law in _true_histories(denoiser, truth, sampler):
        log_joint, log_context = truth.revealed(hidden, position), truth.revealed(hidden)
        possible = log_joint.isfinite()
        exact = torch.where(possible, log_joint - log_context, -math.inf)
        terms = torch.where(possible, exact.exp() * (exact - log_law), 0.0).sum(position, keepdim=True).clamp(min=0.0)
        visited = (weight > 0) & log_context.isfinite()
        if not bool(visited.any()):
            continue
        # A state too rare for a float still counts where a token is excluded there: zero times infinity is no number.
        terms, chance = terms[visited], (weight * log_context.exp()).clamp(min=SMALLEST)[visited]
        total += float((chance * terms).sum())
        largest = max(largest, float(terms.max()))
        kept = torch.where(possible, log_law, -math.inf).logsumexp(position, keepdim=True).clamp(max=0.0)
        leak -= float((chance * kept[visited]).sum())
    added = Estimate.exact(total, law="path", unit="nats")
    mean = Estimate.exact(total / truth.length, law="learned", unit="nats")
    maximum = Estimate.exact(largest, law="learned", unit="nats")
    return LearningError(added, mean, maximum, Estimate.exact(leak, law="path", unit="nats"))


def _true_histories(
    denoiser: Denoiser, truth: _Truth, sampler: Scheme | Policy
) -> Iterator[tuple[Tensor, Positions, int, Tensor]]:
    """(weight, hidden, position, log p_θ(position | state)) of everything that a sampler reveals.

    The weight of a state is the probability, given its revealed tokens, that the sampler comes by it and reveals the
    position there.
    """
    if denoiser.vocab_size != truth.vocab_size:
        raise ValueError(f"the denoiser writes {denoiser.vocab_size} tokens, {truth.name} has {truth.vocab_size}")
    steps = Reveals(denoiser, truth.length, sampler)
    states = {steps.everything: torch.ones((1,) * steps.length, dtype=torch.float64)}
    for round_index in range(steps.num_rounds):
        following: dict[Positions, Tensor] = {}
        for hidden, share in states.items():
            weights: dict[int, Tensor] = {}
            alive = (share > 0) & truth.revealed(hidden).isfinite()
            for chosen, chance in steps.reveals(round_index, hidden, alive):
                moved = share * chance
                for position in chosen:
                    weights[position] = weights[position] + moved if position in weights else moved
                left = tuple(i for i in hidden if i not in chosen)
                following[left] = following[left] + moved if left in following else moved
            for position, weight in weights.items():
                yield weight, hidden, position, steps.log_law(round_index, hidden, position)
        states = following
    steps.check_done(states)


class _Truth:
    """The log-probabilities of a language and of its partial sequences: −inf is impossible, and nothing else is."""

    def __init__(self, language: Language, length: int) -> None:
        self.length, self.vocab_size = check_count("length", length), language.vocab_size
        self.name = language.name
        check_affordable(self.vocab_size, self.length)
        self.table = log_table(language, self.length).view((self.vocab_size,) * self.length)
        self._marginals: dict[Positions, Tensor] = {(): self.table}

    def revealed(self, hidden: Positions, position: int | None = None) -> Tensor:
        """Log-probability of the tokens outside `hidden`, and of the one at `position` too."""
        away = tuple(i for i in hidden if i != position)
        if away not in self._marginals:
            self._marginals[away] = self.table.logsumexp(dim=away, keepdim=True)
        return self._marginals[away]
