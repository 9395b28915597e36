"""Exact laws of samplers by enumeration of all states: any denoiser, trained networks included, at small V^L.

A state is a sequence with holes; one round maps the law on states to the next one, because tokens revealed together
are independent given the state. Everything is float64 and without sampling error; the law is the marginal one, of the
sequences that come out.
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
from mdmtheory.denoisers import Denoiser
from mdmtheory.samplers.schemes import Positions, Scheme

MOST_WORK = 1 << 28
"""Products that one enumeration may compute in a round before it is refused; some seconds each."""
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


def law(denoiser: Denoiser, length: int, scheme: Scheme) -> EnumeratedLaw:
    """Exact law of the sequences that a denoiser writes under a scheme.

    Cost: in each round up to (2V + 1)^L products and (V + 1)^L sequences through the denoiser.

    Args:
        denoiser: Any denoiser over V tokens.
        length: L ≥ 1.
        scheme: Who is revealed when; see `mdmtheory.samplers.schemes`.

    Raises:
        ValueError: More work than `MOST_WORK` in a round.
    """
    length, vocab_size = check_count("length", length), denoiser.vocab_size
    check_affordable(vocab_size, length)
    everything = tuple(range(length))
    states = {everything: torch.ones(1, dtype=torch.float64)}
    for round_index in range(scheme.num_rounds(length)):
        following: dict[Positions, Tensor] = {}
        for hidden, mass in states.items():
            for chosen, chance, conditionals in _reveals(denoiser, scheme, round_index, hidden, mass, length):
                left = tuple(i for i in hidden if i not in chosen)
                joined = _join(mass * chance, conditionals, hidden, chosen, vocab_size, length)
                following[left] = following[left] + joined if left in following else joined
        states = following
    if set(states) != {()}:
        raise ValueError(f"{scheme!r} leaves positions hidden after its {scheme.num_rounds(length)} rounds")
    return EnumeratedLaw(states[()], vocab_size, length)


def check_affordable(vocab_size: int, length: int) -> None:
    """Refuse an enumeration that would not end in sensible time.

    Raises:
        ValueError: (2V + 1)^L above `MOST_WORK`.
    """
    work = (2 * vocab_size + 1) ** length
    if work > MOST_WORK:
        longest = int(math.log(MOST_WORK) / math.log(2 * vocab_size + 1))
        raise ValueError(
            f"enumerating V={vocab_size}, L={length} takes {work:.1e} products a round, more than {MOST_WORK:.1e}; "
            f"with {vocab_size} tokens lengths up to {longest} can be enumerated"
        )


def sequences(vocab_size: int, length: int) -> Int[Tensor, "S L"]:
    """All V^L sequences in lexicographic order."""
    places = vocab_size ** torch.arange(length - 1, -1, -1)
    return torch.arange(vocab_size**length)[:, None] // places % vocab_size


def _reveals(
    denoiser: Denoiser, scheme: Scheme, round_index: int, hidden: Positions, mass: Float[Tensor, " S"], length: int
) -> Iterator[tuple[Positions, float, Float[Tensor, "S K V"]]]:
    """(positions, probability, conditionals (S, |positions|, V)) of each reveal a round may make from these states."""
    options = list(scheme.choices(round_index, hidden, length))
    needed = sorted({position for chosen, _ in options for position in chosen})
    time = scheme.time(round_index, hidden, length)
    conditionals = _conditionals(denoiser, hidden, tuple(needed), time, mass, length)
    place = {position: k for k, position in enumerate(needed)}
    for chosen, chance in options:
        yield chosen, chance, conditionals[:, [place[position] for position in chosen]]


def _conditionals(
    denoiser: Denoiser, hidden: Positions, needed: Positions, time: float, mass: Float[Tensor, " S"], length: int
) -> Float[Tensor, "S H V"]:
    """Conditional laws of the needed positions in every state with these holes; zeros where the state has no mass."""
    revealed = [i for i in range(length) if i not in hidden]
    result = torch.zeros(len(mass), len(needed), denoiser.vocab_size, dtype=torch.float64)
    alive = mass.nonzero()[:, 0]
    if not needed:
        return result
    for rows in alive.split(ROWS_PER_CALL):
        tokens = torch.full((len(rows), length), denoiser.mask_id)
        tokens[:, revealed] = sequences(denoiser.vocab_size, len(revealed))[rows]
        at = torch.zeros_like(tokens, dtype=torch.bool)
        at[:, list(needed)] = True
        times = torch.full((len(rows),), time, dtype=torch.float64)
        with torch.no_grad():
            log_probs = denoiser(tokens.to(denoiser.device), times.to(denoiser.device), at.to(denoiser.device))
        # The sampler draws from what is given, renormalised in float64.
        probs = log_probs.double().cpu().exp()
        result[rows] = (probs / probs.sum(-1, keepdim=True)).view(len(rows), len(needed), -1)
    return result


def _join(
    mass: Float[Tensor, " S"],
    conditionals: Float[Tensor, "S K V"],
    hidden: Positions,
    chosen: Positions,
    vocab_size: int,
    length: int,
) -> Float[Tensor, " S*V^K"]:
    """Law on states with `chosen` revealed too, in the lexicographic order of all revealed positions."""
    joint = mass[:, None]
    for k in range(len(chosen)):
        joint = (joint[:, :, None] * conditionals[:, None, k]).flatten(1)
    before = [i for i in range(length) if i not in hidden]
    axes = [*before, *chosen]
    order = sorted(range(len(axes)), key=axes.__getitem__)
    return joint.view([vocab_size] * len(axes)).permute(order).reshape(-1)


@functools.lru_cache(maxsize=16)
def _log_table(language: Language, length: int) -> Float[Tensor, " S"]:
    """(V^L,) log-probability of every sequence under the language."""
    return language.log_prob(sequences(language.vocab_size, length).to(language.device)).cpu()
