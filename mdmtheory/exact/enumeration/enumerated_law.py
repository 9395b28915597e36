"""The exact law of what a sampler writes, as a table."""

from __future__ import annotations

import dataclasses
import functools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Estimate, Language
from languages.budget import check_budget, largest

MOST_SEQUENCES = 1 << 24
"""Sequences that are listed: some gigabytes."""
SMALLEST = 5e-324
"""The least positive float: it stands for a probability below the range of floats."""


@dataclasses.dataclass(frozen=True)
class EnumeratedLaw:
    """The exact law of what a sampler writes, and its errors against a language.

    Attributes:
        probs: (V^L,) probability of each sequence, in lexicographic order (float64).
        vocab_size: V.
        length: L.
        prompt: (L,) given tokens with holes (V); None where nothing was given. With one, the truth that errors are
            measured against is the language given these tokens.
        logs: (V^L,) log-probabilities, where some of `probs` are below the range of floats.
    """

    probs: Float[Tensor, " S"]
    vocab_size: int
    length: int
    prompt: tuple[int, ...] | None = None
    logs: Float[Tensor, " S"] | None = None

    @property
    def log_probs(self) -> Float[Tensor, " S"]:
        """(V^L,) log-probability of each sequence, −inf only for what is never written."""
        return self.probs.log() if self.logs is None else self.logs

    def sequence_error_rate(self, language: Language) -> Estimate:
        """SER = p(not in the language), exact."""
        outside = self.probs[self._log_truth(language).isneginf()].sum()
        return Estimate.exact(float(outside), law="marginal", unit="probability")

    def kl(self, language: Language) -> Estimate:
        """KL(q ‖ p) in nats for the whole sequence, exact; infinite if p misses a sequence of the language."""
        log_truth = self._log_truth(language)
        inside = log_truth.isfinite()
        # A sequence whose probability underflows adds less than rounding, unless it is never written.
        weight, ratio = log_truth[inside].exp(), log_truth[inside] - self.log_probs[inside]
        terms = torch.where((weight > 0) | ratio.isinf(), weight.clamp(min=SMALLEST) * ratio, 0.0)
        return Estimate.exact(max(0.0, float(terms.sum())), law="marginal", unit="nats")

    def ter_increase(self, language: Language) -> Estimate:
        """TER(p)/TER(q) − 1 = exp(KL(q ‖ p)/L) − 1, exact."""
        return self.kl(language).mapped(lambda nats: math.expm1(nats / self.length), unit="ratio")

    def total_variation(self, language: Language) -> Estimate:
        """½ Σ_x |p(x) − q(x)|, exact."""
        distance = (self.probs - self._log_truth(language).exp()).abs().sum() / 2
        return Estimate.exact(float(distance), law="marginal", unit="probability")

    def generative_ter(self, language: Language) -> Estimate:
        """exp(E_{x~p}[−log q(x)]/L), exact: q is the unpruned parent of the language, else the language itself.

        Infinite as soon as p writes something impossible there.
        """
        log_probs = log_table(language.parent or language, self.length)
        written = self.log_probs.isfinite()
        if bool(log_probs[written].isinf().any()):
            return Estimate.exact(math.inf, law="generative", unit="perplexity")
        surprise = -(self.probs[written] * log_probs[written]).sum() / self.length
        return Estimate.exact(math.exp(surprise), law="generative", unit="perplexity")

    def _log_truth(self, language: Language) -> Float[Tensor, " S"]:
        if language.vocab_size != self.vocab_size:
            raise ValueError(f"the law is over {self.vocab_size} tokens, {language.name} over {language.vocab_size}")
        truth = log_table(language, self.length)
        if self.prompt is None:
            return truth
        places, given = sequences(self.vocab_size, self.length), torch.tensor(self.prompt)
        truth = truth.masked_fill(~((places == given) | (given == self.vocab_size)).all(1), -math.inf)
        if bool(truth.isneginf().all()):
            raise ValueError(f"prompt {self.prompt} has probability zero under {language.name}")
        return truth - truth.logsumexp(0)

    def __repr__(self) -> str:
        given = "" if self.prompt is None else f", prompt={self.prompt}"
        return f"EnumeratedLaw({len(self.probs):,} sequences, V={self.vocab_size}, L={self.length}{given})"


def sequences(vocab_size: int, length: int) -> Int[Tensor, "S L"]:
    """All V^L sequences in lexicographic order.

    Raises:
        ValueError: More than `MOST_SEQUENCES`.
    """
    check_sequences(vocab_size, length)
    places = vocab_size ** torch.arange(length - 1, -1, -1)
    return torch.arange(vocab_size**length)[:, None] // places % vocab_size


def check_sequences(vocab_size: int, length: int) -> None:
    """Refuse more sequences than `MOST_SEQUENCES`."""
    if length * math.log2(max(vocab_size, 2)) > 63 or vocab_size**length > MOST_SEQUENCES:
        longest = largest(lambda n: vocab_size**n <= MOST_SEQUENCES, 64)
        check_budget(
            f"listing all sequences of length={length} over {vocab_size} tokens",
            f"lengths up to {longest} can be listed",
            operations=float(min(1e300, math.exp(min(690.0, length * math.log(vocab_size))))),
            most=MOST_SEQUENCES,
        )


@functools.lru_cache(maxsize=16)
def log_table(language: Language, length: int) -> Float[Tensor, " S"]:
    """(V^L,) log-probability of every sequence under the language."""
    return language.log_prob(sequences(language.vocab_size, length).to(language.device)).cpu()


def entropy(language: Language, length: int) -> float:
    """Exact entropy at this length from the table of all sequences, nats.

    Raises:
        ValueError: Too many sequences.
    """
    check_sequences(language.vocab_size, length)
    table = log_table(language, length)
    return -float(torch.where(table.isfinite(), table.exp() * table, 0.0).sum())
