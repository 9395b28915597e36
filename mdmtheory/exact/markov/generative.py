"""Exact generative TER of Bernoulli samplers on first-order chains: the perplexity of samples under the truth.

Under the segment convention an N-step sampler of a first-order chain always completes its gaps, so what a gap (d, a, b)
still costs on average, E_k(d, a, b) = E[Σ −log q°(next | token)] over the transitions from a to b, is additive over
the gaps that a step leaves behind, and the pairs of neighbours revealed together are all that is needed ([D]). With
U(m) = (1 − r)ᵐ E_{k+1}(m) and μ_i(x) = r m_i(x),

    E_k(d, a, b) = U(d, a, b) + Σ_{j≤d, y} μ_j(y) U(d − j, y, b)
                   + Σ_{i≤d, x} μ_i(x) [U(i − 1, a, x) + Σ_{j<i, y} μ_j(y) U(i − j − 1, y, x)].
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language, NGramLanguage
from languages.automata.contexts import ContextAutomaton, context_tokens
from languages.checks import check_count
from mdmtheory.exact.markov.cost import check_recursion
from mdmtheory.exact.markov.gaps import GapLaw, check_chain, log_powers
from mdmtheory.exact.markov.recursion import BLOCK, close, discounted, stacked, step_hazards

Laws = Callable[[int, int], Float[Tensor, "n R A I V"]]


def generative_log_ter(language: Language, length: int, reveal: object) -> float:
    """Exact log of the generative TER, E_{x~p}[−log q°(x)]/L in nats a token, for the marginal law p of the sampler.

    q° is the unpruned parent where there is one, else the language itself. Where the sampler runs into contexts of
    probability zero it follows the segment convention of `Language.conditionals`, on which this number depends
    (docs/theory.md §2). A collapsed sampler scores well here; report SER beside it. Cost: as `sequence_error_rate`.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

    Returns:
        Nats a token; infinite exactly when the sampler can produce a sequence that is impossible under q°.

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    steps = step_hazards(reveal)
    chain = check_chain(language, "draw samples and use mdmtheory.estimates.estimate_generative_log_ter")
    length = check_count("length", length)
    check_recursion(
        chain.vocab_size, length, len(steps), "mdmtheory.estimates.estimate_generative_log_ter, from samples"
    )
    law = GapLaw(chain, length, everywhere=True)
    judge = chain.parent if chain.parent is not None else chain
    surprise = -log_powers(judge, 1)[1]
    cost = torch.zeros(law.longest + 1, *law.possible().shape, dtype=torch.float64, device=law.device)
    cost[0, :, :-1] = surprise.masked_fill(surprise.isinf(), 0.0)
    if bool(surprise.isinf().any()):
        impossible = torch.zeros_like(cost)
        impossible[0, :, :-1] = surprise.isinf().to(torch.float64)
        if _can_happen(law, impossible, steps):
            return math.inf
    for hazard in reversed(steps):
        cost = _advance(law, law, discounted(cost, hazard), hazard)
    return float(cost[-1, -1, -1]) / law.longest


def generative_excess(language: NGramLanguage, length: int, reveal: object) -> float:
    """E_{x~p}[−log q°(x)] − E_{x~q}[−log q°(x)], nats for the whole sequence; q° as in `generative_log_ter`.

    How much less likely the truth finds what the sampler writes than what it writes itself. Its sign is free: a sampler
    that prefers likely sequences has a negative one.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k.

    Raises:
        ValueError: As `generative_log_ter`.
    """
    return length * generative_log_ter(language, length, reveal) - cross_entropy(language, length)


def cross_entropy(language: NGramLanguage, length: int) -> float:
    """E_{x~q}[−log q°(x)] of an n-gram of any order, nats; q° is its unpruned parent, or itself if it has none."""
    edges, judge = language.automaton, language.parent if language.parent is not None else language
    surprise = torch.zeros(edges.num_contexts, dtype=torch.float64, device=edges.device)
    log_judged = _judged(edges, judge.automaton)
    surprise.index_add_(0, edges.edge_source, -edges.edge_prob * log_judged)
    law = torch.zeros(1, edges.num_contexts, dtype=torch.float64, device=edges.device)
    law[0, 0], total = 1.0, 0.0
    for _ in range(length):
        total += float(law[0] @ surprise)
        law = language.state_chain.predict(law)
    return total


def _judged(edges: ContextAutomaton, judge: ContextAutomaton) -> Float[Tensor, " E"]:
    """Log-probability, under another n-gram of the same order, of the token of each edge behind its context."""
    histories = torch.as_tensor(context_tokens(edges), device=edges.device)
    depth, result = edges.depth[edges.edge_source], torch.empty_like(edges.edge_prob)
    for known in range(edges.order):
        here = (depth == known).nonzero()[:, 0]
        told = histories[edges.edge_source[here], edges.order - 1 - known :]
        taken = judge.edges_of(torch.cat([told, edges.edge_token[here, None]], 1))[:, -1]
        result[here] = judge.edge_log_prob[taken]
    return result


def _can_happen(law: GapLaw, impossible: Float[Tensor, "D+1 V+1 V+1"], steps: list[float]) -> bool:
    """Whether the sampler can put two tokens side by side that are marked in `impossible`; exact zeros decide."""
    for _ in steps:
        # Which entries are positive does not depend on the hazard; at hazard one, in the last step, all gaps are empty.
        following = (_advance(law, law.patterns, impossible, 1.0) > 0).to(torch.float64)
        if bool((following == impossible).all()):
            break
        impossible = following
    return bool(impossible[-1, -1, -1] > 0)


def _advance(
    law: GapLaw, laws: Laws, kept: Float[Tensor, "D+1 V+1 V+1"], hazard: float
) -> Float[Tensor, "D+1 V+1 V+1"]:
    """E_k from U, the discounted E_{k+1}."""
    result = kept.clone()
    for first, last in law.chunks(law.longest):
        chance = hazard * laws(first, last)
        count, rights, lefts, positions, vocab = chance.shape
        flat = chance.reshape(-1, positions * vocab)
        total = close(chance, kept[:, :-1], first)
        start = kept[:positions, :, :-1].permute(1, 0, 2)
        total += torch.einsum("nbaix,aix->nab", chance, start)
        for begin in range(0, positions, BLOCK):
            block = slice(begin, min(begin + BLOCK, positions))
            columns = slice(begin * vocab, block.stop * vocab)
            before = flat[:, : columns.stop] @ stacked(kept, block.stop, block)
            total += (before * flat[:, columns]).sum(-1).view(count, rights, lefts).transpose(1, 2)
        result[first : last + 1] += total
    return result
