"""Exact laws of samplers by enumeration of all states: any denoiser, trained networks included, at small V^L.

A state is a sequence with holes; one round maps the law on states to the next one, because tokens revealed together
are independent given the state. Everything is float64 and without sampling error.

    law             the marginal law, of the sequences that come out, and its errors
    path_kl         the path law, of sequence and reveal order together
    learning_error  what the denoiser's own error contributes to the path law

Legend: a table on states with holes at H has L axes, V long where a position is revealed and 1 long where it is in H.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Estimate, Language
from languages.checks import check_count
from mdmtheory.denoisers import Denoiser, Oracle
from mdmtheory.estimates.learning import LearningError
from mdmtheory.samplers.policies import Policy, chosen_positions
from mdmtheory.samplers.schemes import Positions, Scheme

MOST_WORK = 1 << 28
"""Products that one enumeration may compute in a round before it is refused; some seconds each."""
MOST_KEPT = 1 << 20
"""Products that are kept from round to round for a denoiser that ignores the time."""
ROWS_PER_CALL = 1 << 14
"""Sequences that go to the denoiser at once."""


@dataclasses.dataclass(frozen=True)
class EnumeratedLaw:
    """The exact law of what a sampler writes, and its errors against a language.

    Attributes:
        probs: (V^L,) probability of each sequence, in lexicographic order (float64).
        vocab_size: V.
        length: L.
    """

    probs: Float[Tensor, " S"]
    vocab_size: int
    length: int

    def sequence_error_rate(self, language: Language) -> Estimate:
        """SER = p(not in the language), exact."""
        outside = self.probs[self._truth(language) == 0].sum()
        return Estimate.exact(float(outside), law="marginal", unit="probability")

    def kl(self, language: Language) -> Estimate:
        """KL(q ‖ p) in nats for the whole sequence, exact; infinite if p misses a sequence of the language."""
        truth = self._truth(language)
        inside = truth > 0
        terms = truth[inside] * (truth[inside].log() - self.probs[inside].log())
        return Estimate.exact(max(0.0, float(terms.sum())), law="marginal", unit="nats")

    def ter_increase(self, language: Language) -> Estimate:
        """TER(p)/TER(q) − 1 = exp(KL(q ‖ p)/L) − 1, exact."""
        return self.kl(language).mapped(lambda nats: math.expm1(nats / self.length), unit="ratio")

    def total_variation(self, language: Language) -> Estimate:
        """½ Σ_x |p(x) − q(x)|, exact."""
        distance = (self.probs - self._truth(language)).abs().sum() / 2
        return Estimate.exact(float(distance), law="marginal", unit="probability")

    def generative_ter(self, language: Language) -> Estimate:
        """exp(E_{x~p}[−log q(x)]/L), exact: q is the unpruned parent of the language, else the language itself.

        Infinite as soon as p writes something impossible there.
        """
        log_probs = _log_table(language.parent or language, self.length)
        written = self.probs > 0
        surprise = -(self.probs[written] * log_probs[written]).sum() / self.length
        return Estimate.exact(math.exp(surprise), law="generative", unit="perplexity")

    def _truth(self, language: Language) -> Float[Tensor, " S"]:
        if language.vocab_size != self.vocab_size:
            raise ValueError(f"the law is over {self.vocab_size} tokens, {language.name} over {language.vocab_size}")
        return _log_table(language, self.length).exp()

    def __repr__(self) -> str:
        return f"EnumeratedLaw({len(self.probs):,} sequences, V={self.vocab_size}, L={self.length})"


def law(denoiser: Denoiser, length: int, sampler: Scheme | Policy) -> EnumeratedLaw:
    """Exact law of the sequences that a denoiser writes under a scheme or a policy.

    Cost: in each round up to (2V + 1)^L products and (V + 1)^L sequences through the denoiser.

    Args:
        denoiser: Any denoiser over V tokens.
        length: L ≥ 1.
        sampler: Who is revealed when (`mdmtheory.samplers.schemes`), or what picks the next positions from the
            denoiser's answer (`mdmtheory.samplers.policies`).

    Raises:
        ValueError: More work than `MOST_WORK` in a round.
    """
    steps = _Steps(denoiser, length, sampler)
    states = {steps.everything: torch.ones((1,) * steps.length, dtype=torch.float64)}
    for round_index in range(steps.num_rounds):
        following: dict[Positions, Tensor] = {}
        for hidden, mass in states.items():
            for chosen, chance in steps.reveals(round_index, hidden, alive=mass > 0):
                joined = mass * chance
                if chosen:
                    joined = joined * steps.joint_law(round_index, hidden, chosen)
                left = tuple(i for i in hidden if i not in chosen)
                following[left] = following[left] + joined if left in following else joined
        states = following
    steps.check_done(states)
    return EnumeratedLaw(states[()].reshape(-1), denoiser.vocab_size, steps.length)


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
        joint = weight * truth.revealed(hidden, position)
        surprise -= float(torch.where(joint > 0, joint * log_law, 0.0).sum())
    everything = truth.table[truth.table > 0]
    value = surprise + float(everything @ everything.log())
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
    total, largest = 0.0, 0.0
    for weight, hidden, position, log_law in _true_histories(denoiser, truth, sampler):
        joint, context = truth.revealed(hidden, position), truth.revealed(hidden)
        exact = torch.where(joint > 0, joint / context, 1.0).log()
        terms = torch.where(joint > 0, joint * (exact - log_law), 0.0).sum(position, keepdim=True).clamp(min=0.0)
        total += float((weight * terms).sum())
        visited = (weight > 0) & (context > 0)
        largest = max(largest, float(torch.where(visited, terms / context, 0.0).max()))
    added = Estimate.exact(total, law="path", unit="nats")
    mean = Estimate.exact(total / truth.length, law="learned", unit="nats")
    return LearningError(added, mean, Estimate.exact(largest, law="learned", unit="nats"))


def check_affordable(vocab_size: int, length: int) -> None:
    """Refuse an enumeration that would not end in sensible time.

    Raises:
        ValueError: (2V + 1)^L above `MOST_WORK`.
    """
    longest = int(math.log(MOST_WORK) / math.log(2 * vocab_size + 1))
    if length > longest:
        raise ValueError(
            f"enumerating V={vocab_size}, L={length} takes {2 * vocab_size + 1}^{length} products a round, more than "
            f"{MOST_WORK:.1e}; with {vocab_size} tokens lengths up to {longest} can be enumerated"
        )


def sequences(vocab_size: int, length: int) -> Int[Tensor, "S L"]:
    """All V^L sequences in lexicographic order."""
    places = vocab_size ** torch.arange(length - 1, -1, -1)
    return torch.arange(vocab_size**length)[:, None] // places % vocab_size


def _true_histories(
    denoiser: Denoiser, truth: _Truth, sampler: Scheme | Policy
) -> Iterator[tuple[Tensor, Positions, int, Tensor]]:
    """(weight, hidden, position, log p_θ(position | state)) of everything that a sampler reveals.

    The weight of a state is the probability, given its revealed tokens, that the sampler comes by it and reveals the
    position there.
    """
    if denoiser.vocab_size != truth.vocab_size:
        raise ValueError(f"the denoiser writes {denoiser.vocab_size} tokens, {truth.name} has {truth.vocab_size}")
    steps = _Steps(denoiser, truth.length, sampler)
    states = {steps.everything: torch.ones((1,) * steps.length, dtype=torch.float64)}
    for round_index in range(steps.num_rounds):
        following: dict[Positions, Tensor] = {}
        for hidden, share in states.items():
            weights: dict[int, Tensor] = {}
            alive = (share > 0) & (truth.revealed(hidden) > 0)
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
    """The table of a language and its marginals."""

    def __init__(self, language: Language, length: int) -> None:
        self.length, self.vocab_size = check_count("length", length), language.vocab_size
        self.name = language.name
        check_affordable(self.vocab_size, self.length)
        self.table = _log_table(language, self.length).exp().view((self.vocab_size,) * self.length)
        self._marginals: dict[Positions, Tensor] = {(): self.table}

    def revealed(self, hidden: Positions, position: int | None = None) -> Tensor:
        """Probability of the tokens outside `hidden`, and of the one at `position` too."""
        away = tuple(i for i in hidden if i != position)
        if away not in self._marginals:
            self._marginals[away] = self.table.sum(dim=away, keepdim=True)
        return self._marginals[away]


class _Steps:
    """What a sampler may do next in each state, and what the denoiser says there."""

    def __init__(self, denoiser: Denoiser, length: int, sampler: Scheme | Policy) -> None:
        self.denoiser, self.length, self.sampler = denoiser, check_count("length", length), sampler
        check_affordable(denoiser.vocab_size, self.length)
        # The oracles ignore the time: what they said in an earlier round they would say again.
        self.time_free = isinstance(denoiser, Oracle)
        # A policy reveals something in every round.
        self.num_rounds = sampler.num_rounds(self.length) if isinstance(sampler, Scheme) else self.length
        self.everything = tuple(range(self.length))
        self._round = 0
        self._answers: dict[Positions, Tensor] = {}
        self._joint: dict[tuple[Positions, Positions], Tensor] = {}

    def reveals(self, round_index: int, hidden: Positions, alive: Tensor) -> Iterator[tuple[Positions, float | Tensor]]:
        """The sets of positions that may be revealed, each with its probability in every state alive."""
        if isinstance(self.sampler, Scheme):
            yield from self.sampler.choices(round_index, hidden, self.length)
            return
        if not hidden:
            yield (), 1.0
            return
        log_probs, tokens = self._answer(round_index, hidden), self._tokens(hidden)
        chosen = chosen_positions(self.sampler, tokens, log_probs)
        shape = [1 if i in hidden else self.denoiser.vocab_size for i in range(self.length)]
        patterns, which = chosen[alive.reshape(-1)].unique(dim=0, return_inverse=True)
        for k, pattern in enumerate(patterns):
            takes = torch.zeros(len(tokens), dtype=torch.float64)
            takes[alive.reshape(-1)] = (which == k).double()
            yield tuple(int(i) for i in pattern.nonzero()[:, 0]), takes.view(shape)

    def log_law(self, round_index: int, hidden: Positions, position: int) -> Tensor:
        """Log-law of a hidden position in every state, with V entries along the axis of the position."""
        said = self._answer(round_index, hidden)[:, position]
        shape = [1 if i in hidden else self.denoiser.vocab_size for i in range(self.length)]
        return said.view(*shape, -1).transpose(position, -1).squeeze(-1)

    def joint_law(self, round_index: int, hidden: Positions, chosen: Positions) -> Tensor:
        """Product of the laws of hidden positions in every state, with V entries along the axis of each."""
        if (hidden, chosen) in self._joint:
            return self._joint[hidden, chosen]
        last = self.log_law(round_index, hidden, chosen[-1]).exp()
        product = self.joint_law(round_index, hidden, chosen[:-1]) * last if len(chosen) > 1 else last
        if self.time_free and (2 * self.denoiser.vocab_size + 1) ** self.length <= MOST_KEPT:
            self._joint[hidden, chosen] = product
        return product

    def check_done(self, states: dict[Positions, Tensor]) -> None:
        """Refuse a scheme that stops too early."""
        if set(states) != {()}:
            raise ValueError(f"{self.sampler!r} leaves positions hidden after its {self.num_rounds} rounds")

    def _tokens(self, hidden: Positions) -> Int[Tensor, "S L"]:
        """All states with these holes, in lexicographic order."""
        revealed = [i for i in range(self.length) if i not in hidden]
        tokens = torch.full((self.denoiser.vocab_size ** len(revealed), self.length), self.denoiser.mask_id)
        tokens[:, revealed] = sequences(self.denoiser.vocab_size, len(revealed))
        return tokens

    @torch.no_grad()
    def _answer(self, round_index: int, hidden: Positions) -> Float[Tensor, "S L V"]:
        """What the denoiser says in all states with these holes."""
        if round_index != self._round and not self.time_free:
            self._answers.clear()
        self._round = round_index
        if hidden not in self._answers:
            parts = []
            time = len(hidden) / self.length
            if isinstance(self.sampler, Scheme):
                time = self.sampler.time(round_index, hidden, self.length)
            for tokens in self._tokens(hidden).to(self.denoiser.device).split(ROWS_PER_CALL):
                times = torch.full((len(tokens),), time, dtype=torch.float64, device=tokens.device)
                # The sampler draws from what is given, renormalised in float64.
                parts.append(self.denoiser(tokens, times).double().log_softmax(-1).cpu())
            self._answers[hidden] = torch.cat(parts)
        return self._answers[hidden]


@functools.lru_cache(maxsize=16)
def _log_table(language: Language, length: int) -> Float[Tensor, " S"]:
    """(V^L,) log-probability of every sequence under the language."""
    return language.log_prob(sequences(language.vocab_size, length).to(language.device)).cpu()
