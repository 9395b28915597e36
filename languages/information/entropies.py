"""Entropy and entropy rate: exact for n-grams, exact or between certified bounds for hidden Markov languages."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse

from languages.automata.stationary import cesaro_limit
from languages.checks import check_count, check_fraction
from languages.entropy import row_entropies
from languages.estimate import Estimate
from languages.hidden_markov import HMMLanguage
from languages.inference.belief_entropy import MOST_BELIEFS
from languages.inference.beliefs import SAME, Beliefs
from languages.language import Language
from languages.ngram import NGramLanguage

STALLED = 0.02
"""The bounds of a rate are final when `PATIENCE` further tokens narrow them by less than this share."""
PATIENCE = 20


def entropy_rate(language: Language) -> float:
    """Exact entropy rate lim H(X_1 … X_L)/L, nats per token; the limit exists for every start.

    The mean entropy of the next token under the long-run law of the contexts: of a periodic chain its average over
    the period, of a chain with several recurrent classes the average of their rates, each with the chance of ending
    there. A hidden Markov language has an exact rate where its observers can hold finitely many beliefs.

    Args:
        language: An n-gram, or a hidden Markov language.

    Raises:
        NotImplementedError: An HMM with too many beliefs, or another kind of language.
    """
    if isinstance(language, NGramLanguage):
        automaton = language.automaton
        edge = automaton.edge_prob
        surprise = torch.zeros(automaton.num_contexts, dtype=torch.float64, device=edge.device)
        surprise.index_add_(0, automaton.edge_source, -torch.special.xlogy(edge, edge))
        full = automaton.depth == automaton.order - 1
        return max(0.0, float(language.chain().long_run_law @ surprise[full].cpu().numpy()))
    if isinstance(language, HMMLanguage):
        closed = _belief_chain(language, MOST_BELIEFS)
        if closed is not None:
            transition, surprise_of = closed
            start = np.zeros(len(surprise_of))
            start[0] = 1.0
            return max(0.0, float(cesaro_limit(transition, start) @ surprise_of))
        raise NotImplementedError(
            f"no exact entropy rate for {language.name}: its observers may hold more than {MOST_BELIEFS} beliefs; "
            "languages.information.entropy_rate_bounds(language) encloses it"
        )
    raise NotImplementedError(f"no exact entropy rate for {type(language).__name__}")


def entropy_bounds(language: Language, length: int, *, max_beliefs: int = 512) -> Estimate:
    """Certified bracket, up to rounding, of the entropy H(X_1 … X_L), nats; exact for n-grams.

    The upper end is the entropy as an observer sees it who merges similar beliefs, the lower end is less by what the
    mergers forget (see `languages.inference.beliefs`).

    Args:
        language: An n-gram or a hidden Markov language.
        length: L ≥ 1.
        max_beliefs: Beliefs held at once, at least 2; cost L · max_beliefs · V · S².
    """
    length, limit = check_count("length", length), check_count("max_beliefs", max_beliefs, least=2)
    if not isinstance(language, HMMLanguage):
        return Estimate.exact(language.entropy(length), unit="nats")
    transition, emission = _tables(language)
    beliefs, total, forgotten = Beliefs(np.ones(1), language.initial.cpu().numpy()[None]), 0.0, 0.0
    for position in range(length):
        total += beliefs.next_entropy(emission)
        if position + 1 < length:
            beliefs, loss = beliefs.advanced(transition, emission).merged(limit)
            forgotten += loss
    return Estimate.bracket(max(0.0, total - forgotten), total, unit="nats")


def entropy_rate_bounds(
    language: Language, *, max_beliefs: int = 1024, max_tokens: int = 1000, tolerance: float = 1e-9
) -> Estimate:
    """Certified bracket, up to rounding, of the entropy rate, nats per token; any start, reducible and periodic chains.

    From the stationary law that the start leads to on average, H(X_n | X_1 … X_{n−1}, S_1) ≤ rate ≤ H(X_n | X_1 …
    X_{n−1}) for every n (Cover and Thomas, theorem 4.5.1). Both are computed with merged beliefs: merging can only
    raise the right side, and what it adds to the left sides of a run of n is at most what was forgotten so far.

    Args:
        language: An n-gram or a hidden Markov language.
        max_beliefs: Beliefs held at once, at least 2.
        max_tokens: Largest n; it stops before where the bracket no longer narrows.
        tolerance: It also stops at this width, nats.
    """
    limit, most = check_count("max_beliefs", max_beliefs, least=2), check_count("max_tokens", max_tokens)
    tolerance = check_fraction("tolerance", tolerance)
    if not isinstance(language, HMMLanguage):
        return Estimate.exact(entropy_rate(language), unit="nats")
    transition, emission = _tables(language)
    law = long_run_law(language)
    blind = Beliefs(np.ones(1), law[None])
    told = Beliefs(law[law > 0], np.eye(len(law))[law > 0])
    low, high, forgotten, widths = 0.0, np.inf, 0.0, [np.inf]
    entropies = [0.0]
    for _ in range(most):
        high = min(high, blind.next_entropy(emission))
        entropies.append(entropies[-1] + told.next_entropy(emission))
        # Positions a + 1 … n: their mean, less everything forgotten so far.
        runs = len(entropies) - 1 - np.arange(len(entropies) - 1)
        low = max(low, float(((entropies[-1] - np.array(entropies[:-1]) - forgotten) / runs).max()))
        widths.append(high - low)
        if widths[-1] <= tolerance or widths[-1] > (1 - STALLED) * widths[max(0, len(widths) - 1 - PATIENCE)]:
            break
        blind, _ = blind.advanced(transition, emission).merged(limit)
        told, loss = told.advanced(transition, emission).merged(limit)
        forgotten += loss
    return Estimate.bracket(min(low, high), high, unit="nats")


def _belief_chain(language: HMMLanguage, limit: int) -> tuple[sparse.csr_matrix, Float[np.ndarray, " K"]] | None:
    """The Markov chain on the beliefs that sequences lead to, and the entropy of the next token in each.

    None if there are more than `limit`. Belief 0 is the start.
    """
    transition, emission = _tables(language)
    laws = [language.initial.cpu().numpy()]
    index = {_key(laws[0]): 0}
    source, target, weight = [], [], []
    done = 0
    while done < len(laws):
        following = Beliefs(np.ones(1), laws[done][None]).advanced(transition, emission)
        for law, chance in zip(following.law, following.weight, strict=True):
            number = index.setdefault(_key(law), len(laws))
            if number == len(laws):
                if number == limit:
                    return None
                laws.append(law)
            source.append(done)
            target.append(number)
            weight.append(chance)
        done += 1
    chain = sparse.csr_matrix((weight, (source, target)), shape=(len(laws),) * 2)
    return chain, row_entropies(np.stack(laws) @ emission)


def _key(law: Float[np.ndarray, " S"]) -> bytes:
    return np.rint(law / SAME).astype(np.int64).tobytes()


def long_run_law(language: HMMLanguage) -> Float[np.ndarray, " S"]:
    """(S,) share of time that each hidden state gets in the long run."""
    chain = language.chain()
    law = np.zeros(language.num_states)
    law[chain.states[:, 0]] = chain.long_run_law
    return law


def _tables(language: HMMLanguage) -> tuple[Float[np.ndarray, "S S"], Float[np.ndarray, "S V"]]:
    return language.transition.cpu().numpy(), language.emission.cpu().numpy()
