"""All tokens at once: exact errors of one round on n-grams of any order and on hidden Markov languages.

With nothing revealed the exact denoiser says the marginals m_i, and one round draws every token from them,
independently. So the sample has a product law, which goes through a deterministic automaton in one pass ([D]):

* 1 − SER = Σ over paths of the automaton of the support of Π m_i(x_i): contexts of an n-gram, sets of hidden states;
* KL(q ‖ p) = Σ_i H(X_i) − H(X), the total correlation;
* E_p[−log q°(x)]: the chance of each context under the product law, times what the judge q° makes of the next token.
"""

from __future__ import annotations

import math

import torch

from languages import Language, NGramLanguage
from languages.checks import check_count
from languages.entropy import row_entropies


def sequence_error_rate(language: Language, length: int) -> float:
    """Exact SER of one round with the exact denoiser.

    Cost: L passes over the edges of the automaton of the support.

    Args:
        language: An n-gram, or a hidden Markov language whose support has few sets of hidden states.
        length: L ≥ 1.

    Raises:
        ValueError: The automaton of the support explodes.
        NotImplementedError: A language without one.
    """
    length = check_count("length", length)
    edges = language.support().edges(length)
    source, token, target = (torch.as_tensor(part) for part in (edges.source, edges.token, edges.target))
    mass = torch.zeros(edges.num_states, dtype=torch.float64)
    mass[0] = 1.0
    for law in language.marginals(length).cpu():
        mass = torch.zeros_like(mass).index_add_(0, target, mass[source] * law[token])
    return float((1 - mass.sum()).clamp(0.0, 1.0))


def kl(language: Language, length: int) -> float:
    """Exact KL(q ‖ p) of one round, nats for the whole sequence, path and marginal law alike: the total correlation.

    Args:
        language: One with an exact entropy.
        length: L ≥ 1.

    Raises:
        NotImplementedError: The entropy of the language is not known exactly.
    """
    length = check_count("length", length)
    return max(0.0, float(row_entropies(language.marginals(length)).sum()) - language.entropy(length))


def generative_log_ter(language: Language, length: int) -> float:
    """Exact log of the generative TER of one round, nats a token; q° is the unpruned parent, else the language itself.

    Args:
        language: An n-gram of any order.
        length: L ≥ 1.

    Returns:
        Nats a token; infinite exactly when one round can write what is impossible under q°.

    Raises:
        ValueError: Another kind of language.
    """
    length = check_count("length", length)
    judge = language.parent if language.parent is not None else language
    if not isinstance(judge, NGramLanguage):
        raise ValueError(f"the generative TER of one round is exact for n-grams, got {language!r}")
    edges = judge.automaton
    fan = edges.offsets.diff()
    mass = torch.zeros(edges.num_contexts, dtype=torch.float64, device=edges.device)
    mass[0] = 1.0
    total = 0.0
    for law in language.marginals(length):
        chance = mass[edges.edge_source] * law[edges.edge_token]
        taken = torch.zeros_like(fan).index_add_(0, edges.edge_source, (law[edges.edge_token] > 0).long())
        if bool(((mass > 0) & (taken < (law > 0).sum())).any()):
            return math.inf
        total -= float(torch.where(chance > 0, chance * edges.edge_log_prob[:-1], 0.0).sum())
        mass = torch.zeros_like(mass).index_add_(0, edges.edge_target, chance)
    return total / length
