"""Exact errors of block-parallel left-to-right sampling on n-grams of any order: SER and KL.

A context c, the last n − 1 tokens, says all there is to know of what follows. With c the context before a block, the
j-th token of the block has the law P_j(· | c), and the tokens of a block are drawn independently of each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language, NGramLanguage
from languages.budget import check_budget
from languages.checks import check_count
from languages.entropy import row_entropies

SPARSE = 30
"""How much longer an entry of a sparse matrix takes in a product than one of a dense matrix."""


def left_to_right_blocks(language: Language, length: int, size: int) -> float:
    """Exact SER of revealing the sequence from left to right, `size` tokens at once, with the exact denoiser.

    M(c, c'), the weight of blocks that started behind the context c, have come to c' and are still inside the support,
    follows M ← (M·1[c' → c'' is possible]) ∘ P_j(last token of c'' | c) (docs/theory.md §3, [D]). With size 1 the
    sampler is exact: SER = 0. Cost: O(L·C·E) for C contexts with E edges, L·V³ on a first-order chain.

    Args:
        language: An n-gram of any order.
        length: L ≥ 1.
        size: How many positions share a round, at least one; the last round takes what is left.

    Raises:
        ValueError: Another kind of language (a first-order chain is one, a hidden Markov language is not), sizes that
            are no counts, or more work than can be done.
    """
    length, size = check_count("length", length), check_count("size", size)
    chain = _ngram(language, length, "draw samples along Blocks(size) and use estimate_sequence_error_rate")
    if size == 1 or chain.order == 1:
        return 0.0
    edges = chain.automaton
    possible = _backwards(chain, torch.ones_like(edges.edge_prob))
    laws = [law[edges.last_token] for law in _laws_ahead(chain, min(size, length))]  # (c'', c)
    mass = torch.zeros(edges.num_contexts, dtype=torch.float64, device=edges.device)
    mass[0] = 1.0
    for begin in range(0, length, size):
        alive = mass.nonzero()[:, 0]
        inside = mass.diag()[:, alive]  # (c', c)
        for law in laws[: min(size, length - begin)]:
            inside = (possible @ inside) * law[:, alive]
        mass = inside.sum(1)
    return float((1 - mass.sum()).clamp(0.0, 1.0))


def left_to_right_kl(language: Language, length: int, size: int) -> float:
    """Exact KL(q ‖ p), nats for the whole sequence, of the same sampler; path and marginal law are one here.

    The order is fixed, so the KL is the expected total correlation of the blocks given what is before them (Wen, Liang
    and Lu 2608.25505): Σ over the tokens of a block of H(X_i | context of the block) − H(X_i | context of X_i).

    Args:
        language: An n-gram of any order.
        length: L ≥ 1.
        size: How many positions share a round, at least one; the last round takes what is left.

    Raises:
        ValueError: As `left_to_right_blocks`.
    """
    length, size = check_count("length", length), check_count("size", size)
    chain = _ngram(language, length, "mdmtheory.exact.enumeration.path_kl serves any language where V^L is small")
    if size == 1 or chain.order == 1:
        return 0.0
    told = [row_entropies(law.T) for law in _laws_ahead(chain, min(size, length))]  # H(X_j | context of the block)
    law = torch.zeros(1, chain.automaton.num_contexts, dtype=torch.float64, device=chain.device)
    law[0, 0] = 1.0
    kl = 0.0
    for begin in range(0, length, size):
        before = law[0]
        for j in range(min(size, length - begin)):
            kl += float(before @ told[j]) - float(law[0] @ told[0])
            law = chain.state_chain.predict(law)
    return max(0.0, kl)


def _ngram(language: Language, length: int, instead: str) -> NGramLanguage:
    if not isinstance(language, NGramLanguage):
        raise ValueError(
            f"left-to-right blocks are exact on n-grams (a first-order chain or of higher order), got {language!r}; "
            f"{instead}"
        )
    edges = language.automaton
    contexts = edges.num_contexts
    check_budget(
        f"left-to-right blocks over the {contexts} contexts of {language.name} at length={length}",
        instead,
        operations=length * contexts * min(contexts**2, SPARSE * edges.num_edges),
        memory=8 * 3 * contexts**2,
        device=edges.device,
    )
    return language


def _laws_ahead(language: NGramLanguage, count: int) -> Iterator[Float[Tensor, "V C"]]:
    """P_1, …, P_count: the law of the j-th token behind each context, a column each."""
    edges = language.automaton
    forward = _backwards(language, edges.edge_prob)
    emission = language.state_chain.token_law(torch.eye(edges.num_contexts, dtype=torch.float64, device=edges.device))
    ahead = torch.eye(edges.num_contexts, dtype=torch.float64, device=edges.device)
    for _ in range(count):
        ahead = forward @ ahead
        yield emission.T @ ahead


def _backwards(language: NGramLanguage, weights: Float[Tensor, " E"]) -> Float[Tensor, "C C"]:
    """The matrix of weights from each context (a column) to each next one (a row), dense if that is faster."""
    edges = language.automaton
    places, size = torch.stack([edges.edge_target, edges.edge_source]), (edges.num_contexts,) * 2
    table = torch.sparse_coo_tensor(places, weights, size, check_invariants=False).coalesce()
    return table.to_dense() if SPARSE * edges.num_edges > edges.num_contexts**2 else table.to_sparse_csr()
