"""Entropy and entropy rate of hidden Markov languages from samples: the draw of each next token is averaged out."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.estimate import Estimate
from languages.hidden_markov import HMMLanguage
from languages.information.entropies import long_run_law


def estimate_hidden_entropy(
    language: HMMLanguage, length: int, *, num_sequences: int = 4096, generator: torch.Generator | None = None
) -> Estimate:
    """Entropy (nats) of a hidden Markov language: the mean of Σ_n H(X_n | x_1 … x_{n−1}) over x ~ q, 95 % interval.

    The same mean as that of −log q(x), with a smaller spread: the draw of each next token is averaged out.

    Args:
        language: A hidden Markov language.
        length: L ≥ 1.
        num_sequences: Independent sequences, at least 2.
        generator: Source of randomness on the language's device.
    """
    check_count("num_sequences", num_sequences, least=2)
    tokens = language.sample(num_sequences, check_count("length", length), generator=generator)
    first = language.initial.expand(num_sequences, -1)
    return Estimate.from_samples(_predictive_entropies(language, first, tokens).sum(1).cpu().numpy(), unit="nats")


def estimate_entropy_rate(
    language: HMMLanguage, *, length: int = 512, num_sequences: int = 256, generator: torch.Generator | None = None
) -> Estimate:
    """Entropy rate of a hidden Markov language from sampled sequences, nats per token, with a 95 % interval.

    For many states, where `entropy_rate_bounds` is wide. From the long-run law of the hidden state, the mean entropy of
    the next token is at least the rate for an observer of the tokens, and at most the rate for one who is also told the
    first hidden state. Both are averaged over the second half of the same sequences; the interval reaches from the
    lower end of the one to the upper end of the other.

    Args:
        language: A hidden Markov language.
        length: Tokens of a sequence, at least 2.
        num_sequences: Independent sequences, at least 2.
        generator: Source of randomness on the language's device.
    """
    check_count("num_sequences", num_sequences, least=2)
    length = check_count("length", length, least=2)
    law = torch.as_tensor(long_run_law(language), device=language.device)
    state = torch.multinomial(law, num_sequences, replacement=True, generator=generator)
    tokens = torch.empty(num_sequences, length, dtype=torch.int64, device=language.device)
    for number in torch.unique(state).tolist():
        one = torch.nn.functional.one_hot(torch.tensor(number), len(law)).to(law)
        started = HMMLanguage(one, language.transition, language.emission)
        rows = state == number
        tokens[rows] = started.sample(int(rows.sum()), length, generator=generator)
    second = slice(length // 2, None)
    told = torch.nn.functional.one_hot(state, len(law)).to(law)
    below = Estimate.from_samples(_predictive_entropies(language, told, tokens)[:, second].mean(1).cpu().numpy())
    blind = law.expand(num_sequences, -1)
    above = Estimate.from_samples(_predictive_entropies(language, blind, tokens)[:, second].mean(1).cpu().numpy())
    return Estimate((below.value + above.value) / 2, below.low, above.high, "monte-carlo", unit="nats")


def _predictive_entropies(
    language: HMMLanguage, belief: Float[Tensor, "B S"], tokens: Int[Tensor, "B L"]
) -> Float[Tensor, "B L"]:
    """H(X_n | what came before) along each row, nats; `belief` is the law of the first hidden state."""
    result = torch.empty(tokens.shape, dtype=torch.float64, device=tokens.device)
    emits = language.emission.T.contiguous()
    for position in range(tokens.shape[1]):
        law = belief @ language.emission
        result[:, position] = -torch.special.xlogy(law, law).sum(1)
        joint = belief * emits[tokens[:, position]]
        belief = (joint / joint.sum(1, keepdim=True)) @ language.transition
    return result
