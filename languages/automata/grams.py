"""The parameters of n-grams as sparse lists."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from languages.automata.strings import StringTree, rank_of


@dataclasses.dataclass(frozen=True)
class SparseGrams:
    """The parameters of an n-gram as sparse lists; dense tensors and counted texts both reduce to this.

    Attributes:
        order: n.
        vocab_size: V.
        contexts: The strings of n − 1 tokens that have a next token; a context is known by its rank among them.
        initial_contexts: (I,) sorted contexts that the first n − 1 tokens may be.
        initial_probs: (I,) their probabilities, > 0.
        edge_codes: (G,) sorted codes context · V + next token of the n-grams.
        edge_probs: (G,) probability of the next token given the context, > 0.
    """

    order: int
    vocab_size: int
    contexts: StringTree
    initial_contexts: NDArray[np.int64]
    initial_probs: NDArray[np.float64]
    edge_codes: NDArray[np.int64]
    edge_probs: NDArray[np.float64]

    @classmethod
    def from_codes(
        cls,
        order: int,
        vocab_size: int,
        initial_codes: Int[np.ndarray, " I"],
        initial_probs: Float[np.ndarray, " I"],
        gram_codes: Int[np.ndarray, " G"],
        gram_probs: Float[np.ndarray, " G"],
    ) -> Self:
        """Parameters whose strings come as sorted base-V codes, oldest token first; Vⁿ must fit in 62 bits.

        Raises:
            ValueError: The first n − 1 tokens may be a context that has no next token.
        """
        tree = StringTree.from_codes(gram_codes, order, vocab_size)
        ranks = rank_of(np.unique(gram_codes // vocab_size), initial_codes)
        if (ranks < 0).any():
            missing = int(initial_codes[ranks < 0][0])
            raise _no_next_token([missing // vocab_size**i % vocab_size for i in reversed(range(order - 1))])
        return cls._from_tree(tree, ranks, initial_probs, gram_probs)

    @classmethod
    def from_strings(
        cls,
        vocab_size: int,
        initial: Int[np.ndarray, "I n-1"],
        initial_probs: Float[np.ndarray, " I"],
        grams: Int[np.ndarray, "G n"],
        gram_probs: Float[np.ndarray, " G"],
    ) -> Self:
        """Parameters of any order and vocabulary, their strings given by tokens: distinct rows, in any order.

        Raises:
            ValueError: A string comes twice, or the first n − 1 tokens may be a context that has no next token.
        """
        tree, rank = StringTree.from_columns(grams.T, vocab_size)
        if tree.count(tree.length) < len(grams):
            raise ValueError("grams: the same n-gram comes twice")
        probs = np.empty(len(grams))
        probs[rank] = gram_probs
        ranks = StringTree(vocab_size, tree.levels[:-1]).rank(initial)
        if (ranks < 0).any():
            raise _no_next_token(initial[ranks < 0][0].tolist())
        order = np.argsort(ranks)
        return cls._from_tree(tree, ranks[order], initial_probs[order], probs)

    @classmethod
    def _from_tree(
        cls,
        tree: StringTree,
        initial_contexts: NDArray[np.int64],
        initial_probs: NDArray[np.float64],
        gram_probs: NDArray[np.float64],
    ) -> Self:
        """Parameters from the tree of all n-grams, whose upper levels are the contexts."""
        contexts = StringTree(tree.vocab_size, tree.levels[:-1])
        return cls(tree.length, tree.vocab_size, contexts, initial_contexts, initial_probs, tree.levels[-1], gram_probs)

    def targets(self) -> NDArray[np.int64]:
        """(G,) context that each n-gram leads to, −1 where that has no next token."""
        sources, tokens = np.divmod(self.edge_codes, self.vocab_size)
        if self.order == 1:
            return np.zeros_like(sources)
        return self.contexts.children(self.order - 2, self.contexts.tails()[sources], tokens)

    def reachable(self) -> tuple[SparseGrams, NDArray[np.int64]]:
        """The same law without the contexts that no sequence can reach, and the targets of its n-grams.

        Raises:
            ValueError: A reachable context has no next token.
        """
        count = self.contexts.count(self.order - 1)
        sources, targets = self.edge_codes // self.vocab_size, self.targets()
        reached = np.ones(count + 1, dtype=bool)
        # If every context may come first, every one is reached, and the search is spared.
        if len(self.initial_contexts) < count:
            # One virtual node points at every initial context; a search from it finds what is reachable.
            known = targets >= 0
            rows = np.concatenate([sources[known], np.full(len(self.initial_contexts), count)])
            columns = np.concatenate([targets[known], self.initial_contexts])
            ones = np.ones(len(rows), dtype=np.int8)
            graph = sparse.csr_matrix((ones, (rows, columns)), shape=(count + 1, count + 1))
            reached[:] = False
            reached[csgraph.breadth_first_order(graph, count, return_predecessors=False)] = True
        # A missing continuation is an error only where a sequence can come to it.
        keep = reached[sources]
        dangling = np.flatnonzero(keep & (targets < 0))
        if len(dangling):
            source, token = divmod(int(self.edge_codes[dangling[0]]), self.vocab_size)
            raise _no_next_token([*self.contexts.strings([source])[0, 1:].tolist(), token])
        if keep.all():
            return self, targets
        rank = np.cumsum(reached) - 1
        fewer = dataclasses.replace(
            self,
            contexts=self.contexts.only(reached[:count]),
            initial_contexts=rank[self.initial_contexts],
            edge_codes=rank[sources[keep]] * self.vocab_size + self.edge_codes[keep] % self.vocab_size,
            edge_probs=self.edge_probs[keep],
        )
        return fewer, rank[targets[keep]]


def _no_next_token(context: list[int]) -> ValueError:
    return ValueError(f"transition: the reachable context {context} has no next token")
