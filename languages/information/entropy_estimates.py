"""The entropy rate of hidden Markov languages from samples: the draw of each next token is averaged out."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count
from languages.estimate import Estimate
from languages.hidden_markov import HMMLanguage
from languages.inference.belief_entropy import predictive_entropies
from languages.information.entropies import long_run_law


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

    def entropy_seen_from(belief: Float[Tensor, "B S"]) -> Estimate:
        entropies = predictive_entropies(belief, language.transition, language.emission, tokens)
        return Estimate.from_samples(entropies[:, second].mean(1).cpu().numpy())

    below, above = entropy_seen_from(told), entropy_seen_from(law.expand(num_sequences, -1))
    return Estimate((below.value + above.value) / 2, below.low, above.high, "monte-carlo", unit="nats")
