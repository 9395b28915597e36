"""The support of a language as a deterministic automaton: which sequences are possible, and how many."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from languages.automata.edges import EdgeList, perron_root
from languages.automata.extremes import PREFIX_LIMIT, ExtremeSequence
from languages.automata.paths import draw_paths, list_paths
from languages.automata.structure import ClassStructure
from languages.automata.subsets import SubsetConstruction
from languages.automata.support_graph import GraphLabels, support_graph, without_prelude
from languages.checks import check_count, check_tokens
from languages.drawing.draw_graph import EdgeLabels, check_drawable, draw_graph
from languages.drawing.layout import Layout

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

SEQUENCE_LIMIT = 1 << 20
"""How many sequences `sequences` lists before it refuses; `batches` has no limit."""

Extreme = Callable[[int, bool, int], ExtremeSequence]
"""From a length, whether the most probable is wanted, and how many prefixes a search may keep."""


class SupportAutomaton:
    """The sequences of positive probability, as the paths of a deterministic automaton from its state 0.

    For an n-gram the states are its contexts, the short ones at the start of a sequence included. For a hidden Markov
    model they are sets of hidden states (the subset construction), made only as they are met: membership makes those on
    the given sequences, a question about a length those within that length, other questions all. Where there are more
    than `limit`, such a question is refused; membership always answers. All states accept and none is a dead end.
    Exact zeros decide everything. The automaton lives on the CPU; tokens come and go on the language's device.

    Build one with `language.support()`.

    Args:
        edges: All edges, or the construction that makes them as they are met.
        vocab_size: V.
        device: Of the language.
        extreme: Finds the most or the least probable sequence of a length.
        labels: What graphs say of states and edges.
    """

    def __init__(
        self,
        edges: EdgeList | SubsetConstruction,
        vocab_size: int,
        *,
        device: torch.device,
        extreme: Extreme,
        labels: GraphLabels,
    ) -> None:
        self.vocab_size, self._edges, self._device = vocab_size, edges, device
        self._extreme, self._labels = extreme, labels

    # The automaton ------------------------------------------------------------------------------------------------

    def edges(self, length: int | None = None) -> EdgeList:
        """The edges that sequences of a length can take, sorted by source and token; all edges if None.

        Raises:
            ValueError: The subset construction passes its limit.
        """
        if length is not None:
            length = check_count("length", length)
        if isinstance(self._edges, EdgeList):
            return self._edges
        try:
            return self._edges.explore(length)
        except OverflowError as error:
            raise ValueError(
                f"the support automaton explodes: {error}; give support(limit=…) more, or ask for shorter sequences "
                "(membership needs no more than the sets it meets)"
            ) from None

    @property
    def num_states(self) -> int:
        """Number of states, all of them."""
        return self.edges().num_states

    @functools.cached_property
    def structure(self) -> ClassStructure:
        """Communicating classes of the automaton's states and their periods; `language.chain()` has the chain's."""
        return ClassStructure(self.edges().adjacency)

    def unreachable_tokens(self) -> list[int]:
        """The tokens that no sequence has."""
        return np.setdiff1d(np.arange(self.vocab_size), self.edges().token).tolist()

    # Membership and numbers ---------------------------------------------------------------------------------------

    def contains(self, tokens: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
        """Whether each complete sequence is in the support.

        Args:
            tokens: (B, L) without holes.
        """
        rows = check_tokens(tokens, self.vocab_size, holes=False).numpy()
        return torch.as_tensor(self._edges.accepts(rows), device=self._device)

    def counts(self, length: int) -> list[int]:
        """Exact number of supported sequences of each length 1 … `length`, as Python integers."""
        return self.edges(length).counts(check_count("length", length))

    def count(self, length: int) -> int:
        """Exact number of supported sequences of a length."""
        return self.counts(length)[-1]

    def log_counts(self, length: int) -> np.ndarray:
        """(L,) natural log of the number of supported sequences of each length 1 … `length`, in floating point."""
        return self.edges(length).log_counts(check_count("length", length))

    def log_count(self, length: int) -> float:
        """Natural log of the number of supported sequences of a length."""
        return float(self.log_counts(length)[-1])

    def density(self, length: int) -> float:
        """log|support| / (L log V), in [0, 1]: 1 if and only if every sequence is possible."""
        length = check_count("length", length)
        if self.edges(length).is_full(length, self.vocab_size):
            return 1.0
        return min(math.nextafter(1.0, 0.0), self.log_count(length) / (length * math.log(self.vocab_size)))

    @functools.cached_property
    def growth_rate(self) -> float:
        """Limit of log|support of length L| / L, nats a token: the topological entropy, log of the spectral radius.

        The largest Perron root of a communicating class; zero exactly if no class branches.
        """
        adjacency = self.edges().adjacency
        largest = 1.0
        for members, period in zip(self.structure.classes, self.structure.periods, strict=True):
            if period:
                largest = max(largest, perron_root(adjacency[members][:, members].tocsr()))
        return math.log(largest)

    # Sequences ----------------------------------------------------------------------------------------------------

    def batches(self, length: int, *, batch_size: int = 4096) -> Iterator[Int[Tensor, "B L"]]:
        """All supported sequences of a length in lexicographic order, a batch at a time.

        Args:
            length: L ≥ 1.
            batch_size: Most sequences of one batch; memory does not grow beyond a few times L·V such batches.
        """
        edges, length = self.edges(length), check_count("length", length)
        listed = list_paths(edges, length, check_count("batch_size", batch_size))
        return (torch.as_tensor(rows, device=self._device) for rows in listed)

    def sequences(self, length: int, *, limit: int = SEQUENCE_LIMIT) -> Int[Tensor, "N L"]:
        """All supported sequences of a length, in lexicographic order.

        Args:
            length: L ≥ 1.
            limit: Most sequences to list.

        Raises:
            ValueError: There are more than `limit`; `batches` gives them one batch after another.
        """
        limit, number = check_count("limit", limit), self.count(length)
        if number > limit:
            raise ValueError(
                f"{number} sequences of length {length} are supported, more than limit={limit}; "
                "batches(length) gives them one batch after another"
            )
        return torch.cat(list(self.batches(length)))

    def sample_uniform(
        self, num_sequences: int, length: int, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        """Draw sequences independently and uniformly from the support, to rounding, whatever their probability.

        Args:
            num_sequences: B ≥ 0.
            length: L ≥ 1.
            generator: Source of randomness on the language's device; None means torch's default.
        """
        batch = check_count("num_sequences", num_sequences, least=0)
        edges, length = self.edges(length), check_count("length", length)
        uniforms = torch.rand(length, batch, dtype=torch.float64, device=self._device, generator=generator)
        return torch.as_tensor(draw_paths(edges, uniforms.cpu().numpy()), device=self._device)

    def most_probable(self, length: int, *, prefix_limit: int = PREFIX_LIMIT) -> ExtremeSequence:
        """The sequence of highest probability under the language.

        Exact for n-grams. For a hidden Markov model this is the most probable *sequence*, hidden paths summed out, not
        the sequence along the most probable path: branch and bound, exact if it finishes within `prefix_limit` prefixes
        of each length, else the best sequence found with a certified bracket.

        Args:
            length: L ≥ 1.
            prefix_limit: Prefixes of one length that the search keeps; n-grams need no search.
        """
        return self._extreme(check_count("length", length), True, check_count("prefix_limit", prefix_limit))

    def least_probable(self, length: int, *, prefix_limit: int = PREFIX_LIMIT) -> ExtremeSequence:
        """The supported sequence of lowest probability under the language; as `most_probable`."""
        return self._extreme(check_count("length", length), False, check_count("prefix_limit", prefix_limit))

    # Pictures -----------------------------------------------------------------------------------------------------

    def graph(self) -> networkx.MultiDiGraph:
        """The automaton as a networkx graph, one edge for each token.

        Nodes are states with `label` (the context, or the set of hidden states), `start`, `prelude` (a context shorter
        than n − 1 tokens), `recurrent_class` (its number, −1 if transient) and `period` (of its class). Edges have the
        token as key, `token`, `symbol` (its name) and, for an n-gram, `probability`.
        """
        return support_graph(self.edges(), self.structure, self._labels)

    def draw(
        self,
        ax: Axes | None = None,
        *,
        prelude: bool = False,
        layout: Layout = "auto",
        edge_labels: EdgeLabels = "auto",
        title: str | None = None,
    ) -> Axes:
        """Draw the automaton so that a person can read it; `draw_graph` says what the signs and the options mean.

        Args:
            ax: Where to draw; None makes a figure.
            prelude: Whether to show an n-gram's contexts of less than n − 1 tokens; else short arrows mark the contexts
                that a sequence may start with.
            layout: How nodes are placed.
            edge_labels: What arrows say.
            title: A title.
        """
        check_drawable(self.num_states - (0 if prelude else self._labels.prelude))
        graph = self.graph() if prelude else without_prelude(self.graph())
        return draw_graph(graph, ax, layout=layout, edge_labels=edge_labels, title=title)

    def __repr__(self) -> str:
        if isinstance(self._edges, EdgeList):
            size = f"{self._edges.num_states} contexts, {len(self._edges.source)} edges"
        else:
            size = f"{self._edges.num_states} sets of {self._edges.num_hidden} hidden states met so far"
        return f"SupportAutomaton({size}, vocab_size={self.vocab_size})"
