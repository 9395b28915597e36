"""What a position shares with all others, and the past with the future."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from languages.automata.contexts import ContextAutomaton
from languages.checks import check_count
from languages.entropy import row_entropies
from languages.information.entropies import entropy_rate
from languages.language import Language
from languages.ngram import NGramLanguage

PATH_LIMIT = 1 << 24
"""Most paths of n tokens, from every context, that are followed."""


def information_with_rest(language: Language, length: int) -> Float[Tensor, " L"]:
    """Exact I(X_i; X_{−i}) of each position with all others, nats, for an n-gram; it sums to h(1) = L·Z_L = TC + DTC.

    Behind the next n − 1 tokens nothing more can be learnt of a token, so H(X_i | rest) is a mean over contexts c of
    H(X_i | c, next n − 1 tokens), any start.

    Args:
        language: An n-gram of any order.
        length: L ≥ 1.

    Raises:
        ValueError: Another kind of language, or too many paths of n tokens.
    """
    length = check_count("length", length)
    if not isinstance(language, NGramLanguage):
        raise ValueError(
            f"language must be an n-gram, got {language!r}; estimate_information_curve(...).h([1.0]) estimates the sum"
        )
    automaton, memory = language.automaton, language.order - 1
    ambiguity = _ambiguity(automaton, min(memory, length - 1))
    marginals = language.marginals(length)
    result = row_entropies(marginals)
    law = torch.zeros(1, automaton.num_contexts, dtype=torch.float64, device=language.device)
    law[0, 0] = 1.0
    for position in range(length):
        result[position] -= law[0] @ ambiguity[min(memory, length - 1 - position)].to(law.device)
        law = language.state_chain.predict(law)
    return result.clamp(min=0.0)


def excess_entropy(language: Language) -> float:
    """Predictive information lim I(X_1 … X_n; X_{n+1} … X_{2n}) of an n-gram in its long run, nats.

    Also lim H(X_1 … X_n) − n · rate (Crutchfield and Feldman 2003). Of the stationary law that the start leads to on
    average; of a periodic chain it includes the phase, of a reducible one the class.

    Args:
        language: An n-gram of any order.

    Raises:
        ValueError: Another kind of language.
    """
    if not isinstance(language, NGramLanguage):
        raise ValueError(f"language must be an n-gram, got {language!r}")
    law = language.chain().long_run_law
    return max(0.0, float(row_entropies(law[None])[0]) - (language.order - 1) * entropy_rate(language))


def _ambiguity(automaton: ContextAutomaton, horizon: int) -> list[Float[Tensor, " C"]]:
    """H(next token | context, the k tokens behind it) of every context, for k = 0 … horizon."""
    offsets, targets = automaton.offsets.cpu().numpy(), automaton.edge_target.cpu().numpy()
    tokens, probs = automaton.edge_token.cpu().numpy(), automaton.edge_prob.cpu().numpy()
    contexts = automaton.num_contexts
    # Paths: the context they start from, the tokens behind the first as a number, the context they reach, their chance.
    origin = automaton.edge_source.cpu().numpy()
    future, state, chance = np.zeros_like(origin), targets, probs
    result = []
    for step in range(horizon + 1):
        if step:
            fan = offsets[state + 1] - offsets[state]
            if fan.sum() > PATH_LIMIT:
                raise ValueError(
                    f"an n-gram of order {automaton.order} with {automaton.num_edges} edges has too many paths of "
                    f"{step + 1} tokens ({fan.sum()}, at most {PATH_LIMIT}); estimate_information_curve(...).h([1.0]) "
                    "estimates the sum"
                )
            path = np.repeat(np.arange(len(state)), fan)
            edge = np.arange(len(path)) - np.repeat(np.cumsum(fan) - fan, fan) + offsets[state[path]]
            origin, chance = origin[path], chance[path] * probs[edge]
            future, state = future[path] * automaton.vocab_size + tokens[edge], targets[edge]
        keys, group = np.unique(origin * automaton.vocab_size**step + future, return_inverse=True)
        together = np.bincount(group, chance)
        entropy = np.bincount(origin, -chance * np.log(chance), contexts)
        entropy += np.bincount(keys // automaton.vocab_size**step, together * np.log(together), contexts)
        result.append(torch.as_tensor(entropy.clip(min=0.0)))
    return result
